"""Unix sockets with ginnel, socat and nc at either end."""

import os
import signal
import socket
import stat

from harness import Job, ShellTest

# nc and socat stand for whatever is written against the socket interface.


class Stream(ShellTest):
    def test_both_sides_started_at_once_meet(self):
        done = self.sh("ginnel recv --listen unix:s & echo hi | ginnel send unix:s; wait")
        self.assertEqual(done.out, b"hi\n")

    def test_ginnel_listens_and_nc_connects(self):
        self.need("nc")
        job = self.start("ginnel recv --listen unix:s")
        self.wait_for_socket("s")
        self.sh("echo hi | nc -N -U s")
        done = job.finish()
        self.assertEqual((done.code, done.out), (0, b"hi\n"))
        self.assertFalse(os.path.lexists(self.path("s")))

    def test_what_nc_sends_arrives_at_once_though_it_does_not_end_with_its_input(self):
        self.need("nc")
        job = self.start("ginnel recv --listen unix:s")
        self.wait_for_socket("s")
        sender = self.start("echo hi | nc -U s")
        self.wait_until(lambda: job.so_far() == b"hi\n", "what nc has sent")
        sender.signal(signal.SIGKILL)
        self.assertEqual(job.finish().out, b"hi\n")

    def test_ginnel_listens_and_socat_connects(self):
        self.need("socat")
        job = self.start("ginnel recv --listen unix:s")
        self.wait_for_socket("s")
        self.sh("echo hi | socat -u - UNIX-CONNECT:s")
        self.assertEqual(job.finish().out, b"hi\n")

    def test_of_thirty_two_listeners_one_gets_the_path_and_the_message(self):
        jobs = [self.start("ginnel recv --listen unix:s --timeout 50s") for _ in range(32)]
        self.wait_until(lambda: sum(job.process.poll() is not None for job in jobs) == 31, "31 that were refused")
        for job in jobs:
            if job.process.poll() is not None:
                self.assertIn("EADDRINUSE: a live server has this path", job.finish().errors)
        self.sh("ginnel send unix:s word")
        self.assertEqual([done.out for done in map(Job.finish, jobs) if done.code == 0], [b"word"])

    def test_nc_listens_and_ginnel_sends(self):
        self.need("nc")
        job = self.start("nc -lU s")
        self.wait_for_socket("s")
        self.sh("echo hi | ginnel send unix:s")
        self.assertEqual(job.finish().out, b"hi\n")

    def test_socat_listens_and_ginnel_sends(self):
        self.need("socat")
        job = self.start("socat -u UNIX-LISTEN:s,unlink-close -")
        self.wait_for_socket("s")
        self.sh("echo hi | ginnel send unix:s")
        self.assertEqual(job.finish().out, b"hi\n")

    def test_socat_serves_and_ginnel_receives(self):
        self.need("socat")
        job = self.start("echo hi | socat -u - UNIX-LISTEN:s")
        self.wait_for_socket("s")
        self.assertEqual(self.sh("ginnel recv unix:s").out, b"hi\n")
        job.finish()

    def test_sixty_four_mebibytes_pass_byte_for_byte(self):
        self.sh("head -c 64M /dev/urandom > in; ginnel recv --listen unix:s > out & p=$!;"
                "ginnel send unix:s < in && wait $p && cmp in out")

    def test_an_abstract_name_needs_no_path(self):
        name = f"@{os.path.basename(self.dir)}"
        done = self.sh(f"ginnel recv --listen unix:{name} & ginnel send unix:{name} hi; wait")
        self.assertEqual(done.out, b"hi")

    def test_nobody_there_is_told_with_the_remedy(self):
        done = self.sh("ginnel send unix:s --nonblock hi", code=1)
        self.assertIn("--timeout", done.errors)
        self.assertIn("s: ENOENT", done.errors)

    def test_what_is_no_socket_is_told_at_once(self):
        self.sh(": > plain")
        for kind in ("unix", "unix-seq", "unix-dgram"):
            self.assertIn("plain: ECONNREFUSED: what has this path is no socket",
                          self.sh(f"ginnel send {kind}:plain --timeout 1000s hi", code=2).errors)

    def test_a_place_where_no_socket_can_be_made_is_told_with_the_path(self):
        for line in ("recv --listen unix:no/dir/s", "relay --listen unix:no/dir/s -", "fd recv --listen unix:no/dir/s",
                     "recv unix-dgram:no/dir/s"):
            self.assertIn("bind no/dir/s: ENOENT: there is no directory no/dir", self.sh("ginnel " + line, code=2).errors)

    def test_a_timeout_on_nobody_there_is_code_1(self):
        self.sh("ginnel send unix:s --timeout 30ms hi", code=1)

    def test_a_sender_that_waits_finds_a_listener_that_comes_later(self):
        sender = self.start("ginnel send unix:s --timeout 50s hi")
        done = self.sh("ginnel recv --listen unix:s")
        self.assertEqual((done.out, sender.finish().code), (b"hi", 0))

    def test_the_mode_is_exact_whatever_the_umask(self):
        job = self.start("umask 077; exec ginnel recv --listen unix:s --mode 662")
        self.wait_for_socket("s")
        self.assertEqual(stat.S_IMODE(os.stat(self.path("s")).st_mode), 0o662)
        self.sh("ginnel send unix:s ''")
        job.finish()

    def test_a_peer_off_the_list_is_refused_and_the_wait_goes_on(self):
        self.need_root()
        os.chmod(self.dir, 0o755)
        job = self.start("ginnel recv --listen unix:s --mode 666 --allow-uid root")
        self.wait_for_socket("s")
        stranger = self.start("ginnel send unix:s intruder", user=65534)
        stranger.finish()
        self.sh("ginnel send unix:s welcome")
        done = job.finish()
        self.assertEqual(done.out, b"welcome")
        self.assertIn("refused process", done.errors)

    def test_no_path_is_left_by_a_listener_that_a_signal_ends(self):
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGUSR1,
                       signal.SIGUSR2, signal.SIGXCPU, signal.SIGPIPE, signal.SIGRTMIN, signal.SIGRTMAX):
            with self.subTest(number):
                job = self.start("ulimit -c 0; exec ginnel recv --listen unix:s")
                self.wait_for_socket("s")
                job.signal(number)
                self.assertEqual(job.finish().code, -number)
                self.assertFalse(os.path.lexists(self.path("s")))

    def test_rm_takes_a_stale_path_and_leaves_a_live_one(self):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(self.path("s"))
            server.listen()
            done = self.sh("ginnel rm unix:s", code=2)
            self.assertIn(str(os.getpid()), done.errors)
            self.assertTrue(os.path.lexists(self.path("s")))
        self.sh("ginnel rm unix:s")
        self.assertFalse(os.path.lexists(self.path("s")))


