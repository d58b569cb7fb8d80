"""The command where something runs short: each line of lines.py, under each want, in namespaces of its own.

A line either does what it is asked for, and then data pass, or it ends with code 1 or 2 and names the object, the limit and the
remedy. It is never ended by a signal (so there is no SIGBUS) and never hangs; where it was refused nothing is left; and when there
is room again the same line succeeds. With -v the table is printed: of each line what came of it at which step of the want.

    GINNEL=build/release/bin/ginnel python3 -B -m unittest -v starved_machine
"""

import collections
import contextlib
import dataclasses
import itertools
import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
import unittest

import lines
from harness import GINNEL, LIMIT_S, ShellTest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures"))
import kernel  # noqa: E402

SHM = "/dev/shm"
PAGE = 4096
WATCHDOG_S = LIMIT_S / 3
GRACE_S = 0.3  # for one whose partner was refused, to tell why itself
SECOND_USER = 54321
LOADER = re.compile("error while loading shared libraries|cannot allocate TLS data structures")
MS_REMOUNT = 0x20
FILLER = "filler"


# --- the world: namespaces of its own, and what has a name there


class World:
    def __init__(self, root):
        self.root, self.paths, self.queues = root, f"{root}/paths", f"{root}/queues"
        self.ginnel = f"{root}/ginnel"
        kernel.mount_tmpfs(root, "size=256m,mode=755")
        shutil.copy(GINNEL, self.ginnel)
        os.chmod(self.ginnel, 0o755)
        for folder in (self.paths, self.queues):
            os.mkdir(folder)
        kernel.mount("tmpfs", self.paths, "size=64m,mode=1777")
        kernel.mount("tmpfs", SHM, "size=64m,mode=1777")
        kernel.mount("mqueue", self.queues)
        self.file = f"{root}/file"
        with open(self.file, "wb") as file:
            file.write(b"data")
        os.chmod(self.file, 0o644)
        self.target = Target()
        self.memfd = os.memfd_create("data")
        os.write(self.memfd, b"data".ljust(PAGE, b"\0"))
        self._count = 0

    def fill(self, text, case):
        return text.format(n=case.word, k=case.key, p=self.paths, target=self.target.pid, memfd=f"{os.getpid()}/{self.memfd}",
                           file=self.file)

    def new_word(self):
        self._count += 1
        return f"starved-{self._count}", f"{0x57a40000 + self._count:#x}"

    def names(self):
        """Whatever has a name; the homes of messaging are places and no objects."""
        found = []
        for folder in (SHM, self.paths, self.queues):
            for path, folders, files in os.walk(folder):
                found += [os.path.join(path, one) for one in folders + files]
        for table in ("shm", "msg", "sem"):
            with open(f"/proc/sysvipc/{table}", encoding="ascii") as file:
                found += [f"sysv-{table} {line.split()[0]}" for line in file.readlines()[1:]]
        with open("/proc/net/unix", encoding="utf-8") as file:
            sockets = (line.split(maxsplit=7) for line in file.readlines()[1:])
            found += ["socket " + fields[7].strip() for fields in sockets if len(fields) == 8 and fields[7].startswith("@")]
        return {one for one in found if not re.fullmatch(rf"{SHM}/ginnel-\d+|.*/{FILLER}", one)}


class Target:
    """A process that takes the signals sent to it when it is asked to."""

    def __init__(self, pending=None, user=None):
        self._asked, self._answers = os.pipe(), os.pipe()
        self.number = signal.SIGRTMIN + 1
        self.pid = os.fork()
        if self.pid == 0:
            self._be(pending, user)
        self.ask()

    def _be(self, pending, user):
        kind = resource_limits({"SIGPENDING": 0}).popitem()[0]
        plenty = resource.getrlimit(kind)
        signal.pthread_sigmask(signal.SIG_BLOCK, {self.number})
        if pending is not None:
            resource.setrlimit(kind, (pending, plenty[1]))
        limit({}, user)
        while asked := os.read(self._asked[0], 1):
            if asked == b"+":
                resource.setrlimit(kind, plenty)
            count = 0
            while signal.sigtimedwait({self.number}, 0):
                count += 1
            os.write(self._answers[1], bytes([count]))
        os._exit(0)

    def ask(self):
        """How many signals were taken."""
        return self._answer(b"?")

    def raise_limit(self):
        """Gives itself room for as many as there may be; tells as ask() does."""
        return self._answer(b"+")

    def _answer(self, question):
        os.write(self._asked[1], question)
        return os.read(self._answers[0], 1)[0]

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def resource_limits(limits):
    return {getattr(resource, "RLIMIT_" + name, {"MSGQUEUE": 12, "SIGPENDING": 11}.get(name)): value
            for name, value in limits.items()}


