"""Open files passed to a process that could not open them."""

import json
import os
import signal
import socket

from harness import ShellTest


class Descriptors(ShellTest):
    def test_a_receiver_reads_a_file_it_may_not_open(self):
        self.need_root()
        os.chmod(self.dir, 0o777)
        with open(self.path("file"), "w", encoding="ascii") as file:
            file.write("secret")
        os.chmod(self.path("file"), 0o600)
        job = self.start("! cat file 2>/dev/null && ginnel fd recv --listen unix-seq:s -- sh -c 'cat <&3'", user=65534)
        self.sh("ginnel fd send unix-seq:s ./file --timeout 50s")
        done = job.finish()
        self.assertEqual((done.code, done.out), (0, b"secret"))

    def test_both_sides_started_at_once_meet(self):
        done = self.sh("echo hi > file; ginnel fd recv --listen unix-seq:s -- sh -c 'cat <&3' & "
                       "ginnel fd send unix-seq:s ./file; wait")
        self.assertEqual(done.out, b"hi\n")

    def test_a_stream_carries_them_too_and_the_numbers_are_in_order(self):
        done = self.sh("echo 1 > a; echo 2 > b; ginnel fd recv --listen unix:s -- "
                       "sh -c 'cat <&4; cat <&3; echo $LISTEN_FDS' & ginnel fd send unix:s a b; wait")
        self.assertEqual(done.out, b"2\n1\n2\n")

    def test_ls_finds_the_passed_descriptor_in_the_receiver(self):
        self.start("ginnel fd recv --listen unix-seq:s -- sh -c 'echo $$ > pid.new; mv pid.new pid; exec sleep 1000'")
        self.sh("touch file; ginnel fd send unix-seq:s ./file --timeout 50s")
        self.wait_for_path("pid")
        self.assertRegex(self.sh("ls -l /proc/$(cat pid)/fd").text, f" 3 -> {self.dir}/file\n")

    def test_a_program_that_uses_the_plain_calls_passes_and_takes_them(self):
        with open(self.path("file"), "w", encoding="ascii") as file:
            file.write("by hand")
        job = self.start("ginnel fd recv --listen unix:s -- sh -c 'cat <&3'")
        self.wait_for_socket("s")
        with socket.socket(socket.AF_UNIX) as sender, open(self.path("file"), "rb") as file:
            sender.connect(self.path("s"))
            socket.send_fds(sender, [b"x"], [file.fileno()])
        self.assertEqual(job.finish().out, b"by hand")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(self.path("t"))
            server.listen()
            job = self.start("ginnel fd send unix:t ./file")
            with server.accept()[0] as taker:
                descriptor = socket.recv_fds(taker, 16, 3)[1][0]
        self.assertEqual(os.read(descriptor, 16), b"by hand")
        os.close(descriptor)
        self.assertEqual(job.finish().code, 0)

    def test_the_exit_code_of_the_command_is_passed_on(self):
        self.sh("touch a; ginnel fd send unix:s a --timeout 50s & ginnel fd recv --listen unix:s -- sh -c 'exit 37'",
                code=37)

    def test_they_are_listed_by_kind_and_target(self):
        done = self.sh("touch a; mkfifo x; ginnel fd send unix:s a fd:5 --timeout 50s 5<>x & "
                       "ginnel fd recv --listen unix:s --json")
        facts = [(f["fd"], f["kind"], f["access"], os.path.basename(f["target"])) for f in json.loads(done.text)]
        self.assertEqual([f[0] for f in facts], [3, 4])
        self.assertEqual([f[2:] for f in facts], [("read", "a"), ("both", "x")])

    def test_two_hundred_and_fifty_three_go_at_once_and_no_more(self):
        self.sh("touch $(seq 254); ginnel fd send unix:s $(seq 254)", code=2)
        done = self.sh("ginnel fd send unix:s $(seq 253) --timeout 50s & ginnel fd recv --listen unix:s")
        self.assertEqual(len(done.text.splitlines()), 254)

    def test_a_file_passed_for_appending_grows(self):
        self.sh("echo 1 > log; ginnel fd send --append unix:s log --timeout 50s & "
                "ginnel fd recv --listen unix:s -- sh -c 'echo 2 >&3'")
        with open(self.path("log"), encoding="ascii") as log:
            self.assertEqual(log.read(), "1\n2\n")

    def test_a_fifo_is_passed_once_its_other_side_is_there(self):
        done = self.sh("mkfifo x; ginnel fd send unix:s x --timeout 50s & ginnel fd recv --listen unix:s -- sh -c 'cat <&3' & "
                       "echo through the fifo > x; wait")
        self.assertEqual(done.out, b"through the fifo\n")
        done = self.sh("ginnel fd send --append unix:s x --timeout 50s & cat x & "
                       "ginnel fd recv --listen unix:s -- sh -c 'echo back >&3'; wait")
        self.assertEqual(done.out, b"back\n")

    def test_a_fifo_whose_other_side_does_not_come_holds_nobody_past_the_deadline(self):
        self.sh("mkfifo x")
        for line in ("fd send unix:s x --timeout 30ms", "fd send --append unix:s x --timeout 30ms",
                     "fd send unix:s x --nonblock"):
            with self.subTest(line):
                self.assertIn("x: the other side of this FIFO", self.sh("ginnel " + line, code=1).errors)

    def test_a_closed_descriptor_is_refused_by_its_name(self):
        self.assertIn("fd:77", self.sh("ginnel fd send unix:s fd:77", code=2).errors)

    def test_no_path_is_left_by_a_receiver_that_a_signal_ends(self):
        for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGALRM):
            job = self.start("ulimit -c 0; exec ginnel fd recv --listen unix-seq:s")
            self.wait_for_socket("s")
            job.signal(number)
            self.assertEqual(job.finish().code, -number)
            self.assertFalse(os.path.lexists(self.path("s")))
