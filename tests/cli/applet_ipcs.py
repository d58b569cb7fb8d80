"""The applet ipcs beside ipcs(1), both looking at the same objects."""

import os

from oracle import AS_NOBODY, AppletTest

HERE = os.path.dirname(os.path.abspath(__file__))
SCENE = f'coproc scene {{ exec python3 -B "{HERE}/scene.py"; }}; read -r ready <&"${{scene[0]}}"; [ "$ready" = ready ] || exit 9'
FORMATS = ("", "-t", "-p", "-c", "-l", "-u")
SIZES = ("", "-b", "--human")


class Ipcs(AppletTest):
    def test_every_format_of_every_kind(self):
        lines = [f"ipcs {kind} {format_} {sizes}" for kind in ("", "-a", "-q", "-m", "-s", "-q -s") for format_ in FORMATS
                 for sizes in SIZES]
        shown = self.same_on(SCENE, lines)
        self.assertRegex(shown, r"0x00000011 .* 3200 +2")
        self.assertRegex(shown, r"1500 +2 +dest")

    def test_empty_tables(self):
        shown = self.same_on(":", [f"ipcs {format_} {sizes}" for format_ in FORMATS for sizes in SIZES])
        self.assertNotIn("0x", shown)

    def test_the_last_format_counts(self):
        self.same_on(SCENE, ["ipcs -c -p", "ipcs -p -c", "ipcs -l -t -u", "ipcs -b --human", "ipcs --human -b"])

    def test_long_options(self):
        self.same_on(SCENE, [f"ipcs --{word}" for word in (
            "queues", "shmems", "semaphores", "all", "time", "pid", "creator", "limits", "summary", "human", "bytes", "hu",
            "queues --id 0")])

    def test_one_object(self):
        lines = [f"ipcs -{kind} -i {number} {sizes}" for kind in "qms" for number in (0, 1, 2, 12, 99) for sizes in SIZES]
        self.same_on(SCENE, [*lines, "ipcs -mi0 -t", "ipcs -i 0 -l -m", "ipcs -i 99 -i 0 -m -m", "ipcs -m -i ' 0'"])

    def test_an_id_that_is_negative_is_not_found(self):
        """The tool of 2.38 takes it for the first object of the table, or crashes."""
        for way in ("link", "applet"):
            done = self.run_as(way, "ipcmk -S 1 >&2; ipcs -s -i -1")
            self.assertEqual((done.code, done.out), (0, b""))
            self.assertIn("ipcs: id -1 not found\n", done.errors)

    def test_wrong_use(self):
        for words in ("-i 0", "-i 0 -a", "-mqi 0", "-i x -m", "-i '' -m", "-i 0x0 -m", "-i 99999999999 -m", "-z", "--foo", "-i"):
            self.same("ipcs " + words, 1)
        self.same("ipcs foo bar", 0)

    def test_output_that_cannot_be_written(self):
        self.same("ipcs >/dev/full", 1)
        self.same("ipcs >&-", 0)
        self.same("for i in {1..200}; do ipcmk -Q; done >/dev/null; ipcs >&-; echo $?; ipcs -z 2>&-", 1)

    def test_times_are_those_of_the_time_zone(self):
        zones = ("UTC", "Asia/Kolkata", "America/New_York", "XXX-13:45")
        self.same_on(SCENE, [f"TZ={zone} ipcs {words}" for zone in zones for words in ("-t", "-m -i 0")])

    def test_what_another_user_may_see(self):
        self.need_root()
        lines = [f"{AS_NOBODY} ipcs {words}" for words in (*FORMATS, "-q -i 0", "-m -i 0", "-s -i 0", "-s -i 1", "-q -i 2")]
        self.same_on(SCENE, lines)

    def test_limits_that_were_changed(self):
        self.need_root()
        change = "echo {} >/proc/sys/kernel/{} || exit 9"
        limits = {"shmmax": 33554432, "shmall": 2097153, "shmmni": 100, "msgmni": 33, "msgmax": 1025, "msgmnb": 65537,
                  "sem": "33 3300 17 99"}
        setting = "\n".join(change.format(f"'{value}'", name) for name, value in limits.items())
        shown = self.same_on(setting, [f"ipcs -l {sizes}" for sizes in SIZES])
        self.assertIn("max seg size (kbytes) = 32768\n", shown)
        self.assertIn("max total shared memory (kbytes) = 8388612\n", shown)
        self.assertIn("max ops per semop call = 17\n", shown)

    def test_names_of_users(self):
        """One too long for its column, and one that has a number only."""
        self.need_root()
        passwd = "root:x:0:0::/:/bin/sh\\nan-uncommonly-long-name:x:65534:65534::/:/bin/sh\\n"
        self.apart = "unshare --ipc --mount"
        setting = f"printf '{passwd}' >passwd && mount --bind passwd /etc/passwd || exit 9; {SCENE}"
        shown = self.same_on(setting, ["ipcs", "ipcs -t", "ipcs -p", "ipcs -c"])
        self.assertIn("an-uncommo ", shown)
        without_name = f"export OTHER_USER=54321; {SCENE}"
        self.assertIn(" 54321 ", self.same_on(without_name, ["ipcs", "ipcs -t", "ipcs -p", "ipcs -c"]))