def limit(limits, user):
    for kind, value in limits.items():
        resource.setrlimit(kind, (value, value))
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)


# --- one step of a want


@dataclasses.dataclass
class Step:
    """How far something is short. `impose` makes the world so, `lift` gives room again; `limits` are the line's alone."""

    label: str
    limit: str  # what an error has to say of the cause
    remedy: str  # and of what to do
    cases: list = dataclasses.field(default_factory=list)
    limits: dict = dataclasses.field(default_factory=dict)
    impose: callable = lambda: None
    lift: callable = lambda: None
    user: int = None
    cgroup: object = None


class Run:
    """A process of a cell."""

    def __init__(self, world, words, step=None, output=subprocess.PIPE, source=subprocess.DEVNULL):
        limits, user, cgroup = (resource_limits(step.limits), step.user, step.cgroup) if step else ({}, None, None)

        def become():
            if cgroup:
                cgroup.enter()
            limit(limits, user)

        self.words = words
        self.process = subprocess.Popen([world.ginnel, *words], stdin=source, stdout=output, cwd="/",
                                        stderr=subprocess.PIPE, start_new_session=True,
                                        preexec_fn=become if limits or user or cgroup else None)
        self.ended_by_us, self.hung, self.out, self.err = False, False, b"", ""

    def stop(self):
        if self.process.poll() is None:
            self.ended_by_us = True
            self.process.terminate()

    def finish(self):
        try:
            out, err = self.process.communicate(timeout=WATCHDOG_S)
        except subprocess.TimeoutExpired:
            self.hung = True
            os.killpg(self.process.pid, signal.SIGKILL)
            out, err = self.process.communicate()
        self.out, self.err = out or b"", err.decode(errors="replace")
        return self

    @property
    def code(self):
        return self.process.returncode

    def is_done(self, idle=""):
        return self.code == 0 or bool(idle and self.code == 1 and re.search(idle, self.err))

    def __str__(self):
        return f"{shlex.join(self.words)} -> {self.code} {self.err.strip()!r} {self.out[:200]!r}"


def wait_for_any(processes, seconds):
    until = time.monotonic() + seconds
    while all(one.process.poll() is None for one in processes) and time.monotonic() < until:
        time.sleep(0.001)


# --- a cell: a line under a step of a want


