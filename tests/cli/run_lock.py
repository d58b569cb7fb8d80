"""`ginnel lock` and flock(1), each under the other's lock."""

import json
import os
import signal
from pathlib import Path

from harness import ShellTest

HOLD = "sh -c 'mkfifo let-go; : > held; cat let-go'"  # let-go is a FIFO: who holds waits in open for who lets go


class Lock(ShellTest):
    def hold(self, line):
        """Starts a line that makes the file `held` under its lock, and waits for that."""
        job = self.start(line)
        self.wait_for_path("held")
        return job

    def let_go(self, job, code=0):
        self.sh(": > let-go")
        self.assertEqual(job.finish().code, code)

    def test_the_command_of_the_list(self):
        self.sh("ginnel lock lockfile --timeout 5s -- sh -c 'echo critical >> log'")
        self.assertEqual(self.sh("flock lockfile -c 'echo critical >> log'; cat log").text, "critical\n" * 2)

    def test_flock_waits_for_ginnel(self):
        job = self.hold(f"ginnel lock lockfile -- {HOLD}")
        self.sh("flock --nonblock lockfile true", code=1)
        self.let_go(job)
        self.sh("flock --nonblock lockfile true")

    def test_ginnel_waits_for_flock(self):
        job = self.hold(f"flock lockfile {HOLD}")
        self.assertIn("held by pid", self.sh("ginnel lock lockfile --nonblock -- touch run", code=1).errors)
        self.sh("ginnel lock lockfile --timeout 20ms -- touch run", code=1)
        self.assertFalse(os.path.exists(self.path("run")))
        self.let_go(job)
        self.sh("ginnel lock lock:$PWD/lockfile --nonblock -- touch run")

    def test_shared_goes_with_shared(self):
        job = self.hold(f"flock --shared lockfile {HOLD}")
        self.sh("ginnel lock lockfile --shared --nonblock -- true")
        self.sh("ginnel lock lockfile --nonblock -- true", code=1)
        self.let_go(job)

    def test_the_code_of_the_command_is_passed_on(self):
        self.sh("ginnel lock lockfile -- sh -c 'exit 5'", code=5)
        self.sh("ginnel lock lockfile -- sh -c 'kill -KILL $$'", code=128 + 9)

    def test_a_child_that_inherited_the_lock_keeps_it_as_with_flock(self):
        self.sh("mkfifo let-go; ginnel lock lockfile -- sh -c '(cat let-go; : > gone) &'")
        self.sh("flock --nonblock lockfile true", code=1)
        self.sh(": > let-go")
        self.wait_for_path("gone")
        self.sh("flock --timeout 10 lockfile true")

    def test_with_close_it_does_not(self):
        self.sh("mkfifo let-go; ginnel lock lockfile --close -- sh -c 'cat let-go &'")
        self.sh("flock --nonblock lockfile true; : > let-go")

    def test_who_names_a_holder_by_flock(self):
        job = self.hold(f"flock lockfile {HOLD}")
        facts = json.loads(self.sh("ginnel lock lockfile --who --json").text)
        self.assertIn(("flock", "exclusive"), {(h["kind"], h["mode"]) for h in facts["holders"]})
        self.assertIn("flock", {h["command"] for h in facts["holders"]})
        self.assertRegex(self.sh("ginnel lock lockfile --who").text, r"pid +command +lock +mode")
        self.let_go(job)
        self.sh("ginnel lock lockfile --who", code=1)
        self.assertIn("there is no such file", self.sh("ginnel lock missing --who", code=1).errors)

    def test_ranges_meet_only_where_they_overlap(self):
        job = self.hold(f"ginnel lock lockfile --range 0:100 -- {HOLD}")
        self.sh("ginnel lock lockfile --range 100:100 --nonblock -- true")
        self.sh("ginnel lock lockfile --range 99:1 --nonblock -- true", code=1)
        holders = json.loads(self.sh("ginnel lock lockfile --who --json").text)["holders"]
        self.assertIn(("ofd", 0, 100), {(h["kind"], h["start"], h["length"]) for h in holders})
        self.let_go(job)

    def test_the_name_of_a_holder_cannot_play_with_the_terminal(self):
        self.need("flock")
        self.sh("cp $(command -v sleep) $'s\\x1b[2Jx'; mkfifo held")
        job = self.start("exec flock lockfile -c $'echo > held; exec ./s\\x1b[2Jx 1000'")
        self.sh("cat held")
        self.wait_until(lambda: b"s?[2Jx" in self.sh("ginnel lock lockfile --who", code=None).out, "the holder by its name")
        told = self.sh("ginnel lock lockfile --nonblock -- true", code=1).errors
        self.assertIn("(s?[2Jx)", told)
        self.assertNotIn("\x1b", told)
        job.signal(signal.SIGTERM)
        job.finish()

    def test_no_file_is_made_through_a_link(self):
        self.sh("ln -s planted lockfile")
        for option in ("", "--range 0:1 "):
            done = self.sh(f"ginnel lock lockfile {option}-- touch run", code=2)
            self.assertIn("ELOOP: a symbolic link", done.errors)
        self.assertEqual([name for name in ("planted", "run") if os.path.lexists(self.path(name))], [])
        self.sh(": > planted; ginnel lock lockfile -- flock --nonblock planted true", code=1)

    def test_what_is_wrong_is_said(self):
        self.assertIn("START:LENGTH", self.sh("ginnel lock lockfile --range 7 -- true", code=2).errors)
        self.assertIn("no command", self.sh("ginnel lock lockfile", code=2).errors)
        self.assertIn("no/such/dir/lockfile: ENOENT: there is no directory no/such/dir: make it first",
                      self.sh("ginnel lock no/such/dir/lockfile -- true", code=2).errors)
        self.assertIn("--nonblock", self.sh("ginnel lock lockfile --nonblock --timeout 1s -- true", code=2).errors)

    def test_a_signal_goes_to_the_command_and_frees_the_lock(self):
        job = self.hold("exec ginnel lock lockfile -- sh -c 'trap \"exit 9\" INT; : > held; while :; do sleep 0.01; done'")
        os.kill(job.pid, signal.SIGINT)
        self.assertEqual(job.finish().code, 9)
        self.sh("flock --nonblock lockfile true")

    def test_ctrl_c_while_waiting_ends_it(self):
        job = self.hold(f"flock lockfile {HOLD}")
        waiting = self.start("exec ginnel lock lockfile -- touch run")
        self.wait_until(lambda: "flock" in Path(f"/proc/{waiting.pid}/wchan").read_text() or
                        Path(f"/proc/{waiting.pid}/comm").read_text() == "ginnel\n", "ginnel waiting")
        waiting.signal(signal.SIGINT)
        self.assertEqual(waiting.finish().code, -signal.SIGINT)
        self.let_go(job)
        self.assertFalse(os.path.exists(self.path("run")))
