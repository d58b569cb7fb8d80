"""Topics: messaging in shared memory, from the shell."""

import os
import signal

from harness import ShellTest


class Topic(ShellTest):
    def setUp(self):
        super().setUp()
        self.env["GINNEL_HOME"] = self.path("home")

    def readers_of(self, topic):
        folder = self.path("home/topic:" + topic)
        return sum(name.startswith("r.") for name in os.listdir(folder)) if os.path.isdir(folder) else 0

    def has(self, folder, file):
        folder = self.path("home/" + folder)
        return os.path.isdir(folder) and any(name.startswith(file) for name in os.listdir(folder))

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
        for option in ("", "--force "):
            refused = self.sh(f"ginnel rm {option}topic:x", code=2).errors
            self.assertIn("1 reader", refused)
            self.assertIn(f"ginnel({reader.pid})r", refused)
        self.sh("ginnel send topic:x bye")
        self.assertEqual(reader.finish().text, "bye")
        self.sh("ginnel rm topic:x")
        self.assertEqual(os.listdir(self.path("home")), [])
        self.sh("ginnel rm topic:x", code=1)

    def test_a_signal_leaves_no_topic_behind_that_nobody_else_is_in(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE, signal.SIGUSR1):
            for line, file in (("recv topic:x", "r."), ("send topic:x hello", "w.")):
                with self.subTest(number=number, line=line):
                    job = self.start("ulimit -c 0; exec ginnel " + line)
                    self.wait_until(lambda file=file: self.has("topic:x", file), "a file of its own")
                    self.wait_until(lambda number=number: self.holds_back(job.pid, number), "a wait that a signal does not end at once")
                    job.signal(number)
                    self.assertEqual(job.finish().code, -number)
                    self.assertEqual(os.listdir(self.path("home")), [])

    @staticmethod
    def holds_back(pid, number):
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            blocked = next(line for line in file if line.startswith("SigBlk:"))
        return int(blocked.split()[1], 16) >> (number - 1) & 1

    def test_a_signal_takes_no_topic_away_from_another(self):
        stays = self.start("exec ginnel recv topic:x")
        goes = self.start("exec ginnel recv topic:x")
        self.wait_until(lambda: self.readers_of("x") == 2, "two readers")
        self.wait_until(lambda: self.holds_back(goes.pid, signal.SIGTERM), "a wait that a signal does not end at once")
        goes.signal(signal.SIGTERM)
        self.assertEqual(goes.finish().code, -signal.SIGTERM)
        self.assertEqual(self.readers_of("x"), 1)
        self.sh("ginnel send topic:x hello")
        self.assertEqual(stays.finish().text, "hello")

    def test_a_signal_that_is_ignored_ends_no_reader(self):
        job = self.start("trap '' HUP; exec ginnel recv topic:x")
        self.wait_until(lambda: self.readers_of("x") == 1, "a reader")
        job.signal(signal.SIGHUP)
        self.sh("ginnel send topic:x hello")
        self.assertEqual(job.finish().text, "hello")

    def test_a_signal_leaves_nothing_of_a_reader_of_a_newest_value(self):
        job = self.start("exec ginnel recv latest:x")
        self.wait_until(lambda: self.has("latest:x", "r."), "a reader")
        job.signal(signal.SIGINT)
        self.assertEqual(job.finish().code, -signal.SIGINT)
        self.assertFalse(self.has("latest:x", "r."))

    def test_of_a_newest_value_the_newest_stays_and_is_read_any_number_of_times(self):
        self.sh("ginnel recv latest:state --nonblock", code=1)
        self.sh("seq 3 | ginnel send latest:state --lines")
        self.assertEqual(self.sh("ginnel recv latest:state; ginnel recv latest:state --json").text,
                         '3{"bytes":1,"data":"3"}\n')
        self.sh("ginnel send latest:state ''")
        self.assertEqual(self.sh("ginnel recv latest:state --lines").text, "\n")
        self.sh("ginnel rm latest:state")
        self.assertEqual(os.listdir(self.path("home")), [])

    def test_who_follows_a_newest_value_gets_each_new_one_and_the_end(self):
        follower = self.start("exec ginnel recv latest:state --follow --lines")
        self.wait_until(lambda: os.path.lexists(self.path("home/latest:state/r.00")), "a reader")
        writer = self.start("(for word in one two; do echo $word; until [ -e $word ]; do sleep 0.01; done; done) | ginnel send latest:state --lines")
        for so_far, seen in ((b"one\n", "one"), (b"one\ntwo\n", "two")):
            self.wait_until(lambda so_far=so_far: follower.so_far() == so_far, seen)
            self.sh("touch " + seen)
        done = follower.finish()
        self.assertEqual((done.text, done.code), ("one\ntwo\n", 0))
        self.assertEqual(writer.finish().code, 0)
        self.assertIn("EBUSY", self.two_writers())

    def two_writers(self):
        first = self.start("(echo one; exec sleep 1000) | ginnel send latest:state --lines")
        self.wait_until(lambda: self.sh("ginnel recv latest:state --nonblock", code=None).text == "one", "a value")
        errors = self.sh("ginnel send latest:state two", code=2).errors
        first.signal(9)
        return errors

    def test_a_home_that_others_may_enter_is_refused_with_the_remedy(self):
        os.mkdir(self.path("home"), 0o755)
        self.assertIn("chmod 700", self.sh("ginnel recv topic:x", code=2).errors)