class Cell:
    def __init__(self, world, case, step):
        self._world, self._case, self._step = world, case, step
        self.word, self.key = world.new_word()
        self.complaints = []
        self.outcome = "done"

    def run(self):
        first = self._world.names()
        for line in self._case.before:
            self._expect(line)
        try:
            self._step.impose()
            before = self._world.names()
            judged, data = self._attempt(self._step)
            is_refused = self._judge(judged, data)
            if is_refused and not self._case.partner:
                self._nothing_new(before, "left by a line that was refused")
            works = not is_refused and self._works(self._complain_of_signal)
        finally:
            self._step.lift()
        if is_refused:
            self._once_more()
        elif not works:  # it wanted room of its own
            self._works(self._complain)
        for line in self._case.end:
            self._start(line).finish()
        for path in self._case.keeps:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._world.fill(path, self))
        self._nothing_new(first, "left in the end")
        return {"case": self._case.name, "step": self._step.label, "outcome": self.outcome, "complaints": self.complaints}

    def _words(self, line):
        return shlex.split(self._world.fill(line, self))

    def _start(self, line, step=None):
        plenty = Step("", "", "", user=self._step.user)
        return Run(self._world, self._words(line), step or plenty)

    def _complain(self, text, *_):
        self.complaints.append(f"{self._case.name} at {self._step.label}: {text}")

    def _expect(self, line):
        done = self._start(line).finish()
        if not done.is_done("no reader"):
            self._complain(f"does not work: {done}")
        return done

    def _nothing_new(self, before, what):
        kept = {self._world.fill(path, self) for path in self._case.keeps}
        if left := self._world.names() - before - kept:
            self._complain(f"{what}: {sorted(left)}")

    def _attempt(self, step):
        """The process whose end is to be judged, and what came of it together with its partner."""
        if self._case.to_file:
            with open(f"{self._world.root}/out", "wb") as output:
                return Run(self._world, self._words(self._case.line), step, output).finish(), b""
        if not self._case.partner:
            line = self._start(self._case.line, step).finish()
            return line, line.out
        partner = self._start(self._case.partner)
        line = self._start(self._case.line, step)
        wait_for_any([line, partner], WATCHDOG_S)
        if line.process.poll() is None and partner.process.returncode != 0:
            # Where the world is short the partner may have been refused first; else it tells of the line's end.
            wait_for_any([line], GRACE_S)
            line.stop()
        elif line.process.poll() not in (0, None):
            partner.stop()
        line.finish()
        if line.code != 0:
            partner.stop()
        partner.finish()
        self._ended_well(partner)
        data = line.out + partner.out
        if line.ended_by_us or (line.code == 0 and partner.code != 0):
            partner.err = line.err + partner.err
            return partner, data
        return line, data

    def _ended_well(self, run):
        if run.hung:
            self._complain(f"hangs: {run}")
        elif run.code < 0 and not run.ended_by_us:
            self._complain(f"ended by {signal.Signals(-run.code).name}: {run}")
            self.outcome = signal.Signals(-run.code).name

    def _judge(self, run, data):
        """Whether it was refused."""
        self._ended_well(run)
        if run.hung or run.code < 0:
            return True
        if run.is_done(self._case.idle):
            if (self._case.partner or self._case.prints) and data.strip() != b"data":
                self._complain(f"printed {data!r}: {run}")
            return False
        text = run.err + run.out.decode(errors="replace")
        if LOADER.search(text):
            self.outcome = "not started"
            return True
        named = re.findall(r"\b(E[A-Z0-9]{3,})\b", text)
        self.outcome = named[0] if named else f"code {run.code}"
        if run.code not in (1, 2):
            self._complain(f"ended with {run.code}: {run}")
        # Where memory has run out for good, the program is not asked any more what it was about.
        named = "" if text.startswith("ginnel: ENOMEM: no memory") else self._world.fill(self._case.named, self)
        if self._case.prints and data.strip() == b"data":
            self._complain(f"did what it says that it did not: {run}")
        for what, pattern in (("object", named), ("limit", self._step.limit), ("remedy", self._step.remedy)):
            if not re.search(pattern, text):
                self._complain(f"the {what} ({pattern}) is not told: {run}")
        return True

    def _works(self, complain):
        """Whether data pass through what was made."""
        for line in self._case.works:
            alone = isinstance(line, str)
            partner = None if alone or not line[1] else self._start(line[1])
            done = self._start(line if alone else line[0]).finish()
            runs = [done, partner.finish()] if partner else [done]
            if any(one.code != 0 for one in runs) or not (alone or b"".join(one.out for one in runs).strip() == b"data"):
                complain("does not work: " + "; ".join(map(str, runs)), *runs)
                return False
        return True

    def _complain_of_signal(self, _, *runs):
        for run in runs:
            self._ended_well(run)

    def _once_more(self):
        run, data = self._attempt(None)
        if not run.is_done(self._case.idle):
            self._complain(f"is refused though there is room again: {run}")
        elif (self._case.partner or self._case.prints) and data.strip() != b"data":
            self._complain(f"printed {data!r} when there was room again: {run}")
        else:
            self._works(self._complain)


# --- the wants


def remount(folder, options):
    kernel.call("mount", None, folder.encode(), None, MS_REMOUNT, options.encode())


def free_pages(folder, pages):
    """A file system of 64 KiB, or of what is used already, in which so many pages are free."""
    space = os.statvfs(folder)
    used = space.f_blocks - space.f_bavail
    total = max(16, used + pages)
    remount(folder, f"size={total * PAGE},nr_inodes=10000")
    with open(f"{folder}/{FILLER}", "wb") as file:
        if rest := total - used - pages:
            os.posix_fallocate(file.fileno(), 0, rest * PAGE)


def few_inodes(folder, left):
    space = os.statvfs(folder)
    remount(folder, f"size=64m,nr_inodes={space.f_files - space.f_ffree + left}")


