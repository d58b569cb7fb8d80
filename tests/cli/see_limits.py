"""`ginnel limits` and `ginnel explain`: limits that were used up on purpose, and what is said of them."""

import json
import os
import resource

from harness import ShellTest

LIMIT_KEYS = {"name", "place", "scope", "value", "used", "unit", "nearly_reached", "at_limit", "raise", "estimate", "consumers"}
SCOPES = {"kernel", "ipc-namespace", "network-namespace", "user", "process", "cgroup", "file-system"}
EXPLANATION_KEYS = ["call", "likely", "meaning", "limits", "here", "users", "tell", "remedy", "source"]

FILL_DESCRIPTORS = """
import os, resource, signal
resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
try:
    while True:
        os.dup(0)
except OSError:
    os.mkdir("full")
signal.pause()
"""


def setting(name):
    with open("/proc/sys/" + name.replace(".", "/"), encoding="ascii") as file:
        return file.read().split()


class Limits(ShellTest):
    def limits(self, options="", code=0):
        shown = json.loads(self.sh(f"ginnel limits --json {options}", code=code).out)
        return shown, {(limit["name"], limit["place"], limit["unit"]): limit for limit in shown["limits"]}

    def test_json_has_every_field_and_a_reason_for_what_is_missing(self):
        shown, by_name = self.limits()
        self.assertEqual(shown["limits_schema"], 1)
        self.assertEqual(len(by_name), len(shown["limits"]))
        for limit in shown["limits"]:
            self.assertEqual(set(limit) - {"missing"}, LIMIT_KEYS)
            self.assertIn(limit["scope"], SCOPES)
            for key in ("value", "used"):
                self.assertEqual(limit[key] is None, key in limit.get("missing", {}), limit)
            self.assertTrue(limit["at_limit"] and limit["raise"] and limit["unit"], limit)

    def test_values_are_those_of_the_kernel(self):
        _, by_name = self.limits()
        for name, unit, word in (("kernel.msgmni", "queues", 0), ("kernel.shmmax", "bytes", 0),
                                 ("fs.mqueue.msgsize_max", "bytes", 0), ("fs.pipe-max-size", "bytes", 0),
                                 ("kernel.sem SEMMSL", "semaphores", 0), ("kernel.sem SEMMNI", "sets", 3)):
            self.assertEqual(by_name[name, None, unit]["value"], int(setting(name.split()[0])[word]), name)
        room = os.statvfs("/dev/shm")
        total = (room.f_blocks - room.f_bfree + room.f_bavail) * room.f_frsize
        self.assertEqual(by_name["/dev/shm", None, "bytes"]["value"], total)
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.assertEqual(by_name["RLIMIT_NOFILE", None, "descriptors"]["value"], soft)

    def test_are_those_of_the_shell_or_of_the_process_that_is_named(self):
        line = "ulimit -n 77; echo $$; ginnel limits --json; true"  # `true`: bash would become ginnel itself
        pid, _, text = self.sh(line).text.partition("\n")
        shown = json.loads(text)
        self.assertEqual(shown["pid"], int(pid))
        self.assertEqual([limit["value"] for limit in shown["limits"] if limit["name"] == "RLIMIT_NOFILE"], [77])
        self.assertEqual(self.limits(f"--pid {os.getpid()}")[0]["pid"], os.getpid())

    def test_puts_what_is_nearly_reached_first_and_shows_who_uses_it(self):
        self.need("python3")
        job = self.start(f"exec python3 -c '{FILL_DESCRIPTORS}'")
        self.wait_for_path("full")
        shown, by_name = self.limits(f"--pid {job.pid}")
        limit = by_name["RLIMIT_NOFILE", None, "descriptors"]
        self.assertTrue(limit["nearly_reached"], limit)
        self.assertIn("device", [consumer["who"] for consumer in limit["consumers"]])
        reached = [limit["nearly_reached"] for limit in shown["limits"]]
        self.assertEqual(reached, sorted(reached, reverse=True))
        near = self.sh(f"ginnel limits --pid {job.pid} --near").text
        self.assertIn("RLIMIT_NOFILE: nearly reached. To raise it: ulimit -n", near)
        self.assertNotIn("kernel.msgmax", near)

    def test_a_process_that_is_not_there_is_found_by_nobody(self):
        done = self.sh("ginnel limits --pid 2147483647", code=1)
        self.assertIn("no such process", done.errors)


class Explain(ShellTest):
    def explain(self, words, code=0):
        return json.loads(self.sh(f"ginnel explain --json {words}", code=code).out)

    def test_json_has_every_field(self):
        shown = self.explain("ENOSPC")
        self.assertEqual([shown["explain_schema"], shown["error"]], [1, "ENOSPC"])
        self.assertIn("semget", [one["call"] for one in shown["explanations"]])
        for one in shown["explanations"]:
            self.assertEqual(list(one), EXPLANATION_KEYS)
        likely = [one["likely"] for one in shown["explanations"]]
        self.assertEqual(likely, sorted(likely, reverse=True))

    def test_takes_a_number_and_small_letters(self):
        self.assertEqual(self.explain("28 semget"), self.explain("enospc semget"))
        self.assertEqual(self.explain("sigbus")["error"], "SIGBUS")

    def test_a_limit_that_is_reached_is_likely(self):
        self.need_root()
        self.need("unshare", "ipcmk")
        line = "unshare --ipc bash -c 'echo 2 > /proc/sys/kernel/msgmni; ipcmk -Q; ipcmk -Q; {}; true'"
        refused = self.sh(line.format("ipcmk -Q"))
        self.assertIn("No space left on device", refused.errors)
        text = self.sh(line.format("ginnel explain ENOSPC msgget --json")).text
        [one] = json.loads(text[text.index("{"):])["explanations"]
        self.assertTrue(one["likely"])
        self.assertEqual(one["here"], ["kernel.msgmni: 2 of 2 queues in use"])
        self.assertEqual(one["users"], ["uid 0: 2 queues"])

    def test_names_a_path_that_a_dead_server_left(self):
        self.need("python3")
        path = self.path("left")
        self.sh(f"python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('{path}')\"")
        [one] = self.explain("EADDRINUSE bind")["explanations"]
        self.assertTrue(one["likely"])
        self.assertTrue([line for line in one["here"] if line.startswith("unix:")], one)

    def test_text_says_what_to_do(self):
        text = self.sh("ginnel explain EMFILE mq_open").text
        self.assertIn("EMFILE of mq_open", text)
        self.assertIn("RLIMIT_MSGQUEUE", text)
        self.assertIn("ulimit -q", text)

    def test_what_is_not_known_is_refused_with_what_is(self):
        done = self.sh("ginnel explain EFOO", code=2)
        self.assertIn("ENOSPC", done.errors)
        done = self.sh("ginnel explain ENOSPC kill", code=2)
        self.assertIn("msgget", done.errors)
