"""`ginnel tour` as a whole: what it says, and what it leaves."""

import glob
import json
import os
import signal
from pathlib import Path

from harness import GINNEL, ShellTest

ALL = ("pipe pipe-packets pipeline fifo unix-stream unix-seqpacket unix-datagram descriptor-passing posix-queue sysv-queue "
       "posix-shm sysv-shm memfd cross-memory posix-semaphore sysv-semaphore robust-mutex rwlock condition futex eventfd "
       "signals flock range-lock namespaces").split()


class Tour(ShellTest):
    def setUp(self):
        super().setUp()
        self.env["TMPDIR"] = self.dir

    def left_behind(self):
        """Of this tour alone: others may be at work on the machine."""
        return glob.glob(self.path("ginnel-tour-*")) + glob.glob(f"/dev/shm/*ginnel-tour-{self.tour_pid}-*")

    def test_all_is_as_promised(self):
        job = self.start("exec ginnel tour --json --quick")
        done = job.finish()
        self.tour_pid = job.pid
        facts = json.loads(done.text)
        wrong = {m["mechanism"]: m["failure"] for m in facts["mechanisms"] if not m["ok"]}
        self.assertEqual(wrong, {})
        self.assertEqual((done.code, facts["ok"]), (0, True))
        self.assertEqual([m["mechanism"] for m in facts["mechanisms"]], ALL)
        for mechanism in facts["mechanisms"]:
            self.assertTrue(mechanism["guarantees"] and mechanism["at_peer_death"], mechanism)
            self.assertGreater(mechanism["round_trip_ns"], 0)
        self.assertEqual(done.err, b"")
        self.assertEqual(self.left_behind(), [])

    def test_only_some_in_a_table_without_colours(self):
        done = self.sh("ginnel tour --quick --only pipe eventfd")
        self.assertRegex(done.text, r"(?s)mechanism +guaranteed here.*\npipe .*\neventfd .*2 mechanisms, all as promised")
        self.assertNotIn("\x1b", done.text)

    def test_one_alone_is_no_plural(self):
        self.assertTrue(self.sh("ginnel tour --quick --only eventfd").text.endswith("\n1 mechanism, as promised\n"))

    def test_a_wrong_name_shows_all(self):
        done = self.sh("ginnel tour --only pipes", code=2)
        for name in ALL:
            self.assertIn(name, done.errors)

    def test_a_mechanism_that_does_not_work_here_is_told_and_ends_with_2(self):
        # Without a shell tool in PATH there is no pipeline.
        done = self.sh("G=$(command -v ginnel); PATH=/nowhere; \"$G\" tour --quick --json --only pipeline pipe", code=2)
        facts = json.loads(done.text)
        self.assertEqual([m["ok"] for m in facts["mechanisms"]], [False, True])
        self.assertIn("printf", facts["mechanisms"][0]["failure"])

    def test_without_descriptors_it_leaves_nothing_behind(self):
        with open(GINNEL, "rb") as program:
            if b"__asan_init" in program.read():
                self.skipTest("a sanitizer needs descriptors of its own")
        for most in range(4, 10):
            with self.subTest(most):
                job = self.start(f"ulimit -n {most}; exec ginnel tour --quick --only pipe unix-stream")
                done = job.finish()
                self.assertNotIn(done.code, (0, 1))
                self.tour_pid = job.pid
                self.assertEqual(self.left_behind(), [])

    def test_a_signal_leaves_nothing_behind(self):
        # In an IPC namespace of its own, so that whatever is left there is the tour's.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGUSR1, signal.SIGRTMIN):
            job = self.start("rm -f pid; ginnel run --new-ipc -- bash -c '"
                             "(echo $BASHPID > pid; exec ginnel tour --only posix-shm sysv-shm sysv-semaphore sysv-queue fifo)"
                             "; echo $?; tail -qn +2 /proc/sysvipc/*'")
            self.wait_until(lambda: glob.glob(self.path("ginnel-tour-*")), "a tour under way")
            self.tour_pid = int(Path(self.path("pid")).read_text())
            os.kill(self.tour_pid, number)
            self.assertEqual(job.finish().text, f"{128 + number}\n")
            self.assertEqual(self.left_behind(), [])

    def test_a_signal_that_is_ignored_ends_nothing(self):
        job = self.start("trap '' HUP; exec ginnel tour --quick --only pipe eventfd futex")
        self.wait_until(lambda: glob.glob(self.path("ginnel-tour-*")), "a tour under way")
        job.signal(signal.SIGHUP)
        self.assertEqual(job.finish().code, 0)

    def test_a_killed_tour_leaves_no_process(self):
        job = self.start("exec ginnel tour")
        self.wait_until(lambda: Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split(), "a stop")
        job.process.kill()
        job.finish()

        def nobody_left():
            for stat in glob.glob("/proc/[0-9]*/stat"):
                try:
                    fields = Path(stat).read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
                except OSError:
                    continue
                if fields[3] == str(job.pid) and fields[0] != "Z":  # of its session
                    return False
            return True
        self.wait_until(nobody_left, "the end of its processes")
