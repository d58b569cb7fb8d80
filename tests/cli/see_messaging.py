"""`ginnel ls`, `show`, `why` and `gc` of ginnel's own topics, newest values and queues, while they are used, after deaths, and after all."""

import json
import os
import signal

from harness import GINNEL, ShellTest


class MessagingSeen(ShellTest):
    def setUp(self):
        super().setUp()
        self.env["GINNEL_HOME"] = self.path("home")

    def objects(self, *kinds):
        return json.loads(self.sh("ginnel ls --json " + " ".join(kinds or ("topic", "latest", "queue")), code=None).out)["objects"]

    def find(self, name):
        """None where it is not there. Topics of other homes, as of tests beside this one, are not meant."""
        mine = [o for o in self.objects() if o["name"] == name and o["details"]["folder"].startswith(self.dir)]
        self.assertLessEqual(len(mine), 1)
        return mine[0] if mine else None

    def await_object(self, name, condition, what):
        def comes():
            self.seen = self.find(name)
            return self.seen is not None and condition(self.seen)
        self.wait_until(comes, f"{name}: {what}")
        return self.seen

    @staticmethod
    def members(found, role):
        return [m for m in found["members"] if m["role"] == role]

    @staticmethod
    def waiters(found):
        return {(w["pid"], w["wait"]) for w in found["waiters"]}

    @staticmethod
    def holders(found):
        return {(h["pid"], h["access"]) for h in found["holders"]}

    def plan(self, name):
        """The whole plan as text, and the entry of that name, if it is in it."""
        text = self.sh("ginnel gc --older 0s --json", code=None).text
        entries = [e for e in json.loads(text)["entries"] if e["name"] == name]
        return text, entries[0] if entries else None

    def apply(self, plan, code=None):
        with open(self.path("plan.json"), "w", encoding="utf-8") as file:
            file.write(plan)
        return self.sh("ginnel gc --apply plan.json", code=code)

    def kill(self, job):
        job.signal(signal.SIGKILL)
        job.process.wait()