def give_room(folder):
    remount(folder, "size=64m,nr_inodes=10000")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{folder}/{FILLER}")


# Each yields its steps, the scarcest first. A line that was done at one step is not asked for again at the next.

MAKES_ROOM = "remove|ginnel gc|remount"


def shm_of_64k(world):
    for pages in (0, 1, 2, 3, 4, 8, 15):
        cases = lines.ALL + lines.TOUR if pages == 0 else lines.NAMED_MEMORY
        yield Step(f"{pages} pages", r"free of the .*/dev/shm|/dev/shm is full|free in this file system|no block or no inode", MAKES_ROOM,
                   cases, impose=lambda pages=pages: free_pages(SHM, pages), lift=lambda: give_room(SHM))


def shm_of_few_inodes(world):
    for left in range(0, 6):
        yield Step(f"{left} inodes", "inode", MAKES_ROOM, lines.NAMED_MEMORY + lines.REMOVAL,
                   impose=lambda left=left: few_inodes(SHM, left), lift=lambda: give_room(SHM))


def full_paths(world):
    for left in range(0, 3):
        yield Step(f"{left} inodes", "inode", "df -i", lines.PATHS, impose=lambda left=left: few_inodes(world.paths, left),
                   lift=lambda: give_room(world.paths))
    yield Step("no block", "no block", "df", [dataclasses.replace(case, name=case.name + " at 0 blocks") for case in lines.PATHS],
               impose=lambda: free_pages(world.paths, 0), lift=lambda: give_room(world.paths))


def descriptors(world):
    for count in range(3, 22):
        yield Step(str(count), "RLIMIT_NOFILE", "ulimit -n|close some", lines.ALL + lines.TOUR[:2], limits={"NOFILE": count})


