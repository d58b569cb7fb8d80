"""FIFOs with ginnel, the shell and its tools at either end."""

import os
import signal

from harness import ShellTest


class Fifo(ShellTest):
    def test_a_line_goes_from_ginnel_to_ginnel(self):
        done = self.sh("ginnel mk fifo:x; ginnel recv fifo:x & echo payload | ginnel send fifo:x; wait")
        self.assertEqual(done.out.replace(b"fifo:x\n", b"", 1), b"payload\n")

    def test_cat_reads_what_ginnel_sends(self):
        done = self.sh("mkfifo x; cat x & echo payload | ginnel send fifo:x; wait")
        self.assertEqual(done.out, b"payload\n")

    def test_ginnel_reads_what_echo_writes(self):
        done = self.sh("mkfifo x; ginnel recv fifo:x & echo payload > x; wait")
        self.assertEqual(done.out, b"payload\n")

    def test_sixty_four_mebibytes_pass_byte_for_byte(self):
        self.sh("head -c 64M /dev/urandom > in; ginnel mk fifo:x >/dev/null;"
                "ginnel recv fifo:x > out & ginnel send fifo:x < in && wait $! && cmp in out")

    def test_a_word_is_sent_as_it_stands(self):
        done = self.sh(r"mkfifo x; cat x & ginnel send fifo:x 'a  b'; wait")
        self.assertEqual(done.out, b"a  b")

    def test_nobody_reading_is_told_at_the_deadline(self):
        done = self.sh("mkfifo x; ginnel send fifo:x --timeout 20ms data", code=1)
        self.assertIn("fifo:x", done.errors)

    def test_nobody_writing_is_told_at_the_deadline(self):
        done = self.sh("mkfifo x; ginnel recv fifo:x --timeout 20ms", code=1)
        self.assertIn("fifo:x", done.errors)

    def test_a_reader_that_goes_ends_the_sender(self):
        self.sh("mkfifo x; head -c 10 x >/dev/null & head -c 8M /dev/zero | ginnel send fifo:x", code=1)

    def test_the_end_of_a_pipeline_ends_the_receiver_quietly(self):
        done = self.sh("mkfifo x; (head -c 8M /dev/zero > x) 2>/dev/null & ginnel recv fifo:x | head -c 1 | wc -c")
        self.assertEqual((done.text.strip(), done.errors), ("1", ""))

    def test_an_existing_name_is_refused(self):
        done = self.sh("mkfifo x; ginnel mk fifo:x", code=2)
        self.assertIn("EEXIST", done.errors)

    def test_mode_is_exact_whatever_the_umask(self):
        self.sh("umask 077; ginnel mk fifo:x --mode 622")
        self.assertEqual(os.stat(self.path("x")).st_mode & 0o777, 0o622)

    def test_rm_takes_a_fifo_and_nothing_else(self):
        self.sh("mkfifo x; touch y; ginnel rm fifo:x; ginnel rm fifo:y", code=2)
        self.assertFalse(os.path.exists(self.path("x")))
        self.assertTrue(os.path.exists(self.path("y")))

    def test_a_missing_name_is_told(self):
        done = self.sh("ginnel rm fifo:x", code=1)
        self.assertIn("fifo:x", done.errors)

    def test_one_that_is_not_there_is_code_1_and_told_with_how_to_make_it(self):
        for line in ("send fifo:x data", "recv fifo:x", "relay fifo:x -", "relay - fifo:x"):
            done = self.sh("ginnel " + line, code=1)
            self.assertIn("open fifo x: ENOENT: ", done.errors)
            self.assertIn("'ginnel mk fifo:x' makes it", done.errors)

    def test_a_refusal_tells_whose_it_is_and_what_is_missing(self):
        self.assertIn("there is no directory no/dir: make it first", self.sh("ginnel mk fifo:no/dir/x", code=2).errors)
        self.need_root()
        os.chmod(self.dir, 0o1777)
        self.sh("ginnel mk fifo:x")
        as_nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups ginnel "
        for verb in ("send fifo:x data", "recv fifo:x"):
            self.assertIn("EACCES: it belongs to uid 0 and has mode 0600, and this process is uid 65534",
                          self.sh(as_nobody + verb, code=2).errors)
        self.assertIn("EPERM: it belongs to uid 0, and in a sticky directory", self.sh(as_nobody + "rm --force fifo:x", code=2).errors)

    def test_a_name_with_a_newline_stays_on_one_line(self):
        for line, code in (("rm fifo:$'a\\nb'", 1), ("recv fifo:$'a\\nb'", 1), ("mk fifo:$'no/a\\nb'", 2),
                           ("mk lock:$'a\\nb'", 2)):
            errors = self.sh("ginnel " + line, code=code).errors
            self.assertIn("a?b", errors.splitlines()[0])

    def test_a_terminated_receiver_ends_as_the_signal_says(self):
        self.sh("mkfifo x")
        job = self.start("exec ginnel recv fifo:x")
        self.wait_for_open(job, "x")
        job.signal(signal.SIGTERM)
        self.assertEqual(job.finish().code, -signal.SIGTERM)
        self.assertTrue(os.path.exists(self.path("x")))
