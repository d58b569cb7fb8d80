"""How an applet is called."""

import os

from harness import GINNEL, ShellTest


class Names(ShellTest):
    def test_by_a_link_wherever_it_stands(self):
        os.symlink(GINNEL, self.path("flock"))
        self.assertEqual(self.sh("./flock f echo hi").text, "hi\n")
        self.assertEqual(self.sh('"$PWD/flock" f echo hi').text, "hi\n")
        self.assertEqual(self.sh("PATH=$PWD:$PATH; flock f echo hi").text, "hi\n")

    def test_complaints_bear_the_name_of_the_tool(self):
        os.symlink(GINNEL, self.path("ipcrm"))
        self.assertEqual(self.sh("./ipcrm foo", code=1).errors.splitlines()[0], "ipcrm: unknown argument: foo")
        self.assertEqual(self.sh("ginnel applet ipcrm foo", code=1).errors.splitlines()[0], "ipcrm: unknown argument: foo")

    def test_a_link_of_another_name_is_ginnel(self):
        os.symlink(GINNEL, self.path("other"))
        self.assertRegex(self.sh("./other --version").text, r"^ginnel \d")

    def test_words_are_passed_untouched(self):
        self.assertEqual(self.sh("ginnel applet flock f echo --version -- --help -n").text, "--version -- --help -n\n")

    def test_help_and_version_are_of_the_applet(self):
        for name in ("flock", "ipcmk", "ipcrm", "ipcs", "lslocks"):
            self.assertIn(f"\nUsage:\n {name} ", self.sh(f"ginnel applet {name} --help").text)
            self.assertRegex(self.sh(f"ginnel applet {name} -V").text, rf"^{name} from ginnel [0-9.]+, .* util-linux 2\.38\n$")

    def test_what_is_no_applet(self):
        self.assertIn("there are flock, ipcmk, ipcrm, ipcs, lslocks", self.sh("ginnel applet cat x -y", code=2).errors)
        self.assertIn("NAME is required", self.sh("ginnel applet", code=2).errors)
        shown = self.sh("ginnel applet --help").text
        self.assertIn("ginnel applet flock", shown)
        for name in ("flock", "ipcmk", "ipcrm", "ipcs", "lslocks"):
            self.assertRegex(shown, rf"(?m)^ {{22}}{name}: ")
