"""The examples, run as their first lines say."""

import os
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


if __name__ == "__main__":
    unittest.main()
