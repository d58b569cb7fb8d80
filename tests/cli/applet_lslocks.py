"""The applet lslocks beside lslocks(8), in a PID namespace whose locks are the test's own."""

import shlex

from oracle import AS_NOBODY, AppletTest

# Locks of every kind, each held by a process that waits in a FIFO's open until all are killed with their namespace.
HOLDER = r"""
import fcntl, os, struct, sys
def opened(name, size):
    file = open(name, "w+b")
    file.truncate(size)
    return file
bytes_ = opened("a file with blanks", 5000)
fcntl.lockf(bytes_, fcntl.LOCK_EX, 100, 10)
shared = opened("shared", 0)
fcntl.flock(shared, fcntl.LOCK_SH)
odd = opened("odd\tn\\x41\u00e9\n\"", 1 << 30)
fcntl.flock(odd, fcntl.LOCK_SH)
gone = opened("gone", 1)
fcntl.flock(gone, fcntl.LOCK_EX)
os.unlink("gone")
elsewhere = opened("mounted here/x", 77)
fcntl.flock(elsewhere, fcntl.LOCK_EX)
ranges = opened("ranges", 100)
fcntl.fcntl(ranges, 37, struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 0, 50, 0))  # F_OFD_SETLK
lease = os.open("lease", os.O_RDONLY | os.O_CREAT)
fcntl.fcntl(lease, fcntl.F_SETLEASE, fcntl.F_RDLCK)
open("ready", "w").close()
open("never")
"""
SETTING = f"""
mkdir 'mounted here'; mount -t tmpfs none 'mounted here' || exit 9; mkfifo never
python3 -c {shlex.quote(HOLDER)} & holder=$!
until [ -e ready ]; do :; done
flock shared true & waiter=$!
until grep -q -e '-> FLOCK' /proc/locks; do :; done
"""
USUAL = ("", "-u", "-b", "-n", "-r", "-J", "-i", "--output-all", "-r --output-all", "-J --output-all", "-J -b --output-all",
         "-r -n", "-J -n", "-r -b -i", "-o PATH,PID", "-o +BLOCKER", "-o size,SIZE", "-o BLOCKER,M", "-J -o +inode -b",
         "--output-all -o PID", "-o PID -o PATH", "-n -o START,END", "-p 0", "-p -5", "-r -p 99999", "-J -p 99999", "words")


class Lslocks(AppletTest):
    def setUp(self):
        super().setUp()
        self.need_root()
        self.apart = "unshare --ipc --mount --pid --fork --mount-proc"

    def test_every_option(self):
        shown = self.same_on(SETTING, [f"lslocks {words}" for words in USUAL])
        self.assertRegex(shown, r"python3 +\d+ +POSIX +4.9K WRITE  0 +10 +109 /.*/a file with blanks\n")
        self.assertRegex(shown, r"flock +\d+ +FLOCK +WRITE\* ")

    def test_long_options(self):
        words = ("--bytes", "--json", "--noinaccessible", "--noheadings", "--output PATH,PID", "--output=+BLOCKER", "--raw",
                 "--notruncate", "--pid 0", "--pid=$holder", "--js --no-h", "--not --by", "--output-a --ra")
        self.same_on(SETTING, [f"lslocks {options}" for options in words])
        for options in ("--no", "--out PATH", "--pid", "--json --raw", "--bytes=1"):
            self.same("lslocks " + options)

    def test_one_process(self):
        self.same_on(SETTING, [f"lslocks -p ${who} {words}" for who in ("holder", "waiter") for words in
                               ("", "-o +BLOCKER", "-J", "-r", "-u -b")])

    def test_in_another_locale(self):
        self.same_on(SETTING, [f"LC_ALL=C lslocks -p $holder {words}" for words in ("", "-r", "-J")])

    def test_what_another_user_may_see(self):
        words = ("", "-i", "-J -i", "--output-all", "-J --output-all")
        self.same_on(SETTING, [f"{AS_NOBODY} lslocks {options}" for options in words])

    def test_on_a_terminal_paths_are_cut(self):
        """script(1) gives the tool a terminal of its own."""
        self.need("script")
        lines = [f"script -qec 'stty cols {width}; lslocks {words}' /dev/null </dev/null" for width in (30, 75, 90, 200)
                 for words in ("-p $holder", "-u -p $holder", "--output-all -p $holder")]
        self.same_on(SETTING + "export holder", lines)

    def test_without_locks(self):
        self.same("lslocks -p 99999; lslocks -i -J -p 99999 >/dev/null", 0)

    def test_wrong_use(self):
        for words in ("-z", "-o foo", "-o foo,bar", "-o PATH,foo", "-o PATH,", "-o PID,,PATH", "-o ,PID", "-o +,PID", "-o ,", "-o ''", "-o +", "-p x", "-p ''", "-J -r",
                      "-rJ", "-p 99999999999", "-o", "--output"):
            self.same("lslocks " + words, 1)
        self.same("lslocks -n -i >/dev/null extra words", 0)
