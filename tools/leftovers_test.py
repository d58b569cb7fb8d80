#!/usr/bin/env python3
"""The tests of tools/leftovers: each leaves something on purpose, where nobody else sees it, and wants it named."""

import os
import shutil
import subprocess
import tempfile
import unittest

TOOL = os.path.join(os.path.dirname(os.path.realpath(__file__)), "leftovers")


def isolated(*flags):
    """The command that gives a new namespace, as root or through a user namespace; None where neither is allowed."""
    command = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), *flags]
    works = subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
    return command if works else None


class Leftovers(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="leftovers-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        for name in ("tmp", "shm", "build"):
            os.mkdir(os.path.join(self.folder, name))
        self.environment = {**os.environ, "TMPDIR": self.path("tmp")}

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def command(self, action):
        return [TOOL, action, self.path("before"), "--build", self.path("build"), "--shm", self.path("shm"),
                "--grace-s", "0"]

    def run_tool(self, action):
        return subprocess.run(self.command(action), env=self.environment, capture_output=True, text=True, check=False)

    def run_in(self, namespace, make):
        """Snapshot, then the shell command `make`, then compare, all in one namespace."""
        script = 'make=$1; shift; "$@" || exit 99; eval "$make" >/dev/null || exit 98; shift 2; exec "$TOOL" compare "$@"'
        return subprocess.run([*namespace, "sh", "-c", script, "sh", make, *self.command("snapshot")],
                              env={**self.environment, "TOOL": TOOL, "MOUNT": self.path("tmp")},
                              capture_output=True, text=True, check=False)

    def assert_named(self, result, *names):
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        for name in names:
            self.assertIn(f"left behind: {name}", result.stdout)

    # Runs in a new IPC namespace, so that what others create on this machine meanwhile does not show.
    def test_nothing_left_passes(self):
        namespace = isolated("--ipc")
        if namespace is None:
            self.skipTest("no IPC namespace may be made here")
        with open(self.path("tmp", "ginnel-before"), "w", encoding="ascii"):
            pass
        result = self.run_in(namespace, "touch $MOUNT/not-of-ginnel")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_a_temporary_entry_is_named(self):
        self.run_tool("snapshot")
        os.mkdir(self.path("tmp", "ginnel-test-1"))
        self.assert_named(self.run_tool("compare"), self.path("tmp", "ginnel-test-1"))

    def test_posix_shared_memory_is_named(self):
        self.run_tool("snapshot")
        with open(self.path("shm", "somebody"), "w", encoding="ascii"):
            pass
        self.assert_named(self.run_tool("compare"), self.path("shm", "somebody"))

    def test_a_running_process_is_named(self):
        program = self.path("build", "hung")
        shutil.copy(shutil.which("cat"), program)
        self.run_tool("snapshot")
        with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
            result = self.run_tool("compare")
            child.kill()
        self.assert_named(result, f"process {child.pid}: hung")

    def test_sysv_objects_are_named(self):
        namespace = isolated("--ipc")
        if namespace is None:
            self.skipTest("no IPC namespace may be made here")
        result = self.run_in(namespace, "ipcmk -M 4096 && ipcmk -S 1 && ipcmk -Q")
        self.assert_named(result, "sysv-shm id=0", "sysv-sem id=0", "sysv-msg id=0")

    def test_a_posix_queue_is_named(self):
        namespace = isolated("--ipc", "--mount")
        if namespace is None:
            self.skipTest("no IPC and mount namespace may be made here")
        result = self.run_in(namespace, "mkdir $MOUNT/mq && mount -t mqueue none $MOUNT/mq && touch $MOUNT/mq/jobs")
        if result.returncode == 98:
            self.skipTest("the queues cannot be mounted here")
        self.assert_named(result, "mq:/jobs")


if __name__ == "__main__":
    unittest.main()
