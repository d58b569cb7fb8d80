"""ginnel relay in the place of socat."""

import os
import signal

from harness import ShellTest


class Relay(ShellTest):
    def test_a_client_talks_both_ways_with_socat(self):
        self.need("socat")
        server = self.start("socat UNIX-LISTEN:s,unlink-close EXEC:cat")
        self.wait_for_socket("s")
        self.assertEqual(self.sh("printf 'a\\nb\\n' | ginnel relay unix:s -").out, b"a\nb\n")
        server.finish()

    def test_a_client_talks_with_nc(self):
        self.need("nc")
        server = self.start("echo from nc | nc -N -lU s")
        self.wait_for_socket("s")
        self.assertEqual(self.sh("echo from ginnel | ginnel relay unix:s -").out, b"from nc\n")
        self.assertEqual(server.finish().out, b"from ginnel\n")

    def test_nc_talks_with_a_listening_relay(self):
        self.need("nc")
        server = self.start("ginnel relay --listen unix:s -")
        self.wait_for_socket("s")
        self.sh("echo hi | nc -N -U s")
        done = server.finish()
        self.assertEqual((done.code, done.out), (0, b"hi\n"))

    def test_nc_talks_with_socat_as_in_the_manual(self):
        self.need("nc", "socat")
        server = self.start("socat - UNIX-LISTEN:s,unlink-close")
        self.wait_for_socket("s")
        self.sh("echo hi | ginnel relay - unix:s")
        self.assertEqual(server.finish().out, b"hi\n")

    def test_it_stands_between_a_client_and_a_server(self):
        server = self.start("ginnel recv --listen unix:t")
        between = self.start("ginnel relay --listen unix:s unix:t")
        self.wait_for_socket("s")
        self.sh("echo hi | ginnel send unix:s")
        self.assertEqual(server.finish().out, b"hi\n")
        self.assertEqual(between.finish().code, 0)

    def test_it_ends_when_the_server_goes_though_nobody_types(self):
        keyboard, typing = os.pipe()
        self.addCleanup(os.close, typing)
        server = self.start("echo bye | ginnel send unix:s --timeout 50s")
        with os.fdopen(keyboard) as stdin:
            client = self.start("ginnel relay --listen unix:s -", stdin=stdin)
        server.finish()
        self.assertEqual(client.finish().out, b"bye\n")

    def test_a_fifo_goes_to_standard_output(self):
        done = self.sh("mkfifo x; ginnel relay fifo:x - & echo hi > x; wait")
        self.assertEqual(done.out, b"hi\n")

    def test_messages_stay_messages(self):
        q = self.name()
        self.sh(f"ginnel mk mq:{q} && ginnel send mq:{q} one && ginnel send mq:{q} two")
        done = self.sh(f"ginnel recv --listen unix-seq:s --count 2 --lines & p=$!;"
                       f"ginnel relay mq:{q} unix-seq:s & wait $p; kill %2")
        self.assertEqual(done.out, b"one\ntwo\n")

    def test_lines_become_messages_only_when_asked(self):
        q = self.name()
        done = self.sh(f"ginnel mk mq:{q} >/dev/null; printf 'a\\nb\\n' | ginnel relay - mq:{q} --lines;"
                       f"ginnel recv mq:{q} --all --json")
        self.assertEqual(done.text.splitlines(), ['{"priority":0,"bytes":1,"data":"a"}',
                                                  '{"priority":0,"bytes":1,"data":"b"}'])
        self.assertIn("--lines", self.sh(f"echo a | ginnel relay - mq:{q}", code=2).errors)

    def test_no_path_is_left_by_a_relay_that_a_signal_ends(self):
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1):
            job = self.start("ulimit -c 0; exec ginnel relay --listen unix:s -")
            self.wait_for_socket("s")
            job.signal(number)
            self.assertEqual(job.finish().code, -number)
            self.assertFalse(os.path.lexists(self.path("s")))
