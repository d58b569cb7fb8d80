"""Channels: messages in shared memory between two processes that need not trust each other, from the shell."""

import json
import os
import signal
import socket
import stat

from harness import ShellTest


class Channel(ShellTest):
    def listen(self, options="--follow --lines", verb="recv", path="s"):
        job = self.start(f"exec ginnel {verb} --listen channel:{path} {options}")
        self.wait_for_socket(path)
        return job

    def test_both_sides_started_at_once_meet(self):
        done = self.sh("ginnel recv --listen channel:s & ginnel send channel:s hi; wait")
        self.assertEqual(done.out, b"hi")

    def test_lines_arrive_in_order_and_then_the_end(self):
        reader = self.listen()
        self.sh("seq 100000 | ginnel send channel:s --lines")
        done = reader.finish()
        self.assertEqual(done.text, "".join(f"{n}\n" for n in range(1, 100001)))
        self.assertEqual(done.code, 0)

    def test_messages_keep_their_boundaries_also_empty_ones(self):
        reader = self.listen("--count 0 --json")
        self.sh(r"printf 'a\n\nbcd\n' | ginnel send channel:s --lines")
        rows = [json.loads(row) for row in reader.finish().text.splitlines()]
        self.assertEqual([(row["bytes"], row["data"]) for row in rows], [(1, "a"), (0, ""), (3, "bcd")])

    def test_any_bytes_of_any_size_pass_as_they_are(self):
        quarter = (4 << 20) // 4 - 8
        for size in (0, 1, 7, 8, 4096, 65537, quarter):
            with self.subTest(size):
                data = os.urandom(size)
                reader = self.listen("")
                self.sh("ginnel send channel:s", data=data)
                self.assertTrue(reader.finish().out == data)

    def test_what_is_longer_than_a_quarter_of_the_ring_is_refused_until_the_ring_is_larger(self):
        reader = self.listen("")
        refused = self.sh("head -c 2M /dev/zero | ginnel send channel:s", code=2).errors
        self.assertIn("1048568 bytes, the longest message", refused)
        self.assertEqual(reader.finish().code, 1)
        reader = self.listen("")
        self.sh("head -c 2M /dev/urandom > in; ginnel send channel:s --capacity 16M --file in")
        with open(self.path("in"), "rb") as file:
            self.assertTrue(reader.finish().out == file.read())
        self.assertIn("--capacity is for topic and channel", self.sh("ginnel send unix-seq:s --capacity 1M x", code=2).errors)

    def seqpacket_server(self, name):
        server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(server.close)
        server.bind(self.path(name))
        server.listen(1)
        server.settimeout(60)
        return server

    def accept(self, server):
        peer, _ = server.accept()
        self.addCleanup(peer.close)
        peer.settimeout(60)
        return peer

    def test_who_comes_may_be_the_one_who_receives(self):
        server = self.seqpacket_server("q")
        relay = self.listen("unix-seq:q", verb="relay")
        reader = self.start("exec ginnel recv channel:s --count 3 --lines")
        peer = self.accept(server)
        for message in (b"1", b"2", b"3"):
            peer.send(message)
        self.assertEqual(reader.finish().text, "1\n2\n3\n")
        self.assertEqual(peer.recv(10), b"")
        peer.close()
        self.assertEqual(relay.finish().code, 0)

    def test_messages_go_both_ways_at_once_and_one_end_ends_both(self):
        servers = [self.seqpacket_server(name) for name in "pq"]
        relays = [self.listen("unix-seq:q", verb="relay"), self.start("exec ginnel relay unix-seq:p channel:s")]
        p, q = (self.accept(server) for server in servers)
        for n in range(1000):
            p.send(b"p%d" % n)
            q.send(b"q%d" % n)
            self.assertEqual(q.recv(100), b"p%d" % n)
            self.assertEqual(p.recv(100), b"q%d" % n)
        p.shutdown(socket.SHUT_WR)
        self.assertEqual((q.recv(100), p.recv(100)), (b"", b""))
        for peer in (p, q):
            peer.close()
        self.assertEqual([relay.finish().code for relay in relays], [0, 0])

    def test_a_relay_stands_between_two_and_carries_both_ways(self):
        back = self.start("exec ginnel recv --listen channel:t --follow --lines")
        self.wait_for_socket("t")
        between = self.start("exec ginnel relay --listen channel:s channel:t")
        self.wait_for_socket("s")
        self.sh("seq 1000 | ginnel send channel:s --lines")
        self.assertEqual(back.finish().text, "".join(f"{n}\n" for n in range(1, 1001)))
        self.assertEqual(between.finish().code, 0)

    def test_a_relay_makes_a_channel_of_a_socket_and_of_a_stream(self):
        reader = self.listen()
        self.sh("seq 3 | ginnel relay - channel:s --lines")
        self.assertEqual(reader.finish().text, "1\n2\n3\n")
        reader = self.listen("- --lines", verb="relay")
        between = self.start("exec ginnel relay --listen unix-seq:q channel:s")
        self.wait_for_socket("q")
        self.sh("seq 3 | ginnel send unix-seq:q --lines")
        self.assertEqual(reader.finish().text, "1\n2\n3\n")
        self.assertEqual(between.finish().code, 0)

    def test_a_sender_killed_in_the_middle_leaves_whole_messages_and_an_end(self):
        reader = self.listen("--follow --lines")
        sender = self.start("exec ginnel send channel:s --lines < <(exec seq 1000000000)")
        self.wait_until(lambda: reader.so_far().count(b"\n") > 1000, "messages")
        sender.signal(signal.SIGKILL)
        done = reader.finish()
        self.assertEqual(done.code, 0)
        numbers = [int(line) for line in done.text.splitlines()]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))

    def test_a_receiver_killed_in_the_middle_is_told_to_the_sender(self):
        reader = self.listen("--follow --lines")
        sender = self.start("exec ginnel send channel:s --lines < <(exec seq 1000000000)")
        self.wait_until(lambda: reader.so_far().count(b"\n") > 1000, "messages")
        reader.signal(signal.SIGKILL)
        done = sender.finish()
        self.assertEqual(done.code, 1)
        self.assertIn("the receiver has gone", done.errors)

    def test_a_sender_that_is_stopped_is_not_taken_for_dead(self):
        reader = self.listen("--follow --lines")
        sender = self.start("exec ginnel send channel:s --lines < <(echo 1; until [ -e go ]; do sleep 0.01; done; echo 2)")
        self.wait_until(lambda: reader.so_far() == b"1\n", "a first message")
        sender.signal(signal.SIGSTOP)
        switches = self.switches(reader.pid)  # the reader goes on to look for deaths
        self.wait_until(lambda: self.switches(reader.pid) > switches + 10, "looks for deaths")
        self.assertIsNone(reader.process.poll())
        self.sh("touch go")
        sender.signal(signal.SIGCONT)
        self.assertEqual(reader.finish().text, "1\n2\n")

    @staticmethod
    def switches(pid):
        total = 0
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as status:
                total += sum(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt_switches"))
        return total

    def test_the_path_is_gone_once_somebody_is_let_in_and_nothing_is_left(self):
        reader = self.listen()
        sender = self.start("exec ginnel send channel:s --lines < <(echo 1; exec sleep 60)")
        self.wait_until(lambda: reader.so_far() == b"1\n", "a first message")
        self.assertFalse(os.path.lexists(self.path("s")))
        sender.signal(signal.SIGKILL)
        self.assertEqual(reader.finish().code, 0)

    def test_no_path_is_left_by_a_listener_that_a_signal_ends(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for verb, options in (("recv", ""), ("relay", "-")):
                with self.subTest(number=number, verb=verb):
                    job = self.listen(options, verb=verb)
                    job.signal(number)
                    self.assertEqual(job.finish().code, -number)
                    self.assertFalse(os.path.lexists(self.path("s")))

    def test_the_path_of_a_killed_listener_is_taken_over_or_removed_but_not_that_of_a_live_one(self):
        path = self.path("s")
        for _ in range(2):  # the second one takes over what the first has left
            live = self.listen(path=path)
            self.assertIn(f"in use by ginnel({live.pid})", self.sh(f"ginnel rm channel:{path}", code=2).errors)
            self.assertIn("live socket", self.sh(f"ginnel rm --force channel:{path}", code=2).errors)
            self.assertIn("EADDRINUSE", self.sh("ginnel recv --listen channel:s", code=2).errors)
            live.signal(signal.SIGKILL)
            live.finish()
            self.assertTrue(os.path.lexists(path))
        self.sh(f"ginnel rm channel:{path}")
        self.assertFalse(os.path.lexists(path))
        self.sh(f"ginnel rm channel:{path}", code=1)

    def test_show_finds_the_listener_and_then_both_directions_of_its_ends(self):
        path = self.path("s")
        reader = self.listen(path=path)
        self.assertIn(f"ginnel({reader.pid})", self.sh(f"ginnel show channel:{path}").text)
        sender = self.start("exec ginnel send channel:s --lines < <(echo 1; exec sleep 60)")
        self.wait_until(lambda: reader.so_far() == b"1\n", "a first message")
        seen = [o for o in json.loads(self.sh("ginnel ls --json channel").out)["objects"]
                if {h["pid"] for h in o["holders"]} == {reader.pid, sender.pid}]
        self.assertEqual(len(seen), 2)
        shown = self.sh("ginnel show " + seen[0]["uid"]).text
        self.assertIn(f"ginnel({sender.pid})", shown)
        self.assertIn("established", self.sh(f"ginnel show channel:{path}").text)
        sender.signal(signal.SIGKILL)
        reader.finish()
        self.sh(f"ginnel show channel:{path}", code=1)

    def test_another_user_is_refused_and_the_wait_goes_on(self):
        self.need_root()
        os.chmod(self.dir, 0o755)
        reader = self.listen("--mode 666 --allow-uid root --lines")
        stranger = self.start("ginnel send channel:s intruder", user=65534).finish()
        self.assertEqual(stranger.code, 2)
        self.assertIn("does not admit this user", stranger.errors)
        self.sh("ginnel send channel:s welcome")
        done = reader.finish()
        self.assertEqual(done.out, b"welcome\n")
        self.assertIn("user 65534 is not on the list", done.errors)

    def test_another_user_cannot_even_knock_by_default(self):
        self.need_root()
        os.chmod(self.dir, 0o755)
        reader = self.listen("")
        self.assertEqual(stat.S_IMODE(os.stat(self.path("s")).st_mode), 0o600)
        self.assertIn("EACCES", self.start("ginnel send channel:s intruder", user=65534).finish().errors)
        self.sh("ginnel send channel:s welcome")
        self.assertEqual(reader.finish().out, b"welcome")

    def test_what_is_no_channel_is_told_from_both_sides(self):
        self.need("socat")
        server = self.start("exec ginnel recv --listen unix-seq:s --timeout 50s")
        self.wait_for_socket("s")
        self.assertIn("ECONNRESET", self.sh("ginnel send channel:s hi", code=2).errors)
        server.finish()
        reader = self.listen("")
        self.sh("echo nonsense | ginnel send unix-seq:s", code=None)
        self.sh("ginnel send channel:s hi")
        done = reader.finish()
        self.assertEqual(done.out, b"hi")
        self.assertIn("speaks no protocol of ginnel's", done.errors)

    def test_nobody_there_is_told_with_the_remedy(self):
        done = self.sh("ginnel send channel:s --nonblock hi", code=1)
        self.assertIn("--timeout", done.errors)
        self.assertIn("s: ENOENT", done.errors)
        self.sh("ginnel send channel:s --timeout 30ms hi", code=1)
        self.sh("ginnel recv channel:s --timeout 30ms", code=1)

    def test_nonblock_does_not_wait_for_messages_but_for_the_answer_of_who_is_there(self):
        reader = self.listen("")
        self.sh("ginnel send channel:s --nonblock hi")
        self.assertEqual(reader.finish().out, b"hi")

    def test_an_abstract_name_needs_no_path(self):
        name = f"@{os.path.basename(self.dir)}"
        done = self.sh(f"ginnel recv --listen channel:{name} & ginnel send channel:{name} hi; wait")
        self.assertEqual(done.out, b"hi")
        self.assertIn("abstract", self.sh(f"ginnel rm channel:{name}", code=2).errors)
        self.assertIn("--listen", self.sh("ginnel mk channel:s", code=2).errors)
