"""What the views show of objects and processes that are hard to show, and of what may not be seen: names that play with the
terminal, narrow screens, other users' processes."""

import contextlib
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import time
import unicodedata

from harness import GINNEL, ShellTest

NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups "

# Calls itself what is given, makes a full FIFO of that name, and writes to it.
WRITER = """
import ctypes, os, sys
name = os.fsencode(sys.argv[1])
ctypes.CDLL(None).prctl(15, name, 0, 0, 0)
path = b"f-" + name
os.mkfifo(path)
fifo = os.open(path, os.O_RDWR)
os.write(fifo, b"x" * 65536)
open("ready", "w").close()
os.write(fifo, b"x")
"""
# What a terminal takes for a command: by C0, by C1 as UTF-8, by C1 as a byte; and what turns the direction of the text.
WILD = [b"\x1b[31mred", b"two\nlines", b"bell\x07", b"c1\xc2\x9b31m", b"raw\x9b31m", b"no\xff\xfeutf", "\u202eturned".encode()]


def is_harmless(shown):
    """UTF-8 of which every character is printed, or ends a line."""
    return all(c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp") for c in shown.decode())


def columns_of(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


class Views(ShellTest):
    def python(self, text, *words, ready="ready"):
        """A process that runs this program in the test's folder, once it has made the file `ready`."""
        with open(self.path("program.py"), "w", encoding="utf-8") as file:
            file.write(text)
        process = subprocess.Popen([sys.executable, "-B", "program.py", *words], cwd=self.dir, start_new_session=True)
        self.addCleanup(self._end, process)
        self.wait_for_path(ready)
        return process

    def on_terminal(self, line, columns):
        """What the line prints on a terminal so wide."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        process = subprocess.Popen(["bash", "-c", line], cwd=self.dir, env=dict(self.env, NO_COLOR="1", TERM="xterm"),
                                   stdin=subprocess.DEVNULL, stdout=slave, stderr=subprocess.DEVNULL)
        os.close(slave)
        shown = b""
        with contextlib.suppress(OSError):  # EIO: nobody has the other side any more
            while part := os.read(master, 1 << 16):
                shown += part
        os.close(master)
        process.wait()
        return shown.decode().replace("\r\n", "\n").splitlines()

    def show(self, address):
        return json.loads(self.sh(f"ginnel show --json '{address}'").out)["objects"]


class Names(Views):
    def test_of_files_and_processes_do_not_play_with_the_terminal(self):
        self.need_root()  # to see who waits
        for name in WILD:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path("ready"))
            writer = self.python(WRITER, os.fsdecode(name))
            self.wait_until(lambda: b"pipe_write" in self.wchan(writer.pid), "a blocked writer")
            for view in ("ls fifo", f"show pid:{writer.pid}", f"why {writer.pid}", f"limits --pid {writer.pid}",
                         f"graph --pid {writer.pid}", f"explain EAGAIN write --pid {writer.pid}", "gc --older 0"):
                shown = self.sh("ginnel " + view, code=None)
                self.assertTrue(is_harmless(shown.out), (name, view, shown.out[:2000]))
                self.assertNotIn("\nlines", shown.text, (name, view))
            self._end(writer)

    @staticmethod
    def wchan(pid):
        with open(f"/proc/{pid}/wchan", "rb") as file:
            return file.read()

    def test_of_wide_and_of_combined_characters_leave_the_columns_aligned(self):
        for name in ("plain", "日本語", "e\u0301te\u0301", "кириллица"):
            os.mkfifo(self.path(name))
        rows = [row for row in self.sh("ginnel ls fifo -o name,kind").text.splitlines() if self.dir in row]
        self.assertEqual(len(rows), 4)
        self.assertEqual(len({columns_of(row[:row.rindex("fifo")]) for row in rows}), 1, rows)

    def test_that_are_no_utf8_keep_no_plan_from_being_applied(self):
        paths = [self.path("plain").encode(), os.fsencode(self.dir) + b"/odd\xff\x01"]
        for path in paths:
            os.mkfifo(path)
        plan = self.sh("ginnel gc --kind fifo --older 0 --json > plan.json; cat plan.json", code=None).out
        ours = [e for e in json.loads(plan)["entries"] if self.dir in e["name"]]
        if not ours:
            self.skipTest("too much may not be seen here for a plan")
        named = " ".join(f"--name '{entry['uid']}'" for entry in ours)
        results = json.loads(self.sh(f"ginnel gc --apply plan.json --json {named}").out)["results"]
        self.assertEqual({r["result"] for r in results if self.dir in r["name"]}, {"removed"}, results)
        self.assertEqual([path for path in paths if os.path.lexists(path)], [])


# As many children as are asked for, all of which read from one pipe that nobody writes to.
READERS = """
import os, sys, time
read, write = os.pipe()
for child in range(int(sys.argv[1])):
    if os.fork() == 0:
        os.read(read, 1)
        os._exit(0)
open("ready", "w").close()
time.sleep(600)
"""


FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures")
# A mutex at the start of a file, which is locked by the second process of a new pid namespace or, without `owner`, waited for.
MUTEX = f"""
import ctypes, mmap, os, sys, time
sys.path.insert(0, {FIXTURES!r})
import kernel
file = open(sys.argv[1], "r+b")
memory = mmap.mmap(file.fileno(), 4096)
mutex = ctypes.addressof(ctypes.c_char.from_buffer(memory))
if sys.argv[2] == "owner":
    if os.fork() != 0:
        time.sleep(600)
    kernel.shared_mutex(mutex)
    kernel.lock_mutex(mutex)
    open("locked", "w").close()
    time.sleep(600)
open("waits", "w").close()
kernel.lock_mutex(mutex)
"""


class Owners(Views):
    def test_of_a_mutex_are_known_by_what_they_call_themselves_in_their_pid_namespace(self):
        self.need_root()
        self.need("unshare")
        path = f"/dev/shm/ginnel-test-{os.getpid()}-{time.monotonic_ns()}"
        with open(path, "wb") as file:
            file.truncate(4096)
        self.addCleanup(os.unlink, path)
        with open(self.path("mutex.py"), "w", encoding="utf-8") as file:
            file.write(MUTEX)
        self.start(f"exec unshare --pid --fork --kill-child {sys.executable} -B mutex.py {path} owner")
        self.wait_for_path("locked")
        waiter = self.python(MUTEX, path, "waiter", ready="waits")
        self.wait_until(lambda: json.loads(self.sh(f"ginnel why {waiter.pid} --json", code=None).out)["chains"], "a wait")
        [chain] = json.loads(self.sh(f"ginnel why {waiter.pid} --json").out)["chains"]
        self.assertEqual(chain["end"], "running", chain)
        self.assertIn("python", chain["text"])
        with open(f"/proc/{chain['culprit']}/status", encoding="ascii") as status:
            [numbers] = [line.split()[1:] for line in status if line.startswith("NSpid:")]
        self.assertEqual(numbers[1:], ["2"], numbers)


# A server that sleeps, and a child of it that waits on a pair of sockets of its own and has kept the server's; or two readers of a
# full pipe, of which one is in a circle of locks with a third process.
STUCK_CHILD = """
import os, socket, sys, time
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind(sys.argv[1].replace("@", "\\0"))
if os.fork() == 0:
    ends = socket.socketpair()
    ends[0].recv(1)
open("ready", "w").close()
time.sleep(600)
"""
SENDER = """
import socket, sys
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sender.connect(sys.argv[1].replace("@", "\\0"))
open("sends", "w").close()
while True: sender.send(b"x")
"""
STUCK_READER = """
import fcntl, os, sys, time
read, write = os.pipe()
told, tell = os.pipe()
start, begin = os.pipe()
def take(first, second):
    files = [open(name, "w") for name in (first, second)]
    fcntl.flock(files[0], fcntl.LOCK_EX)
    os.write(tell, b".")
    os.read(start, 1)
    fcntl.flock(files[1], fcntl.LOCK_EX)
for names, reads in ((("one", "two"), True), (("two", "one"), False)):
    if os.fork() == 0:
        if not reads: os.close(read)
        os.close(write)
        take(*names)
if os.fork() == 0:
    os.close(write)
    open("healthy", "w").write(str(os.getpid()))
    time.sleep(600)
for _ in range(2): os.read(told, 1)
os.write(begin, b"..")
os.close(read)
while not os.path.exists("healthy"): time.sleep(0.01)
open("ready", "w").close()
while True: os.write(write, b"x" * 65536)
"""


class Culprits(Views):
    def chain_of(self, pid):
        chains = []
        def is_blocked():
            chains[:] = json.loads(self.sh(f"ginnel why {pid} --json", code=None).out)["chains"]
            return bool(chains)
        self.wait_until(is_blocked, "a wait")
        return chains[0]

    def test_who_sleeps_is_not_hidden_by_a_child_that_is_stuck(self):
        self.need_root()
        name = f"@ginnel-test-{os.getpid()}-{time.monotonic_ns()}"
        server = self.python(STUCK_CHILD, name)
        sender = self.python(SENDER, name, ready="sends")
        chain = self.chain_of(sender.pid)
        self.assertEqual([chain["end"], chain["culprit"]], ["running", server.pid], chain)
        self.assertIn(" or 1 other could end it", chain["text"])

    def test_a_reader_that_sleeps_is_not_hidden_by_one_in_a_deadlock(self):
        self.need_root()
        writer = self.python(STUCK_READER)
        self.wait_until(lambda: self.sh("ginnel why --deadlocks", code=None).code == 0, "a deadlock")
        chain = self.chain_of(writer.pid)
        with open(self.path("healthy"), encoding="ascii") as healthy:
            self.assertEqual([chain["end"], chain["culprit"]], ["running", int(healthy.read())], chain)


def nulls_of(value, path=""):
    """Where a document has a null for which no reason is given beside it."""
    if isinstance(value, list):
        return [found for one in value for found in nulls_of(one, path)]
    if not isinstance(value, dict):
        return []
    found = [f"{path}.{key}" for key, one in value.items() if one is None and not value.get("missing", {}).get(key)]
    return found + [more for key, one in value.items() for more in nulls_of(one, f"{path}.{key}")]


class Belongings(Views):
    def test_every_null_of_the_json_has_a_reason(self):
        os.mkfifo(self.path("fifo"))
        self.python("import mmap, os, socket, threading, time\nos.memfd_create('one')\nends = os.pipe(), socket.socketpair()\n"
                    "s = socket.socket(socket.AF_UNIX)\ns.bind('stale')\ns.close()\n"
                    "threading.Thread(target=threading.Lock().acquire, daemon=True).start()\nshared = mmap.mmap(-1, 4096)\n"
                    "open('ready', 'w').close()\ntime.sleep(600)")
        objects = json.loads(self.sh("ginnel ls --json").out)["objects"]
        for one in objects:
            self.assertEqual(nulls_of(one), [], one)
        self.assertTrue({"pipe", "fifo", "memfd", "unix"} <= {one["kind"] for one in objects})

    def test_of_one_name_in_two_mount_namespaces_are_told_apart(self):
        self.need_root()
        self.need("unshare", "mount")
        name = f"ginnel-test-{os.getpid()}-{time.monotonic_ns()}"
        with open("/dev/shm/" + name, "wb"):
            self.addCleanup(os.unlink, "/dev/shm/" + name)
        job = self.start("exec unshare --mount bash -c 'mount -t tmpfs none /dev/shm; "
                         f"touch /dev/shm/{name} made; exec sleep 600'")
        self.wait_for_path("made")
        self.wait_until(lambda: len(self.show("shm:/" + name)) == 2, "two of one name")
        inode = os.stat(f"/proc/{job.pid}/ns/mnt").st_ino
        rows = sorted(row for row in self.sh("ginnel ls posix-shm -o name").text.splitlines() if name in row)
        self.assertEqual(rows, [f"shm:/{name}", f"shm:/{name} (mount namespace {inode}, pid {job.pid})"])
        places = {o["details"]["mount-namespace"] for o in self.show("shm:/" + name)}
        self.assertIn(f"{inode} (pid {job.pid})", places)
        self.assertEqual(len(places), 2)
        self.assertIn(f"(mount namespace {inode}, pid {job.pid})", self.sh("ginnel show shm:/" + name).text)
        plan = json.loads(self.sh("ginnel gc --kind posix-shm --older 0 --json", code=None).out)
        entries = [e for e in plan["entries"] if e["name"] == "shm:/" + name]
        if entries:  # too much may be closed here for any to be planned
            self.assertIn(f"(mount namespace {inode}, pid {job.pid})", self.sh("ginnel gc --kind posix-shm --older 0").text)
            self.assertTrue(all(any("mount namespace" in line for line in e["evidence"]) for e in entries), entries)

    def test_of_a_namespace_are_those_that_its_processes_have(self):
        self.need_root()
        self.need("unshare")
        job = self.start(f"exec unshare --ipc {sys.executable} -B -c \"import os, time; os.pipe(); os.memfd_create('inside'); "
                         "open('inside', 'w').close(); time.sleep(600)\"")
        self.wait_for_path("inside")
        outside = self.python("import os, time\nos.pipe()\nopen('ready', 'w').close()\ntime.sleep(600)")
        inode = os.stat(f"/proc/{job.pid}/ns/ipc").st_ino
        objects = json.loads(self.sh(f"ginnel ls --ns {inode} --json").out)["objects"]
        self.assertTrue({"pipe", "memfd"} <= {o["kind"] for o in objects}, objects)
        for one in objects:
            held_from = {h["pid"] for h in one["holders"] + one["waiters"]}
            self.assertTrue(one["ns"] == inode or job.pid in held_from, one)
            self.assertNotEqual(held_from, {outside.pid})

    def test_of_a_namespace_that_nobody_is_in_are_an_error(self):
        done = self.sh("ginnel ls --ns 1234567", code=1)
        self.assertIn("--ns 1234567: nobody who may be seen is in such a namespace", done.errors)


class Plans(Views):
    def test_that_are_none_are_refused_in_words(self):
        entry = {"uid": "fifo@0/1/2/3", "kind": "fifo", "name": "fifo:/x", "verdict": "safe", "reasons": [], "evidence": []}
        good = {"plan_schema": 1, "plan": "0", "boot_id": "x", "taken_at": 1.0, "entries": [entry]}
        for text, said in (("", "no JSON"), ("{", "no JSON"), ("[]", "without 'plan_schema'"), ("7", "without 'plan_schema'"),
                           (json.dumps(dict(good, plan_schema="1")), "'plan_schema' is of another kind"),
                           (json.dumps(dict(good, plan_schema=2)), "of another version"),
                           (json.dumps(dict(good, taken_at=1e300)), "'taken_at' is no time"),
                           (json.dumps(dict(good, entries=3)), "without a list of 'entries'"),
                           (json.dumps(dict(good, entries=[3])), "without 'uid'"),
                           (json.dumps(dict(good, entries=[dict(entry, uid="x")])), "uid x"),
                           (json.dumps(dict(good, entries=[dict(entry, reasons=[1])])), "'reasons' is of another kind")):
            with open(self.path("plan.json"), "w", encoding="ascii") as file:
                file.write(text)
            done = self.sh("ginnel gc --apply plan.json", code=2)
            self.assertIn(said, done.errors, text)
            self.assertIn("ginnel gc --json", done.errors, text)
            self.assertNotIn("json.exception", done.errors, text)


class Crowds(Views):
    """Of hundreds of processes at one object a few are shown, with how many more there are."""

    def test_that_wait_at_one_pipe_do_not_widen_the_list(self):
        job = self.python(READERS, "150")
        self.wait_until(lambda: self.readers_of(job) == 150, "150 blocked readers")
        shown = self.sh("ginnel ls").text.splitlines()
        self.assertLess(max(map(len, shown)), 1000)
        rows = self.sh(f"ginnel ls pipe --pid {job.pid} -o waiters").text.splitlines()
        self.assertEqual(len([row for row in rows if row.endswith(" +146")]), 1, rows)
        for options in ([], ["--json"]):
            self.assertLess(self.memory_kib(["ls", *options]), 64 << 10, options)

    def readers_of(self, job):
        return max(len(o["waiters"]) for o in self.show(f"pid:{job.pid}") if o["kind"] == "pipe")

    @staticmethod
    def memory_kib(words):
        with open(os.devnull, "wb") as sink:
            process = subprocess.Popen([GINNEL, *words], stdout=sink, stderr=sink)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_maxrss


class Screens(Views):
    def test_of_80_columns_have_every_limit_with_what_happens_then(self):
        lines = self.on_terminal("ginnel limits", 80)
        self.assertLessEqual(max(map(columns_of, lines)), 80)
        for name in ("kernel.msgmni", "fs.mqueue.queues_max", "RLIMIT_NOFILE"):
            used, happens = [line for line in lines if line.startswith(name)]
            self.assertRegex(used, r" \d+\w?  (queues|descriptors)$")
            self.assertRegex(happens, " fails with E| every call that makes a descriptor")
        self.assertLess(len(lines), 4 * len(json.loads(self.sh("ginnel limits --json").out)["limits"]))

    def test_of_80_columns_say_who_waits_and_what_they_have_no_room_for(self):
        self.need_root()
        writer = self.python(WRITER, "blocked")
        line = f"ginnel ls fifo --pid {writer.pid}"
        self.wait_until(lambda: "blocked" in self.sh(line).text, "a blocked writer")
        lines = self.on_terminal(line + " 2>left-out", 80)
        self.assertLessEqual(max(map(columns_of, lines)), 80)
        titles = lines[0].split()
        for title in ("STATE", "KIND", "NAME", "WAITERS", "VERDICT"):
            self.assertIn(title, titles)
        self.assertNotIn("OWNER", titles)
        with open(self.path("left-out"), encoding="utf-8") as notes:
            self.assertRegex(notes.read(), "no room here for: mode,owner.*ls -o kind,name,mode,owner")
        self.assertIn("OWNER", self.on_terminal(line, 200)[0])

    def test_of_200_columns_have_a_limit_on_a_line(self):
        [line] = [line for line in self.on_terminal("ginnel limits", 200) if line.startswith("kernel.msgmni")]
        self.assertIn("msgget fails with ENOSPC", line)

    def test_begin_a_graph_with_what_is_blocked(self):
        self.need_root()
        # Of a smaller number than the one that is blocked, as a rule: in the graph itself it comes first.
        quiet = self.python("import os, time\nos.mkfifo('q')\nos.open('q', os.O_RDWR)\nif os.fork() == 0: time.sleep(600)\n"
                            "open('quiet', 'w').close()\ntime.sleep(600)", ready="quiet")
        writer = self.python(WRITER, "blocked")
        self.wait_until(lambda: "blocked" in self.sh(f"ginnel ls fifo --pid {writer.pid}").text, "a blocked writer")
        rows = self.sh("ginnel graph fifo").text.splitlines()
        [blocked] = [number for number, row in enumerate(rows) if f"({writer.pid}) waits to write" in row]
        others = [number for number, row in enumerate(rows) if f"({quiet.pid})" in row]
        self.assertTrue(others)
        self.assertLess(blocked, min(others), rows)


class Facts(Views):
    def test_of_the_graph_are_those_that_are_documented(self):
        self.python("import os, socket, time\na, b = socket.socketpair()\nif os.fork() == 0: time.sleep(600)\n"
                    "open('ready', 'w').close()\ntime.sleep(600)")
        graph = json.loads(self.sh("ginnel graph unix --json").out)
        self.assertEqual(list(graph), ["nodes", "edges"])
        for node in graph["nodes"]:
            self.assertEqual(list(node), ["pid", "title", "object"])
        for edge in graph["edges"]:
            self.assertEqual(list(edge), ["from", "to", "object", "label", "both_ways", "state", "waits"])
            self.assertIn(edge["state"], ("quiet", "awaited", "blocked"))

    def test_of_a_stream_are_that_it_is_full_though_nobody_sleeps(self):
        job = self.python("import socket, time\na, b = socket.socketpair()\na.setblocking(False)\n"
                          "try:\n    while True: a.send(b'x' * 4096)\nexcept BlockingIOError: pass\n"
                          "open('ready', 'w').close()\ntime.sleep(600)")
        sockets = {o["fill"]["used"]: o for o in self.show(f"pid:{job.pid}") if o["kind"] == "unix"}
        full, empty = sockets[max(sockets)], sockets[0]
        self.assertTrue(full["fill"]["writer_blocks"], full)
        self.assertFalse(empty["fill"]["writer_blocks"], empty)
        self.assertGreater(full["fill"]["capacity"], full["fill"]["used"] // 2)
        self.assertRegex(empty["details"]["send-buffer"], r"^\d+ of \d+ bytes")
        self.assertIn("full", self.sh(f"ginnel ls unix --pid {job.pid} -o state").text.split())

    def test_of_one_are_told_in_the_singular(self):
        job = self.python("import socket, time\ns = socket.socket(socket.AF_UNIX)\ns.bind('s')\ns.listen(0)\n"
                          "c = socket.socket(socket.AF_UNIX)\nc.connect('s')\nopen('ready', 'w').close()\ntime.sleep(600)")
        self.assertIn("1 connection of a backlog of 0, full", self.sh("ginnel show pid:" + str(job.pid)).text)

    def test_of_datagrams_do_not_take_the_first_for_all(self):
        job = self.python("import socket, time\na, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
                          "a.send(b'abc'); a.send(b'defgh')\nopen('ready', 'w').close()\ntime.sleep(600)")
        sockets = [o for o in self.show(f"pid:{job.pid}") if o["kind"] == "unix" and o["details"]["type"] == "unix-dgram"]
        self.assertEqual([o["fill"]["used"] for o in sockets], [None, None])
        self.assertTrue(all("first only" in o["fill"]["missing"]["used"] for o in sockets), sockets)
        self.assertEqual(sorted(o["details"].get("first-datagram", "") for o in sockets), ["", "3 bytes"])

    def test_of_a_semaphore_name_who_waits_for_it(self):
        name = f"ginnel-test-{os.getpid()}-{time.monotonic_ns()}"
        self.addCleanup(lambda: os.path.exists("/dev/shm/sem." + name) and os.unlink("/dev/shm/sem." + name))
        job = self.python("import ctypes, os, sys\nlibc = ctypes.CDLL(None)\nlibc.sem_open.restype = ctypes.c_void_p\n"
                          "gate = libc.sem_open(sys.argv[1].encode(), os.O_CREAT, 0o600, 0)\n"
                          "open('ready', 'w').close()\nlibc.sem_wait(ctypes.c_void_p(gate))", "/" + name)
        self.wait_until(lambda: self.show("sem:/" + name)[0]["waiters"], "a waiter")
        [waiter] = self.show("sem:/" + name)[0]["waiters"]
        self.assertEqual([waiter["pid"], waiter["wait"]], [job.pid, "semaphore"])
        self.assertIn("since_s", waiter)
        [row] = [row for row in self.sh("ginnel ls posix-sem -o state,name,waiters").text.splitlines() if name in row]
        self.assertRegex(row, rf"^blocked .*\({job.pid}\) semaphore")

    def test_of_named_memory_name_who_sleeps_on_a_word_in_it(self):
        name = f"ginnel-test-{os.getpid()}-{time.monotonic_ns()}"
        self.addCleanup(lambda: os.path.exists("/dev/shm/" + name) and os.unlink("/dev/shm/" + name))
        job = self.python("import ctypes, mmap, sys\nlibc = ctypes.CDLL(None)\nfile = open('/dev/shm/' + sys.argv[1], 'w+b')\n"
                          "file.truncate(4096)\nmemory = mmap.mmap(file.fileno(), 4096)\n"
                          "gate = ctypes.byref(ctypes.c_char.from_buffer(memory))\nlibc.sem_init(gate, 1, 0)\n"
                          "open('ready', 'w').close()\nlibc.sem_wait(gate)", name)
        self.wait_until(lambda: self.show("shm:/" + name)[0]["waiters"], "a waiter")
        [waiter] = self.show("shm:/" + name)[0]["waiters"]
        self.assertEqual([waiter["pid"], waiter["wait"]], [job.pid, "futex"])

    def test_how_long_a_thread_waits_is_true_on_every_processor(self):
        for processor in sorted(os.sched_getaffinity(0))[:8]:
            path = self.path(f"fifo{processor}")
            os.mkfifo(path)
            before = time.monotonic()
            self.python(f"import os\nos.sched_setaffinity(0, {{{processor}}})\nopen('ready{processor}', 'w').close()\n"
                        f"os.open({path!r}, os.O_RDONLY)", ready=f"ready{processor}")
            self.wait_until(lambda: self.show("fifo:" + path)[0]["waiters"], "a waiter")
            [waiter] = self.show("fifo:" + path)[0]["waiters"]
            after = time.monotonic()
            if waiter["since_s"] is None:
                self.assertIn("since_s", waiter["missing"])
                continue
            # A second for what a busy machine takes between two looks.
            self.assertGreaterEqual(waiter["since_s"], 0)
            self.assertLessEqual(waiter["since_s"], after - before + 1, processor)

    def test_of_a_mount_namespace_are_not_those_of_a_chroot_in_it(self):
        self.need_root()
        self.need("unshare", "mount")
        os.makedirs(self.path("jail/dev"))
        program = ("import os, time\nopen('/dev/shm/inside', 'w').close()\nif os.fork() == 0: time.sleep(600)\n"
                   "open('ready', 'w').close()\nos.chroot('jail')\nopen('/chrooted', 'w').close()\ntime.sleep(600)")
        with open(self.path("jailed.py"), "w", encoding="utf-8") as file:
            file.write(program)
        self.start(f"exec unshare --mount bash -c 'mount -t tmpfs none /dev/shm; exec {sys.executable} -B jailed.py'")
        self.wait_for_path("jail/chrooted")
        self.assertIn("shm:/inside", self.sh("ginnel ls posix-shm -o name").text)


class OtherUsers(Views):
    """What nobody may see of root's: it is said to be unknown, and not to be nothing."""

    def setUp(self):
        super().setUp()
        self.need_root()
        self.need("setpriv")
        if self.sh(NOBODY + GINNEL + " --version", code=None).code != 0:
            self.skipTest("nobody may not run ginnel here")

    def test_what_a_process_waits_for_is_not_nothing(self):
        os.mkfifo(self.path("f"))
        job = self.start("exec cat f")
        self.wait_until(lambda: self.show("fifo:" + self.path("f"))[0]["waiters"], "a blocked reader")
        done = self.sh(f"{NOBODY} {GINNEL} why {job.pid}", code=1)
        self.assertIn("what it waits for may not be asked", done.errors)
        shown = json.loads(self.sh(f"{NOBODY} {GINNEL} why {job.pid} --json", code=1).out)
        self.assertEqual(shown, {"chains": None, "missing": {"chains": "what it waits for may not be asked"}})

    def test_who_holds_a_lock_is_not_said_to_wait_for_nothing(self):
        os.chmod(self.dir, 0o755)
        with open(self.path("lock"), "w", encoding="ascii"):
            os.chmod(self.path("lock"), 0o644)
        holder = self.start("exec flock lock sleep 600")
        self.wait_until(lambda: self.lock_holders(), "the lock")
        waiter = self.start(f"exec {NOBODY} flock lock true")
        self.wait_until(lambda: "flock" in self.sh(f"ginnel ls lock --pid {waiter.pid}", code=None).text, "a waiter")
        [chain] = json.loads(self.sh(f"{NOBODY} {GINNEL} why {waiter.pid} --json").out)["chains"]
        self.assertEqual([chain["end"], chain["culprit"]], ["unknown", holder.pid], chain)
        self.assertIn("could end it; what it waits for itself may not be asked", chain["text"])

    def lock_holders(self):
        seen = json.loads(self.sh("ginnel ls lock --json", code=None).out)
        return [o for o in seen["objects"] if o["name"] == "lock:" + self.path("lock") and o["holders"]]

    def test_a_process_that_is_closed_is_not_one_that_is_not_there(self):
        with open("/proc/sys/kernel/pid_max", encoding="ascii") as most:
            free = int(most.read()) - 1
        if os.path.exists(f"/proc/{free}"):
            self.skipTest("the last pid is in use")
        for view in ("ls --pid {}", "ls --json --pid {}", "show pid:{}", "graph --pid {}"):
            closed = self.sh(f"{NOBODY} {GINNEL} " + view.format(os.getpid()), code=1).errors
            self.assertIn(f"({os.getpid()}): what it has may not be looked into", closed, view)
            gone = self.sh("ginnel " + view.format(free), code=1).errors
            self.assertIn(f"pid {free}: no such process", gone, view)

    def test_every_dash_of_the_limits_has_a_reason_below_the_table(self):
        table, reasons = self.sh(f"{NOBODY} {GINNEL} limits --pid {os.getpid()}").text.split("\n-  ", 1)
        dashes = [line.split()[0] for line in table.splitlines() if " - " in line]
        self.assertTrue(dashes)
        for name in dashes:
            self.assertIn(name, reasons)

    def test_queues_that_are_not_listed_are_not_none(self):
        if os.path.ismount("/dev/mqueue"):
            self.skipTest("mqueue is mounted: everybody sees the queues")
        shown = self.sh(f"{NOBODY} bash -c '{GINNEL} limits --json; true'").out
        limits = {limit["name"]: limit for limit in json.loads(shown)["limits"]}
        for name in ("fs.mqueue.queues_max", "RLIMIT_MSGQUEUE"):
            self.assertIsNone(limits[name]["used"], limits[name])
            self.assertIn("not listed", limits[name]["missing"]["used"])
        sources = json.loads(self.sh(f"{NOBODY} {GINNEL} ls --json", code=None).out)["coverage"]["sources"]
        self.assertNotIn("mqueue file system", sources)

    def test_what_a_user_whose_processes_are_closed_uses_is_unknown(self):
        shown = self.sh(f"{NOBODY} {GINNEL} limits --pid {os.getpid()} --json").out
        limits = {limit["name"]: limit for limit in json.loads(shown)["limits"]}
        for name in ("fs.pipe-user-pages-soft", "fs.epoll.max_user_watches", "fs.inotify.max_user_instances"):
            self.assertIsNone(limits[name]["used"], limits[name])
