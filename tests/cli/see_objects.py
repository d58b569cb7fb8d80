"""`ginnel ls`, `why` and `gc` against objects that were made on purpose: tests/fixtures/make_ipc_objects.py.

All fixtures stand side by side while one `ginnel ls --json` looks at them. Recall: of the facts that the fixtures tell, how
many were found. Precision: of the handles that were found in the fixtures' processes, how many are really there, by what
the processes' own descriptors say. Both are printed for each kind, and both must be 1.
"""

import collections
import contextlib
import json
import os
import subprocess
import sys
import unittest

from harness import GINNEL, LIMIT_S, ShellTest

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures")
sys.path.insert(0, FIXTURES)
import make_ipc_objects  # noqa: E402


# Of these the kernel itself tells everybody who could have them.
KERNEL_COUNTS = ("sysv-shm", "unix")
# What only a privileged user can be told all of: the queues where mqueue is not mounted, and memory by its mapping alone.
HIDDEN_FROM_NOBODY = {"memory_deleted_but_mapped"}
if not os.path.ismount("/dev/mqueue"):
    HIDDEN_FROM_NOBODY |= {name for name in make_ipc_objects.FACTORIES if "queue_" in name and not name.startswith("message_")}
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]


class Tally:
    """Counts what was right, kind by kind, and keeps what was wrong."""

    def __init__(self):
        self.right, self.all = collections.Counter(), collections.Counter()
        self.wrong = []

    def add(self, kind, is_right, text):
        self.all[kind] += 1
        self.right[kind] += bool(is_right)
        if not is_right:
            self.wrong.append(text)


