"""What the tests of the command share.

A test runs shell lines as a user would type them, with `ginnel` in PATH, in a scratch folder of its own. Readiness is
found by looking at the kernel's tables, never by a sleep of a fixed length. Whatever a test starts is ended and whatever
it names is removed afterwards, also when it fails.

    GINNEL=build/release/bin/ginnel python3 -B -m unittest carry_fifo
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

GINNEL = os.path.abspath(os.environ.get("GINNEL", "build/release/bin/ginnel"))
LIMIT_S = float(os.environ.get("GINNEL_LIMIT_S", "60"))


class Finished:
    """How a shell line ended."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def text(self):
        return self.out.decode()

    @property
    def errors(self):
        return self.err.decode(errors="replace")


class Job:
    """A shell line that runs in the background, in a process group of its own."""

    def __init__(self, process, out, err):
        self.process, self._out, self._err = process, out, err

    @property
    def pid(self):
        return self.process.pid

    def signal(self, number):
        """To the whole group, as a terminal does."""
        os.killpg(self.process.pid, number)

    def so_far(self):
        with open(self._out.name, "rb") as file:
            return file.read()

    def finish(self, limit_s=LIMIT_S):
        code = self.process.wait(timeout=limit_s)
        with open(self._out.name, "rb") as out, open(self._err.name, "rb") as err:
            return Finished(code, out.read(), err.read())


class ShellTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="ginnel-cli-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.env = dict(os.environ, PATH=os.path.dirname(GINNEL) + ":" + os.environ["PATH"], LC_ALL="C.UTF-8")
        self.env.pop("NO_COLOR", None)
        self._jobs = 0
        self._word = f"ginnel-cli-{os.getpid()}-{random.randrange(1 << 32):08x}"

    # --- running

    def start(self, line, stdin=subprocess.DEVNULL, **options):
        """Starts a shell line; it is killed at the end of the test if it still runs."""
        self._jobs += 1
        out = open(f"{self.dir}/.out{self._jobs}", "wb")
        err = open(f"{self.dir}/.err{self._jobs}", "wb")
        with out, err:
            process = subprocess.Popen(["bash", "-c", line], cwd=self.dir, env=self.env, stdin=stdin, stdout=out,
                                       stderr=err, start_new_session=True, **options)
        self.addCleanup(self._end, process)
        return Job(process, out, err)

    def sh(self, line, data=b"", code=0, limit_s=LIMIT_S, **options):
        """Runs a shell line to its end and expects an exit code; None takes any."""
        source = tempfile.TemporaryFile()
        with source:
            source.write(data)
            source.seek(0)
            job = self.start(line, stdin=source, **options)
        done = job.finish(limit_s)
        if code is not None:
            self.assertEqual(done.code, code, f"{line}\nstdout: {done.out[:2000]!r}\nstderr: {done.errors[:2000]}")
        return done

    @staticmethod
    def _end(process):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()

    # --- names that nobody else uses, removed at the end

    def path(self, name):
        return os.path.join(self.dir, name)

    def name(self):
        """A name for POSIX objects, with its slash; queue, memory and semaphore of that name go at the end."""
        self._jobs += 1
        name = f"/{self._word}-{self._jobs}"
        for kind in ("mq", "shm", "sem"):
            self.addCleanup(self._remove, kind + ":" + name)
        return name

    def key(self):
        """A System V key, as the tools take it; what has that key goes at the end."""
        key = f"{random.randrange(1, 1 << 31):#x}"
        for option in ("-Q", "-M", "-S"):
            self.addCleanup(subprocess.run, ["ipcrm", option, key], stderr=subprocess.DEVNULL, check=False)
        return key

    def ipcmk(self, what):
        """Makes a System V object by ipcmk(1) (`-Q`, `-M SIZE`, `-S COUNT`) and gives its id; it goes at the end."""
        self.need("ipcmk")
        number = self.sh("ipcmk " + what).text.split()[-1]
        remove = {"Q": "-q", "M": "-m", "S": "-s"}[what[1]]
        self.addCleanup(subprocess.run, ["ipcrm", remove, number], stderr=subprocess.DEVNULL, check=False)
        return number

    def _remove(self, address):
        subprocess.run([GINNEL, "rm", address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)

    # --- waiting for what can be seen from outside

    def wait_until(self, condition, what):
        end = time.monotonic() + LIMIT_S
        while not condition():
            if time.monotonic() > end:
                self.fail("never came about: " + what)
            time.sleep(0.002)

    def wait_for_path(self, path):
        self.wait_until(lambda: os.path.lexists(os.path.join(self.dir, path)), path)

    def wait_for_socket(self, path):
        """Until a socket is bound to the path (or `@name`) and, unless it is a datagram socket, listens."""
        full = path if path.startswith("@") else os.path.join(self.dir, path)

        def bound():
            with open("/proc/net/unix", encoding="utf-8", errors="replace") as table:
                for row in table.read().splitlines()[1:]:
                    fields = row.split(maxsplit=7)  # Num RefCount Protocol Flags Type St Inode Path
                    if len(fields) == 8 and fields[7] in (full, path):
                        ready = fields[4] == "0002" or int(fields[3], 16) & 0x10000
                        if ready and (fields[7] == full or self._is_held_here(fields[6])):
                            return True
            return False

        self.wait_until(bound, "socket " + path)

    def _is_held_here(self, inode):
        """Whether a process that works in this test's folder has the socket: a relative name alone may be another test's."""
        return self._has_open(f"socket:[{inode}]", lambda pid: os.path.samefile(f"/proc/{pid}/cwd", self.dir))

    def wait_for_open(self, job, path):
        """Until a process of the job has the file open."""
        full = os.path.join(self.dir, path)
        self.wait_until(lambda: self._has_open(full, lambda pid: os.getpgid(int(pid)) == job.pid), "an open " + path)

    def _has_open(self, target, is_meant):
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):  # ended meanwhile, or another user's
                if not is_meant(pid):
                    continue
                if target in (os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")):
                    return True
        return False

    # --- what must be there

    def need(self, *tools):
        for tool in tools:
            if shutil.which(tool) is None:
                self.skipTest(f"{tool} is not installed")

    def need_root(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
