"""`ginnel gc` in a race: workers make, use, remove and abandon objects while cleaners clear away, and all of them get killed.

The race is run in namespaces of its own (processes, IPC, mounts, network), so that the cleaners find nothing of anybody else's,
with no grace time and with every `likely` entry named: the workers' objects are protected by nothing but being in use.
GINNEL_RACE_SECONDS makes it longer.
"""

import collections
import errno
import json
import mmap
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback
import unittest

from harness import GINNEL, LIMIT_S, ShellTest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures"))
import kernel  # noqa: E402
import belongings  # noqa: E402

RACE_S = float(os.environ.get("GINNEL_RACE_SECONDS", "12"))
WORKERS, CLEANERS = 32, 4
HELD_AT_MOST = 6
PAUSE_S = 0.02
CRASHES = 30
OWN_GINNEL = f"{belongings.ROOT}/ginnel"
EXITS_OF_GC = (0, 1)
FIRST_PID_AGAIN = 400  # pids are counted from here again and again, so that dead creators' pids are soon another's


# --- the place of the race


def prepare():
    """The folders that ginnel looks into are new and empty ones; called by the first process of the namespaces."""
    root = belongings.ROOT
    kernel.mount_tmpfs(root, "size=1g")  # a sanitizer makes the program ten times as large
    for folder in (belongings.OPEN, belongings.HIDDEN, belongings.QUEUES):
        os.mkdir(folder)
    shutil.copy(GINNEL, OWN_GINNEL)
    kernel.mount("mqueue", belongings.QUEUES)
    for folder in (belongings.SHM, "/run", "/var/tmp"):
        kernel.mount("tmpfs", folder, "size=16m")
    kernel.bind(belongings.OPEN, "/tmp")
    os.chdir(root)


def count_pids_from(number):
    try:
        with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as file:
            file.write(str(number))
    except OSError:
        pass  # not allowed here: pids are used again less often


