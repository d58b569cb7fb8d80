"""`ginnel run`, seen through ipcs(1) and /proc."""

import os
import signal
import subprocess
import unittest
from pathlib import Path

from harness import ShellTest

AS_NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups "


def may_make_user_namespaces():
    return subprocess.run([*AS_NOBODY.split(), "unshare", "-Ui", "true"], capture_output=True, check=False).returncode == 0


class NewIpc(ShellTest):
    def ours(self):
        return os.readlink("/proc/self/ns/ipc")

    def test_has_none_of_our_objects(self):
        key = self.key()
        made = subprocess.run(["ipcmk", "-Q"], capture_output=True, text=True, check=True).stdout.split()[-1]
        self.addCleanup(subprocess.run, ["ipcrm", "-q", made], check=False)
        self.assertIn(f" {made} ", self.sh("ipcs -q").text)
        self.assertNotIn(f" {made} ", self.sh("ginnel run --new-ipc -- ipcs -a").text)
        self.assertIn("Message Queues", self.sh("ginnel run --new-ipc -- ipcs -a").text)
        self.assertTrue(key)

    def test_what_it_makes_is_not_ours(self):
        inside = self.sh("ginnel run --new-ipc -- sh -c 'ipcmk -M 4096 >&2; ipcs -m'").text
        self.assertRegex(inside, r"4096")
        self.assertNotEqual(self.sh("ginnel run --new-ipc -- readlink /proc/self/ns/ipc").text.strip(), self.ours())

    def test_the_code_is_passed_on(self):
        self.sh("ginnel run --new-ipc -- sh -c 'exit 4'", code=4)

    @unittest.skipUnless(os.geteuid() == 0 and may_make_user_namespaces(), "needs root and user namespaces")
    def test_without_privilege_through_a_user_namespace(self):
        done = self.sh(f"{AS_NOBODY} ginnel run --new-ipc -- sh -c 'id -u; readlink /proc/self/ns/ipc; ipcs -q; exit 4'", code=4)
        lines = done.text.splitlines()
        self.assertEqual(lines[0], "0")
        self.assertNotEqual(lines[1], self.ours())

    @unittest.skipUnless(os.geteuid() == 0, "needs root: to join a namespace")
    def test_joins_the_namespace_of_a_process(self):
        job = self.start("exec unshare --ipc sh -c 'ipcmk -Q > made; exec sleep 1000'")
        self.wait_until(lambda: Path(f"/proc/{job.pid}/comm").read_text() == "sleep\n", "a resident")
        with open(self.path("made"), encoding="utf-8") as made:
            number = made.read().split()[-1]
        self.assertIn(f" {number} ", self.sh(f"ginnel run --ipc-of {job.pid} -- ipcs -q").text)
        joined = self.sh(f"ginnel run --ipc-of {job.pid} --ns uts -- readlink /proc/self/ns/ipc").text.strip()
        self.assertEqual(joined, os.readlink(f"/proc/{job.pid}/ns/ipc"))

    def test_a_signal_goes_to_the_command(self):
        job = self.start("exec ginnel run --new-ipc -- sh -c 'trap \"exit 9\" TERM; : > up; while :; do sleep 0.01; done'")
        self.wait_for_path("up")
        os.kill(job.pid, signal.SIGTERM)
        self.assertEqual(job.finish().code, 9)

    def test_what_is_wrong_is_said(self):
        self.assertIn("--new-ipc", self.sh("ginnel run -- true", code=2).errors)
        self.assertIn("no command", self.sh("ginnel run --new-ipc", code=2).errors)
        self.assertIn("no process has this pid", self.sh("ginnel run --ipc-of 4194304 -- true", code=1).errors)
        self.sh("ginnel run --new-ipc -- no-such-program-here", code=2)
