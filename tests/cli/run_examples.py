"""The examples, run as their first lines say."""

import os
import signal
import unittest

from harness import GINNEL, ShellTest

EXAMPLES = os.path.join(os.path.dirname(GINNEL), "..", "examples")


class Greeting(ShellTest):
    def setUp(self):
        super().setUp()
        self.env["PATH"] = EXAMPLES + ":" + self.env["PATH"]

    def test_the_server_greets_the_client_by_its_user_number(self):
        server = self.start("exec greeting serve ./s")
        self.wait_for_socket("./s")
        asked = self.sh("greeting ask ./s Ada")
        self.assertEqual(asked.text, f"Good morning Ada, user {os.geteuid()}\n")
        self.assertEqual(server.finish().code, 0)
        self.assertFalse(os.path.lexists(self.path("s")))

    def test_another_user_is_greeted_with_his_own_number(self):
        self.need_root()
        self.need("setpriv")
        os.chmod(self.dir, 0o755)
        server = self.start("exec greeting serve ./s")
        self.wait_for_socket("./s")
        asked = self.sh("setpriv --reuid 65534 --clear-groups greeting ask ./s Bo")
        self.assertEqual(asked.text, "Good morning Bo, user 65534\n")
        self.assertEqual(server.finish().code, 0)

    def test_a_client_without_a_server_is_told(self):
        asked = self.sh("greeting ask ./s Ada", code=2)
        self.assertIn("ENOENT", asked.errors)

    def test_a_client_that_says_nothing_leaves_no_path_behind(self):
        server = self.start("exec greeting serve ./s")
        self.wait_for_socket("./s")
        self.sh("ginnel relay unix-seq:./s - </dev/null")
        self.assertEqual(server.finish().code, 1)
        self.assertFalse(os.path.lexists(self.path("s")))

    def test_a_wrong_use_shows_the_right_one(self):
        self.assertIn("greeting serve PATH", self.sh("greeting", code=2).errors)


class Pose(ShellTest):
    def setUp(self):
        super().setUp()
        self.env["PATH"] = EXAMPLES + ":" + self.env["PATH"]
        self.env["GINNEL_HOME"] = self.path("home")

    def test_who_follows_gets_what_is_published_and_then_the_end(self):
        follower = self.start("exec pose follow robot/pose")
        self.sh("pose publish robot/pose")
        followed = follower.finish()
        self.assertEqual(followed.text, "0 0\n1 0.5\n2 1\n3 1.5\n4 2\n")
        self.assertEqual(followed.code, 0)

    def test_a_wrong_use_shows_the_right_one(self):
        self.assertIn("pose publish TOPIC", self.sh("pose", code=2).errors)


class Workers(ShellTest):
    def setUp(self):
        super().setUp()
        self.env["PATH"] = EXAMPLES + ":" + self.env["PATH"]
        self.env["GINNEL_HOME"] = self.path("home")

    def test_the_job_of_a_killed_worker_is_done_by_another(self):
        self.sh("workers hand-in jobs 5")
        killed = self.start("exec workers work jobs")
        self.wait_until(lambda: b"job 2" in killed.so_far(), "a worker at its second job")
        killed.signal(signal.SIGKILL)
        killed.finish()
        done = killed.so_far().count(b"job ") - 1
        rest = self.sh("workers work jobs").text
        self.assertTrue(rest.startswith(f"job {done + 1}, begun before by one who died\n"), rest)
        self.assertEqual(rest.count("job "), 5 - done)

    def test_a_wrong_use_shows_the_right_one(self):
        self.assertIn("workers work QUEUE", self.sh("workers", code=2).errors)


class State(ShellTest):
    def setUp(self):
        super().setUp()
        self.env["PATH"] = EXAMPLES + ":" + self.env["PATH"]
        self.env["GINNEL_HOME"] = self.path("home")

    def test_what_was_set_last_is_shown(self):
        self.assertEqual(self.sh("state show robot/state", code=1).text, "nobody has set it yet\n")
        self.sh("state set robot/state 12.5; state set robot/state 12.25")
        self.assertEqual(self.sh("state show robot/state").text, "12.25 V\n")

    def test_a_wrong_use_shows_the_right_one(self):
        self.assertIn("state show NAME", self.sh("state", code=2).errors)


class Chat(ShellTest):
    def setUp(self):
        super().setUp()
        self.env["PATH"] = EXAMPLES + ":" + self.env["PATH"]

    def test_who_connects_is_known_and_its_file_is_read_by_the_other(self):
        listener = self.start("exec chat listen ./s")
        self.wait_for_socket("./s")
        reply = self.sh("echo content > file; chat connect ./s hello < file")
        self.assertEqual(reply.text, f"You are user {os.geteuid()} and say hello, with a file: content\n\n")
        self.assertEqual(listener.finish().code, 0)
        self.assertFalse(os.path.lexists(self.path("s")))

    def test_a_wrong_use_shows_the_right_one(self):
        self.assertIn("chat listen PATH", self.sh("chat", code=2).errors)


class Planner(ShellTest):
    def setUp(self):
        super().setUp()
        self.env["PATH"] = EXAMPLES + ":" + self.env["PATH"]

    def test_all_who_ask_are_answered_by_one(self):
        server = self.start("exec planner serve ./s")
        self.wait_for_socket("./s")
        self.assertEqual(self.sh("planner ask ./s 3 4; planner ask ./s 5 12").text, "5\n13\n")
        server.signal(signal.SIGKILL)
        server.finish()
        self.assertIn("ECONNREFUSED", self.sh("planner ask ./s 3 4", code=2).errors)

    def test_a_wrong_use_shows_the_right_one(self):
        self.assertIn("planner serve PATH", self.sh("planner", code=2).errors)


if __name__ == "__main__":
    unittest.main()