class Messages(ShellTest):
    def test_a_seqpacket_keeps_its_boundaries(self):
        done = self.sh("ginnel recv --listen unix-seq:s --count 0 --json & printf 'a\\n\\nbc' | "
                       "ginnel send unix-seq:s --lines; wait")
        self.assertEqual(done.text.splitlines(), ['{"bytes":1,"data":"a"}', '{"bytes":0,"data":""}',
                                                  '{"bytes":2,"data":"bc"}'])

    def test_too_few_messages_are_counted(self):
        job = self.start("ginnel recv --listen unix-seq:s --count 3 --lines")
        self.sh("ginnel send unix-seq:s one --timeout 50s")
        done = job.finish()
        self.assertEqual((done.code, done.out), (1, b"one\n"))
        self.assertIn("the first 1 of 3", done.errors)

    def test_a_datagram_receiver_binds_and_takes_one_message(self):
        done = self.sh("ginnel recv unix-dgram:s & ginnel send unix-dgram:s hi; wait")
        self.assertEqual(done.out, b"hi")
        self.assertFalse(os.path.lexists(self.path("s")))

    def test_socat_sends_a_datagram(self):
        self.need("socat")
        job = self.start("ginnel recv unix-dgram:s")
        self.wait_for_socket("s")
        self.sh("printf hi | socat -u - UNIX-SENDTO:s")
        self.assertEqual(job.finish().out, b"hi")

    def test_no_path_is_left_by_a_datagram_receiver_that_a_signal_ends(self):
        job = self.start("exec ginnel recv unix-dgram:s")
        self.wait_for_socket("s")
        job.signal(signal.SIGTERM)
        self.assertEqual(job.finish().code, -signal.SIGTERM)
        self.assertFalse(os.path.lexists(self.path("s")))

    def test_a_message_too_long_is_told_with_the_address(self):
        with open("/proc/sys/net/core/wmem_default", encoding="utf-8") as setting:
            long = bytes(int(setting.read()))  # the send buffer has its own overhead to hold as well
        if len(long) >= 1 << 20:
            self.skipTest("the send buffer takes the longest message that ginnel reads")
        for kind, receive in (("unix-seq", "--listen "), ("unix-dgram", "")):
            self.start(f"ginnel recv {receive}{kind}:{kind}")
            self.wait_for_socket(kind)
            done = self.sh(f"ginnel send {kind}:{kind}", data=long, code=2)
            self.assertIn(f"sendmsg {kind}:{kind}: EMSGSIZE", done.errors)
            self.assertNotIn("fd ", done.errors)
