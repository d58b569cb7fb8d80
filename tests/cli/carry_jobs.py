"""Queues of jobs in shared memory, from the shell."""

import json
import os
import signal

from harness import ShellTest


class Job(ShellTest):
    def setUp(self):
        super().setUp()
        self.env["GINNEL_HOME"] = self.path("home")

    def test_the_highest_priority_comes_first_and_lines_in_order(self):
        made = json.loads(self.sh("ginnel mk queue:jobs --messages 10 --size 100 --priorities 4 --json").text)
        self.assertEqual((made["messages"], made["message_size"], made["priorities"]), (10, 100, 4))
        self.sh("seq 3 | ginnel send queue:jobs --lines; ginnel send queue:jobs --priority 3 urgent")
        self.assertEqual(self.sh("ginnel recv queue:jobs --all --lines").text, "urgent\n1\n2\n3\n")
        self.sh("ginnel recv queue:jobs --nonblock", code=1)

    def test_json_tells_priority_and_deliveries(self):
        self.sh("ginnel mk queue:jobs --priorities 2; ginnel send queue:jobs --priority 1 hello")
        told = json.loads(self.sh("ginnel recv queue:jobs --json").text)
        self.assertEqual(told, {"priority": 1, "deliveries": 1, "bytes": 5, "data": "hello"})

    def test_what_was_not_written_out_is_delivered_again(self):
        self.sh("ginnel mk queue:jobs; seq 2 | ginnel send queue:jobs --lines")
        self.sh("ginnel recv queue:jobs > /dev/full", code=2)
        told = json.loads(self.sh("ginnel recv queue:jobs --json").text)
        self.assertEqual((told["data"], told["deliveries"]), ("1", 2))
        self.assertEqual(self.sh("ginnel recv queue:jobs").text, "2")

    def test_a_relay_that_is_killed_loses_nothing(self):
        self.sh("ginnel mk queue:from --messages 1000; ginnel mk queue:to --messages 1")
        self.sh("seq 100 | ginnel send queue:from --lines")
        relay = self.start("exec ginnel relay queue:from queue:to")
        self.assertEqual(self.sh("ginnel recv queue:to").text, "1")
        relay.signal(signal.SIGKILL)
        relay.finish()
        rest = self.sh("ginnel recv queue:to --all --lines || true; ginnel recv queue:from --all --lines").text
        self.assertEqual(sorted({int(line) for line in rest.split()}), list(range(2, 101)))

    def test_a_full_queue_would_block(self):
        self.sh("ginnel mk queue:one --messages 1; ginnel send queue:one first")
        self.sh("ginnel send queue:one --nonblock second", code=1)
        self.sh("ginnel send queue:one --timeout 50ms second", code=1)

    def test_it_is_made_once_and_removed_when_nobody_uses_it(self):
        self.assertIn("ENOENT", self.sh("ginnel recv queue:jobs --nonblock", code=1).errors)
        self.sh("ginnel mk queue:jobs")
        self.assertIn("there is one already", self.sh("ginnel mk queue:jobs", code=2).errors)
        reader = self.start("exec ginnel recv queue:jobs --follow --lines")
        self.sh("ginnel send queue:jobs hello")
        self.wait_until(lambda: reader.so_far() == b"hello\n", "a reader at work")
        self.assertIn("1 participant uses it", self.sh("ginnel rm queue:jobs", code=2).errors)
        reader.signal(signal.SIGKILL)
        reader.finish()
        self.sh("ginnel rm queue:jobs")
        self.assertEqual(os.listdir(self.path("home")), [])
        self.sh("ginnel rm queue:jobs", code=1)

    def test_what_it_cannot_be_is_refused_with_the_range(self):
        self.assertIn("1 to 1048575", self.sh("ginnel mk queue:x --messages 0", code=2).errors)
        self.assertIn("1 to 64 priorities", self.sh("ginnel mk queue:x --priorities 65", code=2).errors)
        self.assertIn("its rights are those of", self.sh("ginnel mk queue:x --mode 666", code=2).errors)
        self.sh("ginnel mk queue:x --size 10")
        self.assertIn("11 bytes", self.sh("ginnel send queue:x 12345678901", code=2).errors)
        self.assertIn("no priority 1", self.sh("ginnel send queue:x --priority 1 x", code=2).errors)
