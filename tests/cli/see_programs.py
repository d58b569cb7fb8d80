"""What `ginnel gc` says of the objects of real programs: nothing that lives is ever called safe.

Each program is started for the test in the scratch folder, used, and killed. Skipped where it is not installed.
"""

import contextlib
import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

from harness import GINNEL, LIMIT_S, ShellTest


# `likely` where a process, as a locked-down init, does not tell its network namespace.
MAY_GO = ("safe", "likely")


def find(program, *places):
    """In PATH, or where Debian keeps what is not meant for it."""
    found = shutil.which(program)
    if found:
        return found
    for place in places:
        matches = sorted(glob.glob(os.path.join(place, program)))
        if matches:
            return matches[-1]
    return None


class ProgramTest(ShellTest):
    def plan(self):
        return {e["name"]: e for e in json.loads(self.sh("ginnel gc --older 0s --json", code=None).out)["entries"]}

    def entry_of(self, name):
        """What a plan says of it. While another test has descriptors under way or processes that end, nothing is sure of memory and
        files, and they are in no plan: it is asked again."""
        found = []

        def is_planned():
            found[:] = [entry for planned, entry in self.plan().items() if planned == name]
            return found

        self.wait_until(is_planned, f"{name} in a plan")
        return found[0]

    def objects(self, *kinds):
        return json.loads(self.sh("ginnel ls --json " + " ".join(kinds), code=None).out)["objects"]

    def spawn(self, *command, **options):
        process = subprocess.Popen(command, cwd=self.dir, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True, **options)
        self.addCleanup(self._end, process)
        return process

    def remove_memory_later(self, pattern):
        """What appears under such a name from now on goes at the end of the test."""
        older = set(glob.glob(pattern))

        def remove():
            for path in set(glob.glob(pattern)) - older:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)

        self.addCleanup(remove)

    def have_died(self, group):
        def gone():
            for stat in glob.glob("/proc/[0-9]*/stat"):
                try:
                    with open(stat, encoding="utf-8", errors="replace") as file:
                        fields = file.read().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                if int(fields[2]) == group and fields[0] not in "ZX":
                    return False
            return True

        self.wait_until(gone, f"the end of process group {group}")

    def _kill_group(self, process):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=LIMIT_S)
        self.have_died(process.pid)


