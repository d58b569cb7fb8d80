"""`ginnel pipe` against what a shell's own pipes do."""

import json
import os
import signal
from pathlib import Path

from harness import ShellTest


class Pipe(ShellTest):
    def test_prints_what_the_shell_prints(self):
        self.assertEqual(self.sh(r"ginnel pipe -- printf 'hello\n' '|' sed s/h/H/").text, "Hello\n")

    def test_carries_any_bytes_as_the_shell_does(self):
        data = os.urandom(3_000_000)
        ours = self.sh("ginnel pipe -- cat '|' cat '|' cat", data)
        self.assertEqual(ours.out, self.sh("cat | cat | cat", data).out)
        self.assertEqual(ours.out, data)

    def test_ends_with_the_first_failure(self):
        self.sh("ginnel pipe -- sh -c 'exit 3' '|' sh -c 'exit 4' '|' true", code=3)
        self.sh("ginnel pipe -- true '|' sh -c 'kill -9 $$'", code=128 + 9)

    def test_ends_with_the_last_code_when_asked_as_a_shell(self):
        for stages in ("sh -c 'exit 3' | true", "true | sh -c 'exit 4'"):
            shell = self.sh(stages, code=None).code
            self.sh("ginnel pipe --last -- " + stages.replace("|", "'|'"), code=shell)

    def test_a_writer_whose_reader_had_enough_has_not_failed(self):
        self.assertEqual(self.sh("ginnel pipe -- yes '|' head -1").text, "y\n")

    def test_status_is_a_table_on_standard_error(self):
        done = self.sh("ginnel pipe --status -- sh -c 'echo a; exit 3' '|' cat", code=3)
        self.assertEqual(done.text, "a\n")
        self.assertRegex(done.errors, r"1 +exit 3 +sh -c")
        self.assertRegex(done.errors, r"2 +exit 0 +cat")
        self.assertNotIn("\x1b", done.errors)

    def test_json_tells_each_end(self):
        done = self.sh("ginnel pipe --json -- sh -c 'kill -TERM $$' '|' cat", code=128 + 15)
        facts = json.loads(done.errors)
        self.assertEqual([c["exit"] for c in facts["commands"]], [None, 0])
        self.assertEqual(facts["commands"][0]["signal"], "SIGTERM")
        self.assertEqual((facts["failed"], facts["timed_out"]), (0, False))

    def test_a_timeout_ends_all_commands(self):
        done = self.sh("ginnel pipe --timeout 100ms -- sleep 1000 '|' sleep 1000", code=1)
        self.assertIn("not done in time", done.errors)

    def test_says_which_stage_is_empty(self):
        for words in ("true '|' '|' true", "'|' true", "true '|'"):
            done = self.sh("ginnel pipe -- " + words, code=2)
            self.assertRegex(done.errors, r"stage \d of \d is empty")

    def test_a_program_that_is_not_there_is_named_and_nothing_else_runs(self):
        done = self.sh("ginnel pipe -- touch made '|' no-such-program-here", code=2)
        self.assertIn("no-such-program-here", done.errors)

    def test_another_separator(self):
        self.assertEqual(self.sh("ginnel pipe --separator , -- echo '|' , cat").text, "|\n")

    def test_a_signal_reaches_every_command_once_and_is_waited_for(self):
        line = ("exec ginnel pipe --last -- "
                "sh -c 'trap \"echo first >> told; exit\" TERM; : > up1; while :; do sleep 0.01; done' '|' "
                "sh -c 'trap \"sleep 0.1; echo second >> told; exit 7\" TERM; : > up2; while :; do sleep 0.01; done'")
        job = self.start(line)
        self.wait_for_path("up1")
        self.wait_for_path("up2")
        os.kill(job.pid, signal.SIGTERM)
        self.assertEqual(job.finish().code, 7)
        with open(self.path("told"), encoding="utf-8") as told:
            self.assertEqual(sorted(told.read().split()), ["first", "second"])

    def test_no_command_outlives_a_killed_ginnel(self):
        job = self.start("exec ginnel pipe -- sh -c 'echo $$ > pid1; exec sleep 1000' '|' sh -c 'echo $$ > pid2; exec sleep 1000'")
        pids = []
        for name in ("pid1", "pid2"):
            self.wait_until(lambda: os.path.exists(self.path(name)) and os.path.getsize(self.path(name)) > 0, name)
            with open(self.path(name), encoding="utf-8") as file:
                pids.append(int(file.read()))
        os.kill(job.pid, signal.SIGKILL)
        for pid in pids:
            self.wait_until(lambda: not os.path.exists(f"/proc/{pid}") or " Z " in Path(f"/proc/{pid}/stat").read_text(),
                            "the end of the command")