def fork(body):
    """The child leads a process group, and what it raises is a complaint."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setpgid(0, 0)
        body()
    except BaseException:
        note("complaints", traceback.format_exc())
    finally:
        os._exit(0)


def end(group):
    for kill, target in ((os.killpg, group), (os.kill, group)):
        try:
            kill(target, signal.SIGKILL)
        except ProcessLookupError:
            pass


def reap_all():
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        pass


def note(topic, text):
    with open(f"{belongings.ROOT}/{topic}", "a", encoding="utf-8") as file:
        file.write(json.dumps(text) + "\n")


def notes(topic):
    try:
        with open(f"{belongings.ROOT}/{topic}", encoding="utf-8") as file:
            return [json.loads(line) for line in file]
    except FileNotFoundError:
        return []


# --- cleaners


def ginnel(*arguments, text=None):
    done = subprocess.run([OWN_GINNEL, *arguments], input=text, capture_output=True, text=True, check=False)
    if done.returncode not in EXITS_OF_GC:
        note("complaints", f"{arguments[:3]} ended with {done.returncode}: {done.stderr}{done.stdout}")
    return done.stdout


def make_plan():
    return json.loads(ginnel("gc", "--older", "0s", "--json"))


def words_to_apply(plan):
    likely = [e["uid"] for e in plan["entries"] if e["verdict"] == "likely"]
    return ["gc", "--apply", "-", "--json", *(word for uid in likely for word in ("--name", uid))]


def apply(plan):
    """Removes all of it; tells the kinds of what was removed."""
    answer = ginnel(*words_to_apply(plan), text=json.dumps(plan))
    results = json.loads(answer)["results"]
    for result in results:
        if result["result"] == "refused":
            note("complaints", result)
    return [r["uid"].split("@")[0] for r in results if r["result"] == "removed"]


def clean():
    return apply(make_plan())


def clean_for_ever():
    while True:
        note("removed", clean())


# --- workers


class Tally:
    """Counts by kind in memory that all processes of the race share; each writes in a place of its own."""

    EVENTS = ("had", "seen", "removed", "left")

    def __init__(self, places):
        self._per_place = len(belongings.KINDS) * len(self.EVENTS)
        self._numbers = memoryview(mmap.mmap(-1, 8 * places * self._per_place)).cast("Q")

    def add(self, place, kind, event):
        self._numbers[place * self._per_place + belongings.KINDS.index(kind) * len(self.EVENTS) + self.EVENTS.index(event)] += 1

    def sums(self):
        sums = collections.Counter()
        for index, number in enumerate(self._numbers):
            kind, event = divmod(index % self._per_place, len(self.EVENTS))
            sums[belongings.KINDS[kind], self.EVENTS[event]] += number
        return sums


class Worker:
    def __init__(self, place, tally):
        self._place, self._tally, self._held = place, tally, []

    def work(self):
        random.seed()
        while True:
            if len(self._held) < HELD_AT_MOST and random.random() < 0.5:
                self._make()
            time.sleep(random.uniform(0, PAUSE_S))
            self._look_at_all()
            if self._held and random.random() < 0.4:
                self._give_up(self._held.pop(random.randrange(len(self._held))))

    def _make(self):
        try:
            new = random.choice(belongings.ALL)()
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return  # the cleaners are behind
        self._held.append(new)
        self._tally.add(self._place, new.kind, "had")

    def _look_at_all(self):
        for one in self._held:
            if not one.is_there():
                note("violations", f"{type(one).__name__} of {os.getpid()} lost its name: {vars(one)}")
                self._held.remove(one)
                return
            self._tally.add(self._place, one.kind, "seen")

    def _give_up(self, one):
        if random.random() < 0.5:
            one.leave()
            self._tally.add(self._place, one.kind, "left")
            return
        try:
            one.remove()
        except OSError as error:
            note("violations", f"{type(one).__name__} of {os.getpid()} was gone: {error!r} {vars(one)}")
        self._tally.add(self._place, one.kind, "removed")


# --- the race


class Race:
    def __init__(self):
        self._tally = Tally(WORKERS)
        self._places = {}  # of each running group: the number of a worker, or None for a cleaner

    def run(self, seconds):
        for place in [*range(WORKERS), *[None] * CLEANERS]:
            self._start(place)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(PAUSE_S)
            self._replace(random.choice(list(self._places)))
        for group in self._places:
            end(group)
        reap_all()

    def _start(self, place):
        body = clean_for_ever if place is None else Worker(place, self._tally).work
        self._places[fork(body)] = place

    def _replace(self, group):
        end(group)
        os.waitpid(group, 0)
        if random.random() < 0.2:
            count_pids_from(FIRST_PID_AGAIN)
        self._start(self._places.pop(group))

    def report(self):
        sums = self._tally.sums()
        return {kind: {event: sums[kind, event] for event in Tally.EVENTS} for kind in belongings.KINDS}


def let_owners_go():
    """A worker that was killed early still owns its queue or semaphores as root, who never is without a process."""
    for table, give in (("msg", kernel.msg_give_to), ("sem", kernel.sem_give_to)):
        with open(f"/proc/sysvipc/{table}", encoding="ascii") as file:
            for line in file.readlines()[1:]:
                give(int(line.split()[1]), belongings.NOBODY_HERE)


def clean_up_at_last():
    let_owners_go()
    removed = clean()
    # What is left is told with the reason.
    left = belongings.names_left()
    return {"removed": removed, "left": left, "objects": json.loads(ginnel("ls", "--json"))["objects"] if left else []}


def race(seconds):
    race_of_all = Race()
    race_of_all.run(seconds)
    count_pids_from(10 * FIRST_PID_AGAIN)
    return {"kinds": race_of_all.report(), "by_cleaners": sum(notes("removed"), []), "last": clean_up_at_last(),
            "violations": notes("violations"), "complaints": notes("complaints")}


# --- cleaners that are killed half-way


def abandon(count):
    """A process that has made objects of every kind and dies."""

    def make_and_die():
        for _ in range(count):
            for make in belongings.ALL:
                make()
        end(os.getpid())

    fork(make_and_die)
    reap_all()
    let_owners_go()


def kill_on_the_way(plan, longest_s):
    """Starts a cleaner and kills it at a random moment; whether it was still at work."""
    cleaner = subprocess.Popen([OWN_GINNEL, *words_to_apply(plan)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, text=True)
    cleaner.stdin.write(json.dumps(plan))
    cleaner.stdin.close()
    time.sleep(random.uniform(0, longest_s))
    cleaner.kill()
    return cleaner.wait() == -signal.SIGKILL


def crash(times):
    """Each crash is followed by more objects, and by a look at those that live."""
    abandon(10)
    plan = make_plan()
    started = time.monotonic()
    first = apply(plan)
    longest_s = time.monotonic() - started
    living = [make() for make in belongings.ALL]
    killed = halfway = 0
    for _ in range(times):
        abandon(2)
        before = set(belongings.names_left())
        killed += kill_on_the_way(make_plan(), longest_s)
        halfway += len(living) < len(belongings.names_left()) < len(before)
    lost = [type(one).__name__ for one in living if not one.is_there()]
    for one in living:
        if one.is_there():
            one.remove()
    # Locks of open file descriptions have no pid: those of the whole machine are shown, ours are on the file systems made here.
    devices = [os.stat(place).st_dev for place in (belongings.ROOT, belongings.SHM, belongings.QUEUES, "/run", "/var/tmp")]
    own = [f" {os.major(device):02x}:{os.minor(device):02x}:" for device in devices]
    with open("/proc/locks", encoding="ascii") as file:
        locks = "".join(line for line in file if any(device in line for device in own))
    return {"first": first, "killed": killed, "halfway": halfway, "lost": lost, "locks": locks, "last": clean_up_at_last(),
            "complaints": notes("complaints")}


# --- tests


class CleanersRace(ShellTest):
    def inside(self, what):
        self.need_root()
        self.need("unshare")
        done = self.sh("exec unshare --mount --pid --fork --kill-child --ipc --net --mount-proc "
                       f"'{sys.executable}' -B '{os.path.abspath(__file__)}' inside {what}", limit_s=LIMIT_S + RACE_S)
        return json.loads(done.out)

    def test_nothing_that_lives_is_removed_and_nothing_dead_stays(self):
        told = self.inside(f"race {RACE_S}")
        removed = collections.Counter(told["by_cleaners"] + told["last"]["removed"])
        print(f"\n{'kind':10}{'had':>8}{'seen':>9}{'removed':>9}{'left':>7}{'cleared away':>14}", file=sys.stderr)
        for kind, n in told["kinds"].items():
            print(f"{kind:10}{n['had']:8}{n['seen']:9}{n['removed']:9}{n['left']:7}{removed[kind]:14}", file=sys.stderr)
        self.assertEqual(told["violations"], [])
        self.assertEqual(told["complaints"], [])
        self.assertEqual(told["last"]["left"], [], told["last"]["objects"])
        for kind, n in told["kinds"].items():
            self.assertTrue(n["had"] and n["seen"] and n["removed"] and n["left"] and removed[kind], kind)

    def test_a_cleaner_that_is_killed_leaves_what_the_next_one_goes_on_with(self):
        told = self.inside(f"crash {CRASHES}")
        print(f"\n{told['killed']} of {CRASHES} cleaners were killed at work, {told['halfway']} of them half-way", file=sys.stderr)
        self.assertEqual(set(told["first"]), set(belongings.KINDS))
        self.assertGreater(told["killed"], 0)
        self.assertEqual(told["lost"], [])
        self.assertEqual(told["locks"], "")
        self.assertEqual(told["complaints"], [])
        self.assertEqual(told["last"]["left"], [], told["last"]["objects"])


if __name__ == "__main__":
    if sys.argv[1:2] == ["inside"]:
        prepare()
        json.dump(race(float(sys.argv[3])) if sys.argv[2] == "race" else crash(int(sys.argv[3])), sys.stdout)
    else:
        unittest.main()
