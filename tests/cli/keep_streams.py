"""Standard streams that are closed, full, or fed by the megabyte."""

import os
import pty
import subprocess

from harness import ShellTest

PRINTING = ("--help", "mk --help", "--version", "ls", "ls --json", "limits", "limits --json", "explain ENOSPC", "graph",
            "graph --dot", "graph --json", "signal --list", "tour --quick --only pipe", "mk fifo:made")


class Output(ShellTest):
    def test_what_a_full_disk_did_not_take_is_told(self):
        for words in PRINTING:
            with self.subTest(words):
                done = self.sh(f"rm -f made; ginnel {words} > /dev/full", code=2)
                self.assertIn("write standard output: ENOSPC", done.errors)

    def test_what_has_nowhere_to_go_is_told(self):
        for words in PRINTING:
            with self.subTest(words):
                self.assertIn("standard output: EBADF", self.sh(f"rm -f made; ginnel {words} >&-", code=2).errors)

    def test_nobody_to_complain_to_is_no_failure(self):
        for words in ("ls", "limits", "graph", "explain ENOSPC"):
            with self.subTest(words):
                self.sh(f"ginnel {words} 2>&-", code=None if words == "ls" else 0)
                self.sh(f"ginnel {words} 2>/dev/full", code=None if words == "ls" else 0)

    def test_a_stream_that_fails_is_named_as_the_user_knows_it(self):
        for line, told in (("echo hi > x & ginnel recv fifo:x > /dev/full", "write standard output: ENOSPC"),
                           ("echo hi > x & ginnel relay fifo:x - > /dev/full", "write standard output: ENOSPC"),
                           ("cat x & ginnel send fifo:x <&-", "read standard input: EBADF"),
                           ("cat x & ginnel send fifo:x --file /", "read /: EISDIR")):
            with self.subTest(line):
                self.assertIn(told, self.sh("mkfifo x; trap 'rm x' EXIT; " + line, code=2).errors)


class Closed(ShellTest):
    def test_no_file_of_ginnels_gets_the_number_of_a_closed_stream(self):
        for number in "012":
            with self.subTest(number):
                self.sh(f"ginnel lock lockfile -- sh -c 'test ! -e /proc/$$/fd/{number}' {number}>&-")
                self.sh(f"ginnel lock lockfile -- sh -c 'echo into the lock file >&{number}' {number}>&-", code=None)
        self.assertEqual(os.path.getsize(self.path("lockfile")), 0)

    def test_the_commands_of_a_pipeline_find_them_of_no_use(self):
        self.assertIn("Bad file descriptor", self.sh("ginnel pipe -- cat '|' cat <&-", code=1).errors)
        self.assertIn("Bad file descriptor", self.sh("ginnel pipe -- echo a '|' cat >&-", code=1).errors)
        self.sh("ginnel pipe -- ls /nothing/there '|' cat 2>&-", code=2)

    def test_no_complaint_goes_to_the_peer(self):
        done = self.sh("ginnel recv --listen unix:s & ginnel send unix:s --file /nothing/there 2>&-;"
                       "ginnel send unix:s data 2>&-; wait")
        self.assertEqual(done.out, b"data")

    def test_a_receiver_needs_no_standard_input_and_a_sender_no_output(self):
        done = self.sh("mkfifo x; ginnel recv fifo:x <&- & ginnel send fifo:x word <&- >&-; wait")
        self.assertEqual(done.out, b"word")