class PostgreSql(ProgramTest):
    def setUp(self):
        super().setUp()
        self.postgres = find("postgres", "/usr/lib/postgresql/*/bin")
        self.initdb = find("initdb", "/usr/lib/postgresql/*/bin")
        if self.postgres is None or self.initdb is None:
            self.skipTest("PostgreSQL is not installed")
        # The server refuses to run as root.
        self.user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] if os.geteuid() == 0 else []
        if self.user:
            self.need("setpriv")
            os.chmod(self.dir, 0o777)
        self.data = self.path("data")
        made = subprocess.run([*self.user, self.initdb, "-D", self.data, "-A", "trust", "-U", "test", "--no-sync"], cwd=self.dir,
                              env=dict(os.environ, LC_ALL="C"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertEqual(made.returncode, 0, made.stdout.decode())
        # A killed server leaves its memory behind, also what it made after we have looked.
        self.remove_memory_later("/dev/shm/PostgreSQL.*")
        self.socket = os.path.join(self.dir, f".s.PGSQL.{os.getpid() % 30000 + 20000}")

    def test_a_killed_server_leaves_what_is_likely_and_named_as_its_own(self):
        server = self.spawn(*self.user, self.postgres, "-D", self.data, "-k", self.dir, "-h", "", "-p",
                            self.socket.rsplit(".", 1)[1])
        self.wait_for_socket(self.socket)
        # Its children attach while it is starting: it has to be ready before it is looked at.
        pidfile = os.path.join(self.data, "postmaster.pid")
        self.wait_until(lambda: "ready" in self.text_of(pidfile), "a ready server")
        segment = int(self.text_of(pidfile).split("\n")[6].split()[1])
        memory = [o["name"] for o in self.objects("posix-shm") if any(h["pid"] == server.pid for h in o["holders"])]
        alive = self.plan()
        self.addCleanup(subprocess.run, ["ipcrm", "-m", str(segment)], stderr=subprocess.DEVNULL, check=False)
        mine = [o for o in self.objects("sysv-shm") if int(o["uid"].split("/")[2], 16) == segment and o["fill"]["capacity"] == 56]
        self.assertEqual(len(mine), 1)
        self.assertEqual(mine[0]["verdict"], "in-use")
        self.assertNotIn("unix:" + self.socket, alive)
        self.assertNotIn(mine[0]["name"], alive)
        self.assertEqual([name for name in memory if name in alive], [])

        self._kill_with_children(server)
        if os.geteuid() != 0:  # the kernel counts who is attached; who has memory open or mapped is told by processes alone
            after = self.plan()
            self.assertEqual([name for name in memory if name in after], [])
            memory = []
        for name in (mine[0]["name"], "unix:" + self.socket, *memory):
            entry = self.entry_of(name)
            self.assertEqual(entry["verdict"], "likely")
            self.assertTrue(any("PostgreSQL" in r and "next start" in r for r in entry["reasons"]), entry)

    def _kill_with_children(self, server):
        """Each of the server's processes has made a session of its own. A stopped server neither starts another nor lets one go."""
        server.send_signal(signal.SIGSTOP)
        self.wait_until(lambda: self.state_of(server.pid) == "T", "a server that stands still")
        with open(f"/proc/{server.pid}/task/{server.pid}/children", encoding="ascii") as file:
            children = [int(pid) for pid in file.read().split()]
        server.send_signal(signal.SIGKILL)
        server.wait(timeout=LIMIT_S)
        for pid in children:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.wait_until(lambda: not any(self.lives(pid) for pid in children), "the end of the server's processes")

    @staticmethod
    def text_of(path):
        with open(path, encoding="ascii") as file:
            return file.read()

    def lives(self, pid):
        return self.state_of(pid) not in "ZX"

    @staticmethod
    def state_of(pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                return file.read().rsplit(")", 1)[1].split()[0]
        except OSError:
            return "X"


class Redis(ProgramTest):
    def test_the_socket_of_a_killed_server_may_go_and_that_of_a_live_one_not(self):
        redis = find("redis-server")
        if redis is None:
            self.skipTest("redis is not installed")
        path = self.path("redis.sock")
        server = self.spawn(redis, "--port", "0", "--unixsocket", path, "--save", "", "--daemonize", "no")
        self.wait_for_socket(path)
        self.assertNotIn("unix:" + path, self.plan())
        self._kill_group(server)
        self.assertIn(self.entry_of("unix:" + path)["verdict"], MAY_GO)


class Nginx(ProgramTest):
    CONFIGURATION = """
        daemon off;
        pid {folder}/nginx.pid;
        error_log {folder}/error.log;
        worker_processes 2;
        events {{ }}
        http {{
          access_log off;
          client_body_temp_path {folder}/body;
          proxy_temp_path {folder}/proxy;
          fastcgi_temp_path {folder}/fastcgi;
          uwsgi_temp_path {folder}/uwsgi;
          scgi_temp_path {folder}/scgi;
          server {{
            listen unix:{folder}/nginx.sock;
            location / {{ return 200 "here"; }}
          }}
        }}
        """

    def test_the_socket_of_a_killed_server_may_go_and_that_of_a_live_one_not(self):
        nginx = find("nginx", "/usr/sbin")
        if nginx is None:
            self.skipTest("nginx is not installed")
        with open(self.path("nginx.conf"), "w", encoding="ascii") as file:
            file.write(self.CONFIGURATION.format(folder=self.dir))
        path = self.path("nginx.sock")
        server = self.spawn(nginx, "-p", self.dir, "-e", self.path("error.log"), "-c", self.path("nginx.conf"))
        self.wait_for_socket(path)
        self.assertIn(b"200 OK", self.ask(path))
        self.assertNotIn("unix:" + path, self.plan())
        self._kill_group(server)
        self.assertIn(self.entry_of("unix:" + path)["verdict"], MAY_GO)

    @staticmethod
    def ask(path):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return client.recv(4096)


class Xvfb(ProgramTest):
    def test_the_path_of_a_killed_display_is_likely_and_named_as_the_x_servers(self):
        xvfb = find("Xvfb")
        if xvfb is None:
            self.skipTest("Xvfb is not installed")
        folder = "/tmp/.X11-unix"
        if not os.path.exists(folder):
            self.addCleanup(os.rmdir, folder)
        # It finds a free display and tells its number.
        server = subprocess.Popen([xvfb, "-displayfd", "1", "-nolisten", "tcp", "-noreset"], cwd=self.dir, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(self._end, server)
        display = server.stdout.readline().decode().strip()
        self.assertTrue(display, "Xvfb did not start")
        path = f"{folder}/X{display}"
        for left in (path, f"/tmp/.X{display}-lock"):
            self.addCleanup(self._unlink, left)
        self.assertNotIn("unix:" + path, self.plan())
        self._kill_group(server)
        entry = self.entry_of("unix:" + path)
        self.assertEqual(entry["verdict"], "likely")
        self.assertTrue(any("the X server" in reason for reason in entry["reasons"]), entry)

    @staticmethod
    def _unlink(path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


class StressNg(ProgramTest):
    def test_nothing_of_running_stressors_is_safe(self):
        if find("stress-ng") is None:
            self.skipTest("stress-ng is not installed")
        self.remove_memory_later("/dev/shm/stress-ng-*")  # a stressor that is ended in the midst leaves it
        stress = self.spawn("stress-ng", "--mq", "1", "--msg", "1", "--shm", "1", "--shm-sysv", "1", "--sem", "1", "--sem-sysv", "1",
                            "--pipe", "1", "--sock", "1", "--sock-domain", "unix", "--shm-bytes", "1M", "--shm-sysv-bytes", "1M",
                            "--timeout", "60", "--temp-path", self.dir)
        held = set()
        end = time.monotonic() + 5
        while time.monotonic() < end:
            for one in self.objects():
                if one["holders"] or one["waiters"]:
                    held.add(one["uid"])
                    self.assertEqual(one["verdict"], "in-use", one)
        self.assertTrue(held)
        os.killpg(stress.pid, signal.SIGTERM)
        stress.wait(timeout=LIMIT_S)


class WithoutPrivilege(ShellTest):
    """The same, as a user who may look into its own processes only."""

    NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]

    def test_what_the_kernel_counts_may_go_and_what_processes_tell_may_not(self):
        self.need_root()
        self.need("setpriv")
        os.chmod(self.dir, 0o777)
        python = next(filter(self.is_for_nobody, (sys.executable, "/usr/bin/python3")), None)
        if python is None or not self.is_for_nobody(GINNEL):
            self.skipTest("the command or Python lies where another user may not go")
        tests = [f"see_programs.{one.__name__}" for one in ProgramTest.__subclasses__()]
        done = subprocess.run([*self.NOBODY, python, "-B", "-m", "unittest", "-v", *tests],
                              cwd=os.path.dirname(os.path.abspath(__file__)), env=dict(self.env, HOME=self.dir), capture_output=True,
                              text=True, timeout=LIMIT_S, check=False)
        print(done.stderr, file=sys.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)

    def is_for_nobody(self, program):
        return subprocess.run([*self.NOBODY, "test", "-x", program], check=False).returncode == 0


if __name__ == "__main__":
    unittest.main()
