"""Topics: messaging in shared memory, from the shell."""

import os

from harness import ShellTest


class Topic(ShellTest):
    def setUp(self):
        super().setUp()
        self.env["GINNEL_HOME"] = self.path("home")

    def readers_of(self, topic):
        folder = self.path("home/topic:" + topic)
        return sum(name.startswith("r.") for name in os.listdir(folder)) if os.path.isdir(folder) else 0

    def test_lines_arrive_in_order_and_then_the_end(self):
        reader = self.start("exec ginnel recv topic:robot/log --follow --lines")
        self.sh("seq 1000 | ginnel send topic:robot/log --lines")
        done = reader.finish()
        self.assertEqual(done.text, "".join(f"{n}\n" for n in range(1, 1001)))
        self.assertEqual(done.code, 0)

    def test_each_reader_gets_all(self):
        readers = [self.start("exec ginnel recv topic:all --count 3 --lines") for _ in range(3)]
        self.wait_until(lambda: self.readers_of("all") == 3, "three readers")
        self.sh("seq 3 | ginnel send topic:all --lines")
        for reader in readers:
            self.assertEqual(reader.finish().text, "1\n2\n3\n")

    def test_a_writer_without_a_reader_does_not_talk_to_the_wall(self):
        self.assertIn("no reader", self.sh("ginnel send topic:x --timeout 50ms hello", code=1).errors)

    def test_a_topic_goes_when_nobody_uses_it(self):
        reader = self.start("exec ginnel recv topic:x")
        self.wait_until(lambda: self.readers_of("x") == 1, "a reader")
        self.assertIn("1 reader", self.sh("ginnel rm topic:x", code=2).errors)
        self.sh("ginnel send topic:x bye")
        self.assertEqual(reader.finish().text, "bye")
        self.sh("ginnel rm topic:x")
        self.assertEqual(os.listdir(self.path("home")), [])
        self.sh("ginnel rm topic:x", code=1)

    def test_a_home_that_others_may_enter_is_refused_with_the_remedy(self):
        os.mkdir(self.path("home"), 0o755)
        self.assertIn("chmod 700", self.sh("ginnel recv topic:x", code=2).errors)
