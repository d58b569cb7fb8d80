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
LOADER = "error while loading shared libraries"
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
        signal.pthread_sigmask(signal.SIG_BLOCK, {self.number})
        limit(resource_limits({} if pending is None else {"SIGPENDING": pending}), user)
        while os.read(self._asked[0], 1):
            count = 0
            while signal.sigtimedwait({self.number}, 0):
                count += 1
            os.write(self._answers[1], bytes([count]))
        os._exit(0)

    def ask(self):
        """How many signals were taken."""
        os.write(self._asked[1], b"?")
        return os.read(self._answers[0], 1)[0]

    def set_pending(self, count):
        resource.prlimit(self.pid, resource.RLIMIT_SIGPENDING, (count, count))


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
    limits: dict = dataclasses.field(default_factory=dict)
    impose: callable = lambda: None
    lift: callable = lambda: None
    user: int = None


class Run:
    """A process of a cell."""

    def __init__(self, world, words, step=None):
        limits, user = (resource_limits(step.limits), step.user) if step else ({}, None)
        self.words = words
        self.process = subprocess.Popen([world.ginnel, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd="/",
                                        stderr=subprocess.PIPE, preexec_fn=lambda: limit(limits, user))
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
            self.process.kill()
            out, err = self.process.communicate()
        self.out, self.err = out, err.decode(errors="replace")
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
        before = self._world.names()
        self._step.impose()
        try:
            judged, data = self._attempt(self._step)
            is_refused = self._judge(judged, data)
            if is_refused and not self._case.partner:
                self._nothing_new(before, "left by a line that was refused")
            if not is_refused:
                self._look_whether_it_works()
        finally:
            self._step.lift()
        if is_refused:
            self._once_more()
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
        user = Step("", "", "", user=self._step.user) if self._step.user is not None else None
        return Run(self._world, self._words(line), step or user)

    def _complain(self, text):
        self.complaints.append(f"{self._case.name} at {self._step.label}: {text}")

    def _expect(self, line):
        done = self._start(line).finish()
        if done.code != 0:
            self._complain(f"does not work: {done}")
        return done

    def _nothing_new(self, before, what):
        kept = {self._world.fill(path, self) for path in self._case.keeps}
        if left := self._world.names() - before - kept:
            self._complain(f"{what}: {sorted(left)}")

    def _attempt(self, step):
        """The process whose end is to be judged, and what came of it together with its partner."""
        if not self._case.partner:
            line = self._start(self._case.line, step).finish()
            return line, line.out
        partner = self._start(self._case.partner)
        line = self._start(self._case.line, step)
        wait_for_any([line, partner], WATCHDOG_S)
        if line.process.poll() is None and partner.process.returncode != 0:
            # Where the world is short the partner may have been refused first; else it tells of the line's end.
            wait_for_any([line], GRACE_S if not self._step.limits else WATCHDOG_S)
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
        if LOADER in text:
            self.outcome = "not started"
            return True
        named = re.findall(r"\b(E[A-Z0-9]{3,})\b", text)
        self.outcome = named[0] if named else f"code {run.code}"
        if run.code not in (1, 2):
            self._complain(f"ended with {run.code}: {run}")
        for what, pattern in (("object", self._world.fill(self._case.named, self)), ("limit", self._step.limit),
                              ("remedy", self._step.remedy)):
            if not re.search(pattern, text):
                self._complain(f"the {what} ({pattern}) is not told: {run}")
        return True

    def _look_whether_it_works(self):
        for line in self._case.works:
            if isinstance(line, str):
                self._expect(line)
                continue
            partner = self._start(line[1]) if line[1] else None
            data = self._expect(line[0]).out + (partner.finish().out if partner else b"")
            if data.strip() != b"data":
                self._complain(f"what was made does not work: {line} gave {data!r}")

    def _once_more(self):
        run, data = self._attempt(None)
        if not run.is_done(self._case.idle):
            self._complain(f"is refused though there is room again: {run}")
        elif (self._case.partner or self._case.prints) and data.strip() != b"data":
            self._complain(f"printed {data!r} when there was room again: {run}")
        else:
            self._look_whether_it_works()


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


def shm_of_64k(world):
    for pages in (0, 1, 2, 3, 4, 8, 15):
        yield Step(f"{pages} pages", r"free of the .*/dev/shm|/dev/shm is full|free in this file system", "remove|ginnel gc|remount",
                   impose=lambda pages=pages: free_pages(SHM, pages), lift=lambda: give_room(SHM)), \
            lines.NAMED_MEMORY + lines.REMOVAL + (lines.ALL + lines.TOUR if pages == 0 else [])


def shm_of_few_inodes(world):
    for left in range(0, 7):
        yield Step(f"{left} inodes", "inodes", "remove|ginnel gc|remount", impose=lambda left=left: few_inodes(SHM, left),
                   lift=lambda: give_room(SHM)), lines.NAMED_MEMORY + lines.REMOVAL


def paths_of_few_inodes(world):
    for left in range(0, 3):
        yield Step(f"{left} inodes", "inodes", "remove|df -i|remount", impose=lambda left=left: few_inodes(world.paths, left),
                   lift=lambda: give_room(world.paths)), lines.PATHS


def full_paths(world):
    yield Step("no block", "free|full", "remove|df", impose=lambda: free_pages(world.paths, 0),
               lift=lambda: give_room(world.paths)), lines.PATHS


def descriptors(world):
    for count in range(3, 18):
        yield Step(str(count), f"RLIMIT_NOFILE {count}", "ulimit -n", limits={"NOFILE": count}), \
            lines.ALL + (lines.TOUR if count % 4 == 0 else [])


def address_space(world):
    """From where the loader gives up to where everything works."""
    enough, too_little = 1 << 28, 1 << 20
    step = Step("", "", "")
    while enough - too_little > 2 * PAGE:
        step.limits = {"AS": (enough + too_little) // 2 // PAGE * PAGE}
        if LOADER in Run(world, ["--version"], step).finish().err:
            too_little = step.limits["AS"]
        else:
            enough = step.limits["AS"]
    for more in itertools.chain(range(0, 10), range(10, 40, 6)):
        size = enough + (more << 16 if more < 10 else more << 17) - PAGE
        yield Step(f"{size >> 10}K", f"RLIMIT_AS {size}", "ulimit -v|ginnel limits", limits={"AS": size}), \
            lines.ALL + (lines.TOUR if more % 4 == 0 else [])


WANTS = {one.__name__: one for one in (shm_of_64k, shm_of_few_inodes, paths_of_few_inodes, full_paths, descriptors, address_space)}


def run_inside(name, root):
    world = World(root)
    cells = [Cell(world, case, step).run() for step, cases in WANTS[name](world) for case in cases]
    os.kill(world.target.pid, signal.SIGKILL)
    return cells


class StarvedMachine(ShellTest):
    def starve(self, want, *refusals):
        """Whatever is refused is refused with one of these; each of them is met, and something succeeds."""
        self.need("unshare")
        privilege = [] if os.geteuid() == 0 else ["--map-root-user"]
        words = ["unshare", *privilege, "--mount", "--pid", "--fork", "--kill-child", "--ipc", "--net", "--mount-proc"]
        if subprocess.run([*words, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no namespaces are to be had")
        inside = shlex.join([*words, sys.executable, "-B", os.path.abspath(__file__), "inside", want, self.dir])
        cells = json.loads(self.sh("exec " + inside, limit_s=3 * LIMIT_S).out)
        if "-v" in sys.argv:
            print_table(want, cells)
        complaints = [complaint for cell in cells for complaint in cell["complaints"]]
        self.assertFalse(complaints, "\n".join(["", *complaints]))
        met = {cell["outcome"] for cell in cells}
        self.assertEqual(met, {"done", *refusals})

    def test_shm_of_64k(self):
        self.starve("shm_of_64k", "ENOSPC")

    def test_shm_of_few_inodes(self):
        self.starve("shm_of_few_inodes", "ENOSPC")

    def test_paths_of_few_inodes(self):
        self.starve("paths_of_few_inodes", "ENOSPC")

    def test_full_paths(self):
        self.starve("full_paths")

    def test_descriptors(self):
        self.starve("descriptors", "EMFILE", "not started")

    def test_address_space(self):
        self.starve("address_space", "ENOMEM", "not started")


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
