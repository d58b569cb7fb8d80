"""What ginnel says where /proc hides the processes of others: mounted with hidepid, in a mount namespace of the test's own."""

import json
import os
import subprocess
import sys
import unittest

from harness import GINNEL, LIMIT_S, ShellTest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures"))
import kernel  # noqa: E402

NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]


class HiddenProcesses(ShellTest):
    def setUp(self):
        super().setUp()
        self.need_root()
        self.need("unshare", "setpriv")
        # The command may lie where another user may not go; it is opened before the privilege is given up.
        self.command = os.open(GINNEL, os.O_RDONLY)
        self.addCleanup(os.close, self.command)
        self.key = int(self.key(), 16)
        self.segment = kernel.shmget(self.key, 4096)  # this process, its creator, lives

    def ginnel(self, hidepid, user, words):
        line = f'mount -t proc -o hidepid={hidepid} proc /proc && exec {" ".join(user)} /proc/self/fd/{self.command} {words}'
        done = subprocess.run(["unshare", "--mount", "bash", "-c", line], pass_fds=[self.command], capture_output=True,
                              timeout=LIMIT_S, check=False)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return json.loads(done.stdout)

    def found(self, seen):
        return next(o for o in seen["objects"] if o["kind"] == "sysv-shm" and o["name"] == f"sysv-shm:{self.key:#x}")

    def planned(self, plan):
        return [entry for entry in plan["entries"] if entry["name"] == f"sysv-shm:{self.key:#x}"]

    def test_nobody_is_called_dead_who_is_only_hidden(self):
        for hidepid in ("noaccess", "invisible"):
            seen = self.ginnel(hidepid, NOBODY, "ls --json")
            self.assertTrue(seen["coverage"]["processes_hidden"], hidepid)
            self.assertFalse(seen["coverage"]["complete"], hidepid)
            segment = self.found(seen)
            self.assertIsNone(segment["creator"], hidepid)
            self.assertIn("hidepid", segment["missing"]["creator"])
            self.assertEqual(segment["verdict"], "unknown", hidepid)
            self.assertTrue(any("hidepid" in reason for reason in segment["reasons"]), segment)
            self.assertEqual(self.planned(self.ginnel(hidepid, NOBODY, "gc --older 0s --json")), [])

    def test_nothing_is_hidden_from_who_may_trace_all(self):
        seen = self.ginnel("invisible", [], "ls --json")
        self.assertFalse(seen["coverage"]["processes_hidden"])
        self.assertEqual(self.found(seen)["creator"]["life"], "alive")


if __name__ == "__main__":
    unittest.main()