class Topic(MessagingSeen):
    def start_reader(self, name, options=""):
        reader = self.start(f"exec ginnel recv topic:{name} --follow --lines {options}")
        self.await_object("topic:" + name, lambda o: (reader.pid, "r") in self.holders(o), "a reader")
        return reader

    def test_readers_and_writers_by_their_role_and_no_file_of_it_as_shared_memory(self):
        reader = self.start_reader("robot/pose")
        writer = self.start("exec ginnel send topic:robot/pose --lines < <(seq 3; exec sleep 60)")
        found = self.await_object("topic:robot/pose", lambda o: len(self.members(o, "writer")) == 1, "a writer")
        self.assertEqual(self.holders(found), {(reader.pid, "r"), (writer.pid, "w")})
        self.assertEqual([(m["pid"], m["life"]) for m in found["members"]], [(reader.pid, "alive"), (writer.pid, "alive")])
        self.assertTrue(self.members(found, "reader")[0]["reliable"])
        self.assertEqual(found["verdict"], "in-use")
        self.assertIn((reader.pid, "receive"), self.waiters(found))
        self.assertEqual((found["details"]["writers"], found["details"]["readers"]), ("1", "1"))
        names = [o["name"] or "" for o in self.objects("posix-shm", "lock", "futex")]
        self.assertEqual([n for n in names if self.dir in n], [])
        text = self.sh("ginnel show topic:robot/pose").text
        self.assertRegex(text, rf"reader +r\.{reader.pid}\.\d+, ginnel\({reader.pid}\), alive, reliable")

    def test_a_writer_that_a_stopped_reader_holds_back_is_told_whom_it_waits_for(self):
        reader = self.start_reader("log")
        writer = self.start("exec ginnel send topic:log --lines < <(echo; until [ -e go ]; do sleep 0.01; done; exec yes)")
        self.await_object("topic:log", lambda o: [m["messages"] for m in self.members(o, "writer")] == [1], "a first message")
        reader.signal(signal.SIGSTOP)
        self.sh("touch go")
        # A scan looks at the ring first and at who waits later: the ring may have filled between the two.
        found = self.await_object("topic:log", lambda o: o["fill"]["writer_blocks"] and (writer.pid, "send") in self.waiters(o), "a writer that waits for room")
        self.assertTrue(self.members(found, "reader")[0]["holds_back"])
        self.assertGreater(self.members(found, "reader")[0]["waiting"], found["fill"]["capacity"] // 2)
        # Who waits for room looks by itself again and again, and does not wait at that moment.
        self.wait_until(lambda: f"ginnel({reader.pid})" in self.sh(f"ginnel why {writer.pid}", code=None).text, "the reader as the culprit")

    def test_what_the_dead_have_left_goes_and_what_lives_stays(self):
        reader = self.start_reader("left")
        writer = self.start("exec ginnel send topic:left --lines < <(seq 3; exec sleep 60)")
        self.await_object("topic:left", lambda o: len(self.members(o, "writer")) == 1, "a writer")
        self.kill(reader)
        found = self.find("topic:left")
        self.assertEqual((found["verdict"], found["details"]["writers"]), ("in-use", "1"))
        self.assertIsNone(self.plan("topic:left")[1])
        self.kill(writer)
        found = self.find("topic:left")
        self.assertEqual({m["life"] for m in found["members"]} - {"dead"}, set())
        plan, entry = self.plan("topic:left")
        self.assertEqual(entry["verdict"], "safe", entry)
        self.apply(plan)
        self.assertFalse(os.path.exists(self.path("home/topic:left")))

    def test_who_comes_after_the_plan_is_not_removed(self):
        self.kill(self.start_reader("again"))
        plan, entry = self.plan("topic:again")
        self.assertEqual(entry["verdict"], "safe", entry)
        reader = self.start_reader("again")
        self.assertIn("topic:again", self.apply(plan).text)
        self.sh("seq 3 | ginnel send topic:again --lines")
        self.assertEqual(reader.finish().text, "1\n2\n3\n")

    def test_a_folder_with_something_else_in_it_is_left_alone(self):
        self.kill(self.start_reader("strange"))
        with open(self.path("home/topic:strange/notes.txt"), "w", encoding="ascii") as file:
            file.write("mine")
        os.mkfifo(self.path("home/topic:strange/w.05"))
        os.symlink("/etc/passwd", self.path("home/topic:strange/r.1.2"))
        found = self.find("topic:strange")
        self.assertEqual(found["verdict"], "unknown")
        self.assertIn("notes.txt", found["details"]["not-understood"])
        self.assertTrue(os.path.exists(self.path("home/topic:strange/notes.txt")))


class Queue(MessagingSeen):
    def test_messages_participants_and_what_each_holds(self):
        self.sh("ginnel mk queue:jobs --messages 4 --size 16")
        self.sh("seq 3 | ginnel send queue:jobs --lines")
        found = self.find("queue:jobs")
        self.assertEqual((found["fill"]["used"], found["fill"]["capacity"], found["fill"]["writer_blocks"]), (3, 4, False))
        self.assertEqual((found["verdict"], found["holders"]), ("unknown", []))
        self.sh("ginnel send queue:jobs 4")
        sender = self.start("exec ginnel send queue:jobs 5")
        found = self.await_object("queue:jobs", lambda o: o["waiters"] != [], "a sender that waits")
        self.assertEqual(self.waiters(found), {(sender.pid, "send")})
        self.assertTrue(found["fill"]["writer_blocks"])
        self.assertEqual(self.holders(found), {(sender.pid, "rw")})
        self.assertEqual([(m["pid"], m["life"], m["held"]) for m in self.members(found, "participant")], [(sender.pid, "alive", 0)])
        self.assertIn("queue:jobs", self.sh(f"ginnel why {sender.pid}", code=None).text)
        self.assertIsNone(self.plan("queue:jobs")[1])
        self.kill(sender)
        found = self.find("queue:jobs")
        self.assertEqual([(m["life"]) for m in self.members(found, "participant")], ["dead"])
        self.assertEqual(self.sh("ginnel recv queue:jobs --count 4 --lines").text, "1\n2\n3\n4\n")

    def test_what_a_participant_has_received_and_not_acknowledged_is_its_own(self):
        self.sh("ginnel mk queue:big --messages 2 --size 200K")
        self.sh("head -c 150000 /dev/zero | ginnel send queue:big")
        # It acknowledges what it has written, and nobody reads that pipe.
        receiver = self.start("exec ginnel recv queue:big > >(exec sleep 60)")
        found = self.await_object("queue:big", lambda o: o["details"].get("not-acknowledged") == "1", "a message that is held")
        self.assertEqual([(m["pid"], m["held"]) for m in self.members(found, "participant")], [(receiver.pid, 1)])
        self.assertEqual((found["details"]["waiting"], found["fill"]["used"]), ("0", 1))

    def test_an_unused_one_goes_only_when_it_is_named(self):
        self.sh("ginnel mk queue:old --messages 4 --size 16")
        plan, entry = self.plan("queue:old")
        self.assertEqual(entry["verdict"], "likely", entry)
        self.apply(plan)
        self.assertIsNotNone(self.find("queue:old"))
        with open(self.path("plan.json"), "w", encoding="utf-8") as file:
            file.write(plan)
        receiver = self.start("exec ginnel recv queue:old")
        self.await_object("queue:old", lambda o: o["waiters"] != [], "a receiver")
        self.sh("ginnel gc --apply plan.json --name " + entry["uid"], code=None)
        self.assertIsNotNone(self.find("queue:old"))
        self.kill(receiver)
        self.sh("ginnel gc --apply plan.json --name " + entry["uid"], code=None)
        self.assertIsNone(self.find("queue:old"))
        self.assertFalse(os.path.exists(self.path("home/queue:old")))


class Latest(MessagingSeen):
    def test_its_readers_and_its_versions(self):
        self.sh("seq 5 | ginnel send latest:state --lines")
        found = self.find("latest:state")
        self.assertEqual((found["details"]["version"], found["details"]["writers"], found["holders"]), ("5", "0", []))
        self.assertIsNone(found["fill"])
        writer = self.start("exec ginnel send latest:state --lines < <(seq 2; exec sleep 60)")
        self.await_object("latest:state", lambda o: o["details"]["version"] == "7", "two more values")
        reader = self.start("exec ginnel recv latest:state --follow --lines")
        found = self.await_object("latest:state", lambda o: o["waiters"] != [], "a reader that waits")
        self.assertEqual(self.holders(found), {(reader.pid, "r"), (writer.pid, "w")})
        self.assertEqual(self.waiters(found), {(reader.pid, "receive")})
        self.assertEqual(found["verdict"], "in-use")
        self.assertIn(f"ginnel({writer.pid})", self.sh(f"ginnel why {reader.pid}", code=None).text)
        self.kill(reader)
        self.kill(writer)
        self.assertEqual(self.plan("latest:state")[1]["verdict"], "likely")


class Channel(MessagingSeen):
    CHAT = os.path.join(os.path.dirname(os.path.dirname(GINNEL)), "examples", "chat")

    def test_its_two_directions_with_who_writes_and_who_reads(self):
        if not os.path.exists(self.CHAT):
            self.skipTest("the examples are not built")
        path = self.path("chat.sock")
        first = self.start(f"exec {self.CHAT} listen {path}")
        self.wait_for_socket("chat.sock")
        second = self.start(f"exec {self.CHAT} connect {path} hello < <(exec sleep 60)")  # which the listener would read
        for end in (first, second):
            self.wait_until(lambda end=end: self.maps_channel(end.pid, times=2), "both directions")
        first.signal(signal.SIGSTOP)  # it answers nothing any more, and what was sent to it stays
        def come():
            self.seen = [o for o in self.objects("channel") if {h["pid"] for h in o["holders"]} == {first.pid, second.pid}]
            return len(self.seen) == 2 and all(o["peers"] and o["fill"] for o in self.seen) and any(
                o["fill"]["used"] for o in self.seen)
        self.wait_until(come, "a channel with a message in it")
        second.signal(signal.SIGSTOP)
        a, b = self.seen
        self.assertEqual((a["peers"], b["peers"]), ([b["uid"]], [a["uid"]]))
        self.assertEqual({self.writer_of(a), self.writer_of(b)}, {first.pid, second.pid})
        self.assertEqual(a["verdict"], "in-use")
        sent, answers = (a, b) if self.writer_of(a) == second.pid else (b, a)
        hello_bytes = 16  # the head of a record, and five letters, aligned
        self.assertEqual((sent["fill"]["used"], sent["details"]["records"]), (hello_bytes, "1"))
        self.assertEqual((answers["fill"]["used"], answers["details"]["records"]), (0, "0"))
        for one in (sent, answers):
            self.assertGreaterEqual(one["fill"]["capacity"], 65536)
            self.assertEqual((one["fill"]["unit"], one["fill"]["writer_blocks"]), ("bytes", False))

    @staticmethod
    def maps_channel(pid, times):
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as maps:
            return len({line.split()[4] for line in maps if "/memfd:ginnel-channel" in line}) == times

    @staticmethod
    def writer_of(found):
        return next(h["pid"] for h in found["holders"] if h["how"] == "mapping" and "w" in h["access"])


class MessagingOfOthers(MessagingSeen):
    def test_what_may_not_be_read_is_said_to_be_so(self):
        self.need_root()
        self.need("setpriv")
        self.sh("ginnel mk queue:mine --messages 4 --size 16")
        os.chmod(self.dir, 0o755)
        reader = self.start("exec ginnel recv queue:mine")
        self.await_object("queue:mine", lambda o: o["waiters"] != [], "a receiver")
        stranger = "setpriv --reuid 65534 --regid 65534 --clear-groups "
        seen = json.loads(self.sh(stranger + "ginnel ls --json queue", code=None).out)
        self.assertEqual([o for o in seen["objects"] if o["details"]["folder"].startswith(self.dir)], [])
        self.assertTrue(any(self.dir in note for note in seen["coverage"]["notes"]), seen["coverage"]["notes"])
        self.kill(reader)

    def test_a_users_own_without_privilege(self):
        self.need_root()
        self.need("setpriv")
        os.chmod(self.dir, 0o777)
        as_nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups "
        reader = self.start("exec " + as_nobody + "ginnel recv topic:own --follow")
        def comes():
            seen = json.loads(self.sh(as_nobody + "ginnel ls --json topic", code=None).out)["objects"]
            self.seen = [o for o in seen if o["details"]["folder"].startswith(self.dir) and o["waiters"]]
            return self.seen
        self.wait_until(comes, "the topic")
        self.assertEqual(self.holders(self.seen[0]), {(reader.pid, "r")})
        self.assertEqual(self.seen[0]["verdict"], "in-use")
