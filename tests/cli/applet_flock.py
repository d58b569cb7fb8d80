"""The applet flock beside flock(1)."""

import os

from harness import GINNEL, ShellTest
from oracle import AppletTest

TOOK = r"took [0-9.]+"


class Flock(AppletTest):
    def test_runs_a_command_and_passes_its_code_on(self):
        self.same("flock f echo hi", 0)
        self.same("flock f sh -c 'exit 5'", 5)
        self.same("flock f sh -c 'kill -KILL $$'", 128 + 9)
        self.same("flock -F f sh -c 'exit 7'; echo $?", 0)
        self.same("trap '' CHLD; flock f sh -c 'exit 3'", 3)

    def test_runs_a_line_by_the_shell_of_the_user(self):
        self.same("flock f -c 'echo $0; exit 3'", 3)
        self.same("flock f --command 'echo hi'", 0)
        self.same("SHELL=/bin/bash flock f -c 'echo $BASH'", 0)
        self.same("SHELL= flock f -c 'echo $0'", 0)
        self.same("unset SHELL; flock f -c 'echo $0'", 0)
        self.same("SHELL=/no/such flock f -c true", 69)

    def test_a_program_that_cannot_be_run(self):
        self.same("flock f no-such-program", 69)
        self.same("flock f /etc/passwd", 69)
        self.same("flock -F f no-such-program", 69)
        self.same("flock f ''", 69)
        self.same("printf 'echo script $1\\n' >s; chmod +x s; flock f ./s a; flock -F f ./s b", 0)

    def test_a_folder_that_is_not_there(self):
        self.same("flock f/ true; echo $?; ls", 0)
        self.same("flock no/such/f true", 66)

    def test_options_end_at_the_file(self):
        for line in ("flock f -- echo a", "flock f -n echo a", "flock f --com a", "flock f -cecho"):
            self.same(line, 69)
        self.same("flock -- f echo a", 0)
        self.same("flock -c echo f", 64)

    def test_a_file_is_made_and_a_directory_is_locked(self):
        self.same("umask 027; flock new true; stat -c %a new", 0)
        self.same("flock . echo dir", 0)
        self.same("flock -n . flock -n . echo inner", 1)
        self.same("flock no/such true", 66)
        self.same("flock '' true", 66)
        self.same("chmod 444 . ; flock /dev/null echo device", 0)

    def test_a_file_is_made_through_a_link_as_by_the_tool(self):
        self.same("rm -f target; ln -sf target link; flock link true; stat -c %F target", 0)

    def test_a_conflict_ends_with_one_or_the_code_asked_for(self):
        for inner, code in (("-n", 1), ("--nb", 1), ("-n -E 9", 9), ("-E 0 -n", 0), ("-w 0", 1), ("-w 0.01", 1),
                            ("--timeout .01 -E 77", 77), ("--wait 1e-9", 1), ("-n -w 60", 1), ("-s -n", 1),
                            ("-en --conflict-exit-code 255", 255)):
            self.same(f"flock -x f flock {inner} f echo not reached", code)
            self.same(f"flock -x f flock --verbose {inner} f echo not reached", code)

    def test_shared_goes_with_shared_only(self):
        self.same("flock -s f flock --shared -n f echo both", 0)
        self.same("flock -s f flock -n f echo both", 1)
        self.same("flock -s f flock -n -s -x f echo both", 1)
        self.same("flock -s f flock -n -x -s f echo both", 0)

    def test_long_options(self):
        fds = "sh -c 'for fd in /proc/$$/fd/*; do readlink $fd; done | grep -c /f$'"
        for line, code in (("flock --exclusive f flock --nonblock f echo no", 1), ("flock --nonblock --shared f echo yes", 0),
                           ("flock --exclusive f flock --nonblo --conflict-exit-code=6 f echo no", 6),
                           (f"flock --close f {fds}", 1), (f"flock --no-fork f {fds}", 0),
                           ("flock --exclusive f flock --timeout=0 f echo no", 1), ("flock --unlock f echo hi", 0),
                           ("flock --exclusive f flock --nonblocking f echo no", 1), ("flock --timeout f echo no", 64), ("flock --no f true", 64), ("flock --shared=1 f true", 64)):
            self.same(line, code)

    def test_unlock(self):
        self.same("flock -u f echo hi", 0)
        self.same("flock f flock -u f flock -n f echo another description", 1)
        self.same("flock -u -x f flock -n f echo no", 1)

    def test_the_command_holds_the_lock_unless_closed(self):
        fds = "sh -c 'for fd in /proc/$$/fd/*; do readlink $fd; done | grep -c /f$'"
        self.same(f"flock f {fds}", 0)
        self.same(f"flock -o f {fds}", 1)
        self.same("exec 5>out; flock f sh -c 'echo five >&5'; cat out", 0)
        self.same("mkfifo go; flock f sh -c 'cat go &'; flock -n f true; echo $?; : >go", 0)
        self.same("mkfifo go; flock -o f sh -c 'cat go &'; flock -n f true; echo $?; : >go", 0)
        self.same("mkfifo go; flock -F f sh -c 'cat go &'; flock -n f true; echo $?; : >go", 0)

    def test_a_descriptor_of_the_shell(self):
        self.same("exec 7>f; flock -x 7; flock -n f true; echo $?; flock -u 7; flock -n f true; echo $?", 0)
        self.same("exec 7>f; flock -s 7; flock -sn f true; echo $?; flock -n f true; echo $?; flock -x 7; flock -ns f true", 1)
        self.same("flock -n 9 9<.; echo $?; flock -n 9 9>&-", 65)
        self.same("exec 7>f 8>f; flock 7; flock -n -E 5 8", 5)
        self.same("(flock -n 9 || exit 1; echo inside; flock -n f echo no) 9>f", 1)
        self.same("exec 7>f; flock 7 true; ls", 0)
        self.same("exec 7>f; flock -F 7; flock -o 7; flock --verbose 7", 0, TOOK)
        for number in ("99", "abc", "3x", "' 99'", "+99", "99999999999", "-- -1"):
            self.same("flock " + number)

    def test_verbose(self):
        self.same("flock --verbose f echo hi", 0, TOOK)
        self.same("flock --verbose -u f echo hi", 0, TOOK)
        self.same("flock --verbose f -c true", 0, TOOK)
        self.same("flock --unl --verb f true", 0, TOOK)
        self.same("flock --verbose f true >/dev/full", 1)

    def test_verbose_is_not_lost_where_the_command_takes_flocks_place(self):
        for way in ("link", "applet"):
            self.assertIn("executing echo\nhi\n", self.run_as(way, "flock --verbose -F f echo hi").text)

    def test_numbers(self):
        for seconds in ("inf", "nan", "-1", "1e300", "1e10", "''", "' 1'", "'1 '", "0x10", "1,5", "x", "1x", "-0", "5.",
                        "9223372036854775807", "99999999999999999999"):
            self.same(f"flock -w {seconds} f true")
        for code in ("256", "-1", "x", "''", "99999999999", "' 3'"):
            self.same(f"flock -E {code} f true")

    def test_wrong_use(self):
        for words in ("", "f", "f -c", "f -c true x", "f -c -- echo", "-z", "--foo", "--ver f true", "-F -o f true", "-F -o",
                      "-E", "-E 3", "-s", "-c", "-n", "'-?'", "--close=3 f true"):
            self.same("flock " + words, 64)

    def test_as_another_user(self):
        self.need_root()
        nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups"
        self.same(f": >f; chmod 444 f; {nobody} flock f echo may be read", 0)
        self.same(f": >f; chmod 000 f; {nobody} flock f echo may not", 66)
        self.same(f"{nobody} flock new echo may not", 66)