class Terminal(ShellTest):
    def on_terminal(self, line, **variables):
        """What a terminal gets to see."""
        master, slave = pty.openpty()
        with os.fdopen(master, "rb", buffering=0) as screen:
            process = subprocess.Popen(["bash", "-c", line], cwd=self.dir, env=dict(self.env, TERM="xterm", **variables),
                                       stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
            self.addCleanup(self._end, process)
            os.close(slave)
            seen = b""
            while True:
                try:
                    piece = screen.read(65536)
                except OSError:  # EIO: nobody has the terminal open any more
                    break
                if not piece:
                    break
                seen += piece
        process.wait()
        return seen

    def test_colours_are_for_terminals_that_want_them(self):
        for line in ("ginnel pipe --status -- false", "ginnel explain ENOSPC semget", "ginnel signal --list"):
            with self.subTest(line):
                self.assertIn(b"\x1b[1m", self.on_terminal(line))
                self.assertNotIn(b"\x1b", self.on_terminal(line, NO_COLOR="1"))
                self.assertNotIn(b"\x1b", self.on_terminal("export TERM=dumb; " + line))
                self.assertNotIn(b"\x1b", self.on_terminal(line + " 2>&1 | cat"))


class Words(ShellTest):
    def test_a_verb_that_is_not_there_is_named(self):
        self.assertIn("no verb 'frobnicate'", self.sh("ginnel frobnicate", code=2).errors)
        self.assertIn("no verb is given", self.sh("ginnel", code=2).errors)
        self.assertIn("--nope", self.sh("ginnel --nope", code=2).errors)
        for line in ("fd", "fd frobnicate"):
            self.assertIn("send, recv", self.sh("ginnel " + line, code=2).errors)

    def test_the_name_of_a_verb_is_a_word_like_any_other_after_the_first(self):
        q = self.name()
        self.assertEqual(self.sh(f"ginnel mk mq:{q} >/dev/null; ginnel send mq:{q} pipe; ginnel recv mq:{q}").out, b"pipe")

    def test_an_empty_value_is_not_the_same_as_none(self):
        for line in ("recv fifo:x --timeout ''", "lock l --range '' -- true", "mk fifo:x --mode ''", "gc --apply ''",
                     "fd recv unix:s --timeout ''"):
            with self.subTest(line):
                self.assertIn("its value is empty", self.sh("ginnel " + line, code=2).errors)
        self.assertIn("duration inf", self.sh("ginnel recv fifo:x --timeout inf", code=2).errors)

    def test_a_number_that_is_none_or_too_large_is_refused_with_what_is_wanted(self):
        for line, wanted in (("recv mq:/q --count -1", "from 0 to 18446744073709551615"),
                             ("recv mq:/q --count 18446744073709551616", "from 0 to 18446744073709551615"),
                             ("mk mq:/q --messages 9223372036854775808", "to 9223372036854775807"),
                             ("mk mq:/q --messages 1.5", "no whole number"), ("mk sem:/s --count ten", "no whole number"),
                             ("send sysv-msg:0x1 x --type -9223372036854775809", "from -9223372036854775808"),
                             ("signal 1 0 --value 2147483648", "from -2147483648 to 2147483647"),
                             ("sem wait sysv-sem:0x1 --change -1", "from 0 to 32767"),
                             ("sem wait sysv-sem:0x1 --index 65536", "from 0 to 65535"),
                             ("run --ipc-of -1 -- true", "from 1 to 2147483647")):
            with self.subTest(line):
                done = self.sh("ginnel " + line, code=2)
                self.assertIn(wanted, done.errors)
                self.assertIn("--help", done.errors)
        for line in ("recv mq:/q --count 18446744073709551615", "send sysv-msg:0x1 x --type -9223372036854775808",
                     "recv mq:/q --count 0x10", "sem wait sysv-sem:0x1 --change 32767"):
            with self.subTest(line):
                self.assertIn("ENOENT", self.sh("ginnel " + line, code=1).errors)

    def test_what_a_pipeline_has_not_written_yet_is_waited_for_where_nothing_else_is(self):
        q, m = self.name(), self.name()
        self.sh(f"mkfifo go x; ginnel mk mq:{q}; ginnel mk shm:{m} --size 5; cat x > out & p=$!;"
                f"for a in mq:{q} shm:{m}; do cat go | ginnel send $a --nonblock & j=$!; echo late > go; wait $j || exit; done;"
                "cat go | ginnel send fifo:x --nonblock & j=$!; exec 3> go; echo late >&3; echo too >&3; exec 3>&-;"
                "wait $j || exit; wait $p")
        self.assertEqual(self.sh(f"ginnel recv mq:{q}; ginnel recv shm:{m}; cat out").out, b"late\n" * 3 + b"too\n")
        self.sh("exec 3<>x; head -c 1M /dev/zero | ginnel send fifo:x --nonblock", code=1)