class SeesWhatWasMade(ShellTest):
    def test_every_kind_with_its_holders_fill_waiters_and_verdicts(self):
        made = self.make(sorted(make_ipc_objects.FACTORIES))
        # What tests beside this one have under way, or end, makes a scan sure of less for its moment: then another one is looked at.
        for _ in range(10):
            seen = json.loads(self.sh("ginnel ls --json").out)
            plan = self.plan()
            recall, precision = Tally(), Tally()
            for fixture, facts in made.items():
                for expected in facts["objects"]:
                    self.check(fixture, expected, seen, plan, recall)
                for pid in facts["processes"]:
                    self.check_handles(pid, seen, precision)
            if not any("expected in the plan, not None" in wrong for wrong in recall.wrong):
                break
        self.report(recall, precision)
        self.assertEqual(recall.wrong + precision.wrong, [])
        if os.geteuid() != 0:
            self.assertTrue(seen["coverage"]["unreadable"])
            self.assertFalse(seen["coverage"]["complete"])
            if not os.path.ismount("/dev/mqueue"):
                self.assertTrue(any("POSIX queues" in note for note in seen["coverage"]["notes"]), seen["coverage"])

    def plan(self):
        """Taken at a moment at which no test beside this one has a connection under way, which might carry anything."""
        def plan():
            if self.descriptors_under_way():
                return False
            self.latest = json.loads(self.sh("ginnel gc --older 0s --json", code=None).out)
            return not self.descriptors_under_way() and not any(
                "nobody has accepted" in reason for e in self.latest["entries"] for reason in e["reasons"])
        self.wait_until(plan, "a moment without a connection under way")
        return self.latest

    def descriptors_under_way(self):
        return json.loads(self.sh("ginnel ls --json unix", code=None).out)["coverage"]["in_flight"]

    # --- making

    def make(self, names):
        made = {}
        running = []
        for name in names:
            if os.geteuid() != 0 and name in make_ipc_objects.NEED_ROOT | HIDDEN_FROM_NOBODY:
                continue
            process = subprocess.Popen([sys.executable, "-B", os.path.join(FIXTURES, "make_ipc_objects.py"), name, self.dir],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.addCleanup(self.unmake, process)
            running.append((name, process))
        for name, process in running:
            line = process.stdout.readline()
            self.assertTrue(line, f"the fixture {name} could not be made")
            made[name] = json.loads(line)
        for facts in made.values():
            for pid, number in facts["blocked"]:
                self.wait_until(lambda pid=pid, number=number: self.sleeps_in(pid, number), f"pid {pid} in call {number}")
        return made

    @staticmethod
    def unmake(process):
        process.stdin.close()
        try:
            process.wait(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    @staticmethod
    def sleeps_in(pid, number):
        with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
            return file.read().startswith(f"{number} ")

    # --- comparing

    def check(self, fixture, expected, seen, plan, recall):
        kind = expected["kind"]
        matches = [o for o in seen["objects"] if self.is_meant(expected, o)]
        recall.add(kind, len(matches) == 1, f"{fixture}: {expected} was found {len(matches)} times")
        if len(matches) != 1:
            return
        found = matches[0]

        def must(is_right, what):
            recall.add(kind, is_right, f"{fixture}: {what}, found {found}")

        by_uid = {o["uid"]: o for o in seen["objects"]}
        if "holders" in expected:
            must(sorted([h["pid"], h["fd"]] for h in found["holders"]) == sorted(expected["holders"], key=str) or
                 sorted(map(str, ([h["pid"], h["fd"]] for h in found["holders"]))) == sorted(map(str, expected["holders"])),
                 f"expected holders {expected['holders']}")
        if "holder_pids" in expected:
            must({h["pid"] for h in found["holders"]} == set(expected["holder_pids"]), f"expected holders {expected['holder_pids']}")
        if expected.get("any_holders"):
            must(found["holders"], "expected holders")
        if "fill" in expected:
            self.check_fill(expected["fill"], found["fill"], must)
        if "full" in expected:
            must(found["fill"] and found["fill"].get("writer_blocks") == expected["full"], f"expected full: {expected['full']}")
        waiters = sorted([w["pid"], w["wait"]] for w in found["waiters"])
        must(waiters == sorted(expected.get("waiters", [])), f"expected waiters {expected.get('waiters', [])}")
        for key, value in expected.get("details", {}).items():
            must(found["details"].get(key) == value, f"expected {key} {value}")
        if "creator" in expected:
            must(found["creator"] and found["creator"]["life"] == expected["creator"], f"expected creator {expected['creator']}")
        if "peer_inode" in expected:
            peers = [by_uid[p] for p in found["peers"]]
            must([self.number(p) for p in peers] == [expected["peer_inode"]], f"expected peer {expected['peer_inode']}")
        must(found["deleted"] == expected.get("deleted", False), "deleted")
        self.check_verdict(expected, found, plan, must)
        for pid, (end, culprit) in expected.get("why", {}).items():
            self.check_why(pid, end, culprit, must)

    @staticmethod
    def check_fill(expected, found, must):
        if expected is None:
            must(found is None, "expected no fill")
            return
        used, capacity = expected
        must(found is not None and (used is None or found["used"] == used), f"expected {used} used")
        must(found is not None and (capacity is None or found["capacity"] == capacity), f"expected capacity {capacity}")

    @staticmethod
    def check_verdict(expected, found, plan, must):
        """`gc --older 0s` sees no youth; what ls says of verdicts includes it."""
        planned = {e["uid"]: e["verdict"] for e in plan["entries"]}.get(found["uid"])
        # Whoever may not look into all processes cannot tell what may go, only what may not.
        may_go = expected.get("removable") or expected.get("verdict") in ("safe", "likely")
        if os.geteuid() != 0 and may_go:
            must(planned != "safe" or expected["kind"] in KERNEL_COUNTS, "expected not to be sure")
        elif expected.get("removable"):
            must(planned in ("safe", "likely"), f"expected in the plan, not {planned}")
        elif "verdict" in expected:
            wanted = expected["verdict"]
            must(planned == (wanted if wanted in ("safe", "likely") else None), f"expected {wanted}, not {planned}")
            if wanted == "in-use":
                must(found["verdict"] == "in-use", "expected in-use")

    def check_why(self, pid, end, culprit, must):
        answer = self.sh(f"ginnel why {pid} --json", code=None)
        chains = json.loads(answer.out)["chains"]
        # The fixtures themselves wait for the end of this test: a chain that reaches one goes on to us.
        must(chains and chains[0]["end"] == end, f"why {pid}: expected {end}, not {chains}")
        if culprit is not None and chains:
            must(culprit in chains[0]["steps"][0]["culprits"], f"why {pid}: expected culprit {culprit}, not {chains}")

    @staticmethod
    def parts(found):
        space, device, number, generation = (int(p, 16) for p in found["uid"].split("@")[1].split("/"))
        return space, device, number, generation

    def number(self, found):
        return self.parts(found)[2]

    def is_meant(self, expected, found):
        if found["kind"] != expected["kind"]:
            return False
        if "name" in expected and found["name"] != expected["name"]:
            return False
        if "ns" in expected and found["ns"] != expected["ns"]:
            return False
        if expected["kind"] == "sysv-shm" and "ns" not in expected and found["ns"] != os.stat("/proc/self/ns/ipc").st_ino:
            return False
        if expected["kind"].startswith("sysv") and self.number(found) != expected["number"]:
            return False
        if "inode" in expected and self.number(found) != expected["inode"]:
            return False
        if "offset" in expected and self.parts(found)[3] != expected["offset"]:
            return False
        if "holder" in expected:
            return expected["holder"] in [[h["pid"], h["fd"]] for h in found["holders"]]
        return True

    def check_handles(self, pid, seen, precision):
        """Every descriptor that was found is one, of that inode; and none of a kind that has an inode of its own is missing."""
        found = {}
        for one in seen["objects"]:
            for holder in one["holders"]:
                if holder["pid"] == pid and holder["how"] == "descriptor":
                    found[holder["tid"], holder["fd"]] = one
        for (tid, fd), one in found.items():
            with contextlib.suppress(FileNotFoundError):
                status = os.stat(f"/proc/{pid}/task/{tid}/fd/{fd}")
                same = one["kind"] in ("eventfd", "epoll", "signalfd", "timerfd") or status.st_ino == self.number(one)
                precision.add(one["kind"], same, f"descriptor {fd} of {pid} is not {one['uid']}")
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                target = os.readlink(f"/proc/{pid}/fd/{fd}")
                if target.startswith("pipe:"):
                    precision.add("pipe", (pid, int(fd)) in found, f"descriptor {fd} of {pid} was not found: {target}")

    def report(self, recall, precision):
        print(f"\n{'kind':12}{'facts':>7}{'recall':>8}{'handles':>9}{'precision':>11}", file=sys.stderr)
        for kind in sorted(recall.all | precision.all):
            of = recall.right[kind] / recall.all[kind] if recall.all[kind] else 1
            handles = precision.right[kind] / precision.all[kind] if precision.all[kind] else 1
            print(f"{kind:12}{recall.all[kind]:7}{of:8.3f}{precision.all[kind]:9}{handles:11.3f}", file=sys.stderr)


class SeesWhatWasMadeWithoutPrivilege(ShellTest):
    """The same, of a user who may look into its own processes only."""

    def test_every_kind_with_its_holders_fill_waiters_and_verdicts(self):
        self.need_root()
        self.need("setpriv")
        python = next(filter(self.is_for_nobody, (sys.executable, "/usr/bin/python3")), None)
        if python is None or not self.is_for_nobody(GINNEL):
            self.skipTest("the command or Python lies where another user may not go")
        line = [*NOBODY, python, "-B", "-m", "unittest", "-v", "see_objects.SeesWhatWasMade"]
        done = subprocess.run(line, cwd=os.path.dirname(os.path.abspath(__file__)), env=dict(self.env, HOME=self.dir),
                              capture_output=True, text=True, timeout=LIMIT_S, check=False)
        print(done.stderr, file=sys.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("skipped", done.stderr)

    @staticmethod
    def is_for_nobody(program):
        # Not by running it: setpriv(1) itself may still go everywhere.
        return subprocess.run([*NOBODY, "test", "-x", program], check=False).returncode == 0


if __name__ == "__main__":
    unittest.main()