class FlockWaits(ShellTest):
    """The two tools, each waiting for the other."""

    def setUp(self):
        super().setUp()
        self.need("flock")
        os.symlink(GINNEL, self.path("flock"))

    def hold(self, line):
        job = self.start(line)
        self.wait_for_path("held")
        return job

    def blocked_on_the_lock(self, job):
        with open("/proc/locks", encoding="ascii") as table:
            waiting = {line.split()[5] for line in table if "->" in line}
        return str(job.pid) in waiting

    def wait_and_hand_over(self, holder, waiter):
        holding = self.hold(f"mkfifo go; exec {holder} lockfile sh -c ': >held; cat go; echo first >>log'")
        waiting = self.start(f"exec {waiter} lockfile sh -c 'echo second >>log'")
        self.wait_until(lambda: self.blocked_on_the_lock(waiting), "a waiter in /proc/locks")
        self.sh(": >go")
        self.assertEqual((holding.finish().code, waiting.finish().code), (0, 0))
        self.assertEqual(self.sh("cat log").text, "first\nsecond\n")

    def test_the_tool_waits_for_the_applet(self):
        self.wait_and_hand_over("./flock", "flock")

    def test_the_applet_waits_for_the_tool(self):
        self.wait_and_hand_over("flock", "./flock")

    def test_with_a_timeout_the_lock_is_had_once_it_is_free(self):
        holding = self.hold("mkfifo go; exec flock lockfile sh -c ': >held; cat go'")
        waiting = self.start("exec ginnel applet flock -w 10000 lockfile echo had")
        self.wait_for_open(waiting, "lockfile")
        self.sh(": >go")
        holding.finish()
        self.assertEqual(waiting.finish().text, "had\n")