def address_space(world):
    """From where the loader gives up to where everything works."""
    enough, too_little = 1 << 28, 1 << 20
    step = Step("", "", "")
    while enough - too_little > PAGE:
        step.limits = {"AS": (enough + too_little) // 2 // PAGE * PAGE}
        if LOADER.search(Run(world, ["--version"], step).finish().err):
            too_little = step.limits["AS"]
        else:
            enough = step.limits["AS"]
    for more in (-1, 0, 4, 8, 12, 16, 20, 32, 64, 96, 128, 192, 256, 512, 768, 1024, 1536, 2048, 3072, 4096):
        step = Step(f"{(enough >> 10) + more * 4}K", "RLIMIT_AS", "ulimit -v|ginnel limits", limits={"AS": enough + more * PAGE})
        # Where it does not even get to its command line, all lines are the same.
        starts = Run(world, ["--version"], step).finish().code == 0
        step.cases = lines.ALL if starts else lines.FIFO[:2] + lines.LATEST[:1]
        yield step


def file_size(world):
    for size in (0, 1, PAGE - 1, PAGE, 2 * PAGE, 16 * PAGE, 18 * PAGE, 512 * PAGE):
        yield Step(str(size), "RLIMIT_FSIZE", "ulimit -f", lines.ALL + [lines.OUTPUT], limits={"FSIZE": size})


@contextlib.contextmanager
def setting(name, value):
    path = "/proc/sys/" + name.replace(".", "/")
    with open(path, encoding="ascii") as file:
        before = file.read()
    with open(path, "w", encoding="ascii") as file:
        file.write(value)
    try:
        yield
    finally:
        with open(path, "w", encoding="ascii") as file:
            file.write(before)


@contextlib.contextmanager
def one_there(kind):
    """An object that takes the only place."""
    subprocess.run(["ipcmk", *kind], stdout=subprocess.DEVNULL, check=True)
    remove, table = {"-Q": ("-q", "msg"), "-M": ("-m", "shm"), "-S": ("-s", "sem")}[kind[0]]
    with open(f"/proc/sysvipc/{table}", encoding="ascii") as file:
        number = file.readlines()[-1].split()[1]
    try:
        yield
    finally:
        subprocess.run(["ipcrm", remove, number], check=True)


def with_setting(name, value, cases, limit, there=None, user=None):
    """A step in which a limit of the IPC namespace has this value, and one object is there already."""
    stack = contextlib.ExitStack()

    def impose():
        if there:
            stack.enter_context(one_there(there))
        stack.enter_context(setting(name, value))

    label = f"{name} {value}" + (", one there" if there else "")
    cases = [dataclasses.replace(case, name=f"{case.name} ({label})") for case in cases]
    return Step(label, limit, "sysctl|remove|ipcs -m", cases, impose=impose, lift=stack.close, user=user)


def message_queue_bytes(world):
    for size in (0, 1, 200, 300, 400):
        yield Step(str(size), "RLIMIT_MSGQUEUE", "ulimit -q", lines.MQ, limits={"MSGQUEUE": size})


def message_queue_settings(world):
    """These bind those without privilege."""
    for name, value in (("queues_max", "0"), ("msg_max", "1"), ("msgsize_max", "128")):
        yield with_setting(f"fs.mqueue.{name}", value, lines.LARGE_MQ, f"fs.mqueue.{name} {value}", user=SECOND_USER)


def sysv_settings(world):
    queue, segment, semaphores = ("-Q",), ("-M", str(PAGE)), ("-S", "1")
    for name, value, cases, limit, there in (
            ("kernel.msgmni", "0", lines.SYSV_MSG, "kernel.msgmni 0", None),
            ("kernel.msgmni", "1", lines.SYSV_MSG, "kernel.msgmni 1", queue),
            ("kernel.msgmax", "1", lines.SYSV_MSG[1:], "kernel.msgmax 1", None),
            ("kernel.shmmni", "0", lines.SYSV_SHM, "kernel.shmmni 0", None),
            ("kernel.shmmni", "1", lines.SYSV_SHM, "kernel.shmmni 1", segment),
            ("kernel.shmall", "1", lines.SYSV_SHM, "kernel.shmall 1", None),
            ("kernel.shmmax", "1", lines.SYSV_SHM, "kernel.shmmax 1", None),
            ("kernel.sem", "0 1 1 1", lines.SYSV_SEM, "SEMMSL 0", None),
            ("kernel.sem", "1 0 1 1", lines.SYSV_SEM, "SEMMNS 0", None),
            ("kernel.sem", "1 1 0 1", lines.SYSV_SEM, "SEMOPM 0", None),
            ("kernel.sem", "1 1 1 0", lines.SYSV_SEM, "SEMMNI 0", None),
            ("kernel.sem", "1 1 1 1", lines.SYSV_SEM, "SEMM[A-Z]* 1", semaphores)):
        yield with_setting(name, value, cases, limit, there)


def processes(world):
    for count in (0, 1, 64):
        yield Step(str(count), "RLIMIT_NPROC", "ulimit -u", lines.STARTING, limits={"NPROC": count}, user=SECOND_USER)


# --- wants that are no table: each gives cells too


def cell(case, step, outcome, *complaints):
    return {"case": case, "step": step, "outcome": outcome, "complaints": [one for one in complaints if one]}


def pending_signals(world):
    """As many signals with a value stay pending as the receiver's user may have; the next one is told of."""
    for count in (0, 1, 3):
        target = Target(count, SECOND_USER + 1)
        words = ["signal", str(target.pid), "SIGRTMIN+1", "--value", "42"]
        sent = [Run(world, words).finish() for _ in range(count + 1)]
        last = sent[-1]
        text = last.err
        taken = target.ask()
        target.raise_limit()
        again = [Run(world, words).finish() for _ in range(count + 1)]
        yield cell("signal with a value", str(count), f"code {last.code}",
                   any(one.code != 0 for one in sent[:-1]) and f"refused too early: {sent}",
                   last.code != 1 and f"not refused: {last}",
                   not re.search("RLIMIT_SIGPENDING", text) and f"the limit is not told: {last}",
                   not re.search("prlimit", text) and f"the remedy is not told: {last}",
                   str(target.pid) not in text and f"the process is not told: {last}",
                   taken != count and f"{taken} signals came of {count}",
                   any(one.code != 0 for one in again) and f"refused though there is room: {list(map(str, again))}")
        yield cell("signal with a value", f"{count}, room again", "done", target.ask() != count + 1 and "not all came")
        target.end()


class Holder:
    """A process that has objects open."""

    def __init__(self, opens):
        ready = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self._kept = opens()
                os.write(ready[1], b"r")
                signal.pause()
            finally:
                os._exit(1)
        os.close(ready[1])
        assert os.read(ready[0], 1), "the holder could not open it"
        os.close(ready[0])

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def used_objects(world):
    """Nothing that somebody uses is removed for want of the descriptors that it takes to see him."""
    def held(path):
        return lambda: os.open(path, os.O_RDWR)

    for count in range(4, 22):
        step = Step(str(count), "", "", limits={"NOFILE": count})
        for address, make, opens in (("shm:/used", "--size 8K", held(f"{SHM}/used")), ("mq:/used", "", held(f"{world.queues}/used")),
                                     (f"fifo:{world.paths}/used", "", held(f"{world.paths}/used"))):
            made = Run(world, ["mk", address, *make.split()]).finish()
            holder = Holder(opens)
            before = world.names()
            removal = Run(world, ["rm", address], step).finish()
            lost = before - world.names()
            yield cell(f"rm of a used {address.partition(':')[0]}", str(count), f"code {removal.code}",
                       made.code != 0 and f"{made}", removal.code != 2 and f"not refused: {removal}",
                       lost and f"{address} with {count} descriptors: lost {lost}: {removal}")
            holder.end()
            Run(world, ["rm", "--force", address]).finish()
        yield removal_of_a_read_topic(world, step)
        yield removal_of_a_read_latest(world, step)


def there(world, pattern):
    until = time.monotonic() + WATCHDOG_S
    while not any(re.search(pattern, name) for name in world.names()):
        assert time.monotonic() < until, "never came about: " + pattern
        time.sleep(0.001)


def remove_used(world, address, step):
    """The cell, and what came of the removal."""
    before = {name for name in world.names() if not name.endswith(".new")}  # which its writer is about to rename
    removal = Run(world, ["rm", address], step).finish()
    lost = sorted(before - world.names())
    told = "not started" if LOADER.search(removal.err) else f"code {removal.code}"
    return cell(f"rm of a read {address.partition(':')[0]}", step.label, told,
                lost and f"{address} with {step.label} descriptors: lost {lost}: {removal}",
                not LOADER.search(removal.err) and removal.code != 2 and f"not refused: {removal}")


def remove_by_hand(world, part):
    for path in sorted(world.names(), reverse=True):
        if part in path:
            (os.rmdir if os.path.isdir(path) else os.unlink)(path)


def removal_of_a_read_topic(world, step):
    reader = Run(world, ["recv", "topic:used", "--timeout", "5s"])
    there(world, r"topic:used/r\.")
    told = remove_used(world, "topic:used", step)
    if not told["complaints"]:
        sent = Run(world, ["send", "topic:used", "data", "--timeout", "5s"]).finish()
        if reader.finish().out != b"data":
            told["complaints"].append(f"the reader of the topic is cut off: {sent}; {reader}")
    reader.stop()
    reader.finish()
    remove_by_hand(world, "topic:used")
    return told


def removal_of_a_read_latest(world, step):
    writer = Run(world, ["send", "latest:used", "--lines"], source=subprocess.PIPE)
    writer.process.stdin.write(b"data\n")
    writer.process.stdin.flush()
    reader = Run(world, ["recv", "latest:used", "--follow", "--lines"])
    there(world, r"latest:used/value")
    there(world, r"latest:used/r\.")
    told = remove_used(world, "latest:used", step)
    for one in (reader, writer):
        one.stop()
        one.finish()
    remove_by_hand(world, "latest:used")
    return told


def readers_of_a_poor_writer(world):
    """A writer that cannot look at all its readers must not write over what one of them has not read."""
    readers_count, messages = 6, 60000
    for count in range(8, 18):
        step = Step(str(count), "", "", limits={"NOFILE": count})
        words = ["recv", "topic:many", "--follow", "--lines", "--timeout", "5s"]
        readers = [Run(world, words) for _ in range(readers_count)]
        while sum("topic:many/r." in name for name in world.names()) < readers_count:
            time.sleep(0.001)
        readers[-1].process.send_signal(signal.SIGSTOP)
        with open(f"{world.root}/numbers", "w", encoding="ascii") as file:
            file.writelines(f"{number}\n" for number in range(messages))
        writer = Run(world, ["send", "topic:many", "--lines", "--capacity", "64K", "--timeout", "300ms", "--file",
                             f"{world.root}/numbers"], step).finish()
        readers[-1].process.send_signal(signal.SIGCONT)
        got = [reader.finish().out.split() for reader in readers]
        complete = all(one == [b"%d" % number for number in range(len(one))] for one in got)
        yield cell("send topic, a reader is stopped", str(count), f"code {writer.code}", not complete and
                   f"with {count} descriptors of the writer a reader lost messages: they got {[len(one) for one in got]}: {writer}")
        Run(world, ["rm", "topic:many"]).finish()


class MemoryCgroup:
    """One of this test's own, of whichever version is mounted; its processes have no swap."""

    V1 = "/sys/fs/cgroup/memory"

    def __init__(self):
        self._is_v1 = os.path.exists(f"{self.V1}/memory.limit_in_bytes")
        self.path = f"{self.V1 if self._is_v1 else '/sys/fs/cgroup'}/ginnel-starved-{os.getpid()}-{time.monotonic_ns()}"
        os.mkdir(self.path)

    def _write(self, name, value):
        with open(f"{self.path}/{name}", "w", encoding="ascii") as file:
            file.write(str(value))

    def limit_to(self, megabytes):
        with contextlib.suppress(OSError):  # of version 1, where the limit with swap may not be below the other
            self._write("memory.memsw.limit_in_bytes", megabytes << 20)
        self._write("memory.limit_in_bytes" if self._is_v1 else "memory.max", megabytes << 20)
        with contextlib.suppress(OSError):
            self._write(*("memory.memsw.limit_in_bytes", megabytes << 20) if self._is_v1 else ("memory.swap.max", 0))

    def enter(self):
        self._write("cgroup.procs", os.getpid())

    def killed(self):
        """How many of its processes the kernel has killed for want of memory."""
        with open(f"{self.path}/{'memory.oom_control' if self._is_v1 else 'memory.events'}", encoding="ascii") as file:
            return int(dict(line.split() for line in file)["oom_kill"])

    def remove(self):
        for _ in range(1000):
            try:
                return os.rmdir(self.path)
            except OSError:  # its last process has not quite gone
                time.sleep(0.005)


SMALL, PLENTY = 16, 512  # MiB


def memory_cgroup(world):
    """What is more than the cgroup has is refused, or the kernel says that it has killed for it; what fits is had whole."""
    cgroup = MemoryCgroup()
    step = Step("", "cgroup", "ginnel limits|remove", cgroup=cgroup)
    try:
        for kind, line, use, end in lines.MEMORY_OF_A_SIZE:
            for size in ("1M", "48M"):
                yield memory_of_a_size(world, step, kind, size, [one.format(size=size).split() for one in (line, use, end)])
    finally:
        cgroup.remove()


def memory_of_a_size(world, step, kind, size, words):
    line, use, end = words
    before, killed = world.names(), step.cgroup.killed()
    step.cgroup.limit_to(SMALL)
    told = cell(kind, f"{size} of {SMALL}M", "done")
    run = Run(world, line, step).finish()
    if run.code != 0:
        told["outcome"] = "killed" if step.cgroup.killed() > killed else "ENOMEM" if "ENOMEM" in run.err else f"code {run.code}"
        was_told = run.code == -signal.SIGKILL and told["outcome"] == "killed"
        if not was_told and (run.code != 2 or not re.search(step.limit, run.err) or not re.search(step.remedy, run.err)):
            told["complaints"].append(f"{kind} {size}: neither refused with its reason nor told by the kernel: {run}")
        if left := world.names() - before:
            told["complaints"].append(f"{kind} {size}: left: {sorted(left)}: {run}")
            Run(world, end).finish()
        step.cgroup.limit_to(PLENTY)
        run = Run(world, line, step).finish()
        if run.code != 0:
            told["complaints"].append(f"{kind} {size}: refused though there is room again: {run}")
    used = Run(world, use, step, source=subprocess.PIPE)
    with contextlib.suppress(BrokenPipeError), used.process.stdin as source:
        source.write(bytes([7]) * (1 << 20))
    used.process.stdin = None
    if used.finish().code != 0:
        told["complaints"].append(f"{kind} {size}: does not work: {used}")
    Run(world, end).finish()
    step.cgroup.limit_to(PLENTY)
    return told


WANTS = {one.__name__: one for one in (shm_of_64k, shm_of_few_inodes, full_paths, descriptors, address_space, file_size,
                                       message_queue_bytes, message_queue_settings, sysv_settings, processes)}
SCENES = {one.__name__: one for one in (memory_cgroup, pending_signals, used_objects, readers_of_a_poor_writer)}


def run_inside(name, root):
    world = World(root)
    if name in SCENES:
        return list(SCENES[name](world))
    cells, done = [], set()
    for step in WANTS[name](world):
        for case in step.cases:
            if case.name in done:
                continue
            cells.append(Cell(world, case, step).run())
            if cells[-1]["outcome"] == "done":
                done.add(case.name)
    world.target.end()
    return cells


class StarvedMachine(ShellTest):
    def starve(self, want, *refusals, rare=()):
        """Whatever is refused is refused with one of these, and each of them is met; not so the rare ones."""
        self.need("unshare")
        privilege = [] if os.geteuid() == 0 else ["--map-root-user"]
        words = ["unshare", *privilege, "--mount", "--pid", "--fork", "--kill-child", "--ipc", "--net", "--mount-proc"]
        if subprocess.run([*words, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no namespaces are to be had")
        self.env["GINNEL"] = GINNEL  # from the folder of the test a relative one would lead elsewhere
        inside = shlex.join([*words, sys.executable, "-B", os.path.abspath(__file__), "inside", want, self.dir])
        cells = json.loads(self.sh("exec " + inside, limit_s=3 * LIMIT_S).out)
        if "-v" in sys.argv:
            print_table(want, cells)
        complaints = [complaint for cell in cells for complaint in cell["complaints"]]
        self.assertFalse(complaints, "\n".join(["", *complaints]))
        met = {cell["outcome"] for cell in cells}
        if refusals:
            self.assertEqual(met - {"done", *rare}, set(refusals))

    def test_shm_of_64k(self):
        self.starve("shm_of_64k", "ENOSPC")

    def test_shm_of_few_inodes(self):
        self.starve("shm_of_few_inodes", "ENOSPC")

    def test_full_paths(self):
        self.starve("full_paths", "ENOSPC")

    def test_descriptors(self):
        self.starve("descriptors", "EMFILE", "not started", rare=["ENODATA"])

    def test_address_space(self):
        self.starve("address_space", "ENOMEM", "not started")

    def test_file_size(self):
        self.starve("file_size", "EFBIG")

    def test_message_queue_bytes(self):
        self.starve("message_queue_bytes", "EMFILE")

    def test_message_queue_settings(self):
        self.need_root()
        self.starve("message_queue_settings", "ENOSPC", "EINVAL")

    def test_sysv_settings(self):
        self.need("ipcmk", "ipcrm")
        self.starve("sysv_settings", "ENOSPC", "EINVAL", "E2BIG")

    def test_processes(self):
        self.need_root()
        self.starve("processes", "EAGAIN")

    def test_pending_signals(self):
        self.need_root()
        self.starve("pending_signals", "code 1")

    def test_memory_cgroup(self):
        self.need_root()
        if not any(os.access(place, os.W_OK) for place in (f"{MemoryCgroup.V1}/memory.limit_in_bytes", "/sys/fs/cgroup/cgroup.procs")):
            self.skipTest("no memory cgroup may be made")
        self.starve("memory_cgroup")

    def test_nothing_used_is_removed_for_want_of_descriptors(self):
        self.starve("used_objects", "code 2")

    def test_no_reader_is_overrun_for_want_of_descriptors(self):
        self.starve("readers_of_a_poor_writer", "code 1", "code 2")


def print_table(want, cells):
    """Of each line what came of it, and from which step to which."""
    rows = collections.defaultdict(list)
    for cell in cells:
        rows[cell["case"]].append((cell["outcome"], cell["step"]))
    print(f"\n{want}: {len(cells)} cells, {sum(cell['outcome'] != 'done' for cell in cells)} of them refused", file=sys.stderr)
    for name, row in rows.items():
        runs = [(outcome, [step for _, step in group]) for outcome, group in itertools.groupby(row, lambda one: one[0])]
        told = (f"{outcome} ({steps[0]}{' to ' + steps[-1] if len(steps) > 1 else ''})" for outcome, steps in runs)
        print(f"  {name:24}{', '.join(told)}", file=sys.stderr)


if __name__ == "__main__":
    if sys.argv[1:2] == ["inside"]:
        json.dump(run_inside(*sys.argv[2:4]), sys.stdout)
    else:
        unittest.main()
