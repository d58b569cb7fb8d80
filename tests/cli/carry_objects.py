"""Memory and semaphores: made, filled and removed, also by and for the classic tools."""

import json
import os
import re
import subprocess

from harness import ShellTest


class Memory(ShellTest):
    def test_what_is_sent_lies_there_until_it_is_overwritten(self):
        m = self.name()
        done = self.sh(f"ginnel mk shm:{m} --size 8 >/dev/null; ginnel send shm:{m} abcdefgh;"
                       f"ginnel send shm:{m} --offset 2 XY; ginnel recv shm:{m}; ginnel recv shm:{m} --offset 2 --size 3")
        self.assertEqual(done.out, b"abXYefghXYe")

    def test_what_does_not_fit_is_refused_whole(self):
        m = self.name()
        done = self.sh(f"ginnel mk shm:{m} --size 8 >/dev/null; ginnel send shm:{m} ninebytes", code=2)
        self.assertRegex(done.errors, "9 bytes.* 8 bytes")
        self.assertEqual(self.sh(f"ginnel recv shm:{m}").out, bytes(8))
        self.sh(f"ginnel send shm:{m}", data=b"ninebytes", code=2)

    def test_memory_that_its_owner_shrinks_under_a_sender_ends_him_with_code_1(self):
        memory = os.memfd_create("ginnel-cli")
        self.addCleanup(os.close, memory)
        os.ftruncate(memory, 1 << 16)
        job = self.start(f"exec ginnel send memfd:{os.getpid()}/{memory}", stdin=subprocess.PIPE)

        def mapped():
            with open(f"/proc/{job.pid}/maps", encoding="utf-8") as maps:
                return "memfd:ginnel-cli" in maps.read()

        self.wait_until(mapped, "a mapping of the memory")
        os.ftruncate(memory, 4096)
        with job.process.stdin as source:
            source.write(bytes([7]) * (1 << 16))
        done = job.finish()
        self.assertEqual(done.code, 1, done.errors)
        self.assertIn("4096 of 65536 bytes were written", done.errors)
        self.assertEqual(os.pread(memory, 1 << 16, 0), bytes([7]) * 4096)

    def test_the_file_in_dev_shm_is_the_memory(self):
        m = self.name()
        self.sh(f"ginnel mk shm:{m} --size 4 --mode 640; printf ABCD > /dev/shm{m}")
        self.assertEqual(self.sh(f"ginnel recv shm:{m}").out, b"ABCD")
        self.assertEqual(os.stat(f"/dev/shm{m}").st_mode & 0o777, 0o640)

    def test_memory_without_a_size_is_refused(self):
        told = self.sh(f"ginnel mk shm:{self.name()}", code=2).errors
        self.assertIn("--size", told)
        self.assertIn("see 'ginnel mk --help'", told)
        self.assertNotIn("EINVAL", told)

    def test_memory_that_is_not_there_is_code_1(self):
        name, key = self.name(), self.key()
        for address in (f"shm:{name}", f"sysv-shm:{key}"):
            for line in (f"recv {address}", f"send {address} x"):
                self.assertIn(f"'ginnel mk {address} --size SIZE' makes it", self.sh("ginnel " + line, code=1).errors)
        self.sh("ginnel recv sysv-shm:id=2147483647", code=1)
        self.assertIn("there is no process 4194304", self.sh("ginnel recv memfd:4194304/0", code=1).errors)
        self.assertIn(f"process {os.getpid()} has no descriptor 9999", self.sh(f"ginnel recv memfd:{os.getpid()}/9999", code=1).errors)

    def test_memory_of_another_users_process_is_refused_with_the_reason(self):
        self.need_root()
        os.chmod(self.dir, 0o755)
        done = self.sh(f"setpriv --reuid 65534 --regid 65534 --clear-groups ginnel recv memfd:{os.getpid()}/0", code=2)
        self.assertIn(f"process {os.getpid()} is of uid 0: only that user and root", done.errors)

    def test_an_empty_object_is_told_with_its_owner(self):
        name = self.name()
        self.sh(f": > /dev/shm{name}")
        for line in (f"recv shm:{name}", f"send shm:{name} x"):
            self.assertIn(f"{name}: EINVAL: it is empty: uid {os.geteuid()}", self.sh("ginnel " + line, code=2).errors)

    def test_ipcs_shows_the_segment_and_ipcrm_removes_it(self):
        key = self.key()
        facts = json.loads(self.sh(f"ginnel mk sysv-shm:{key} --size 1M --json").text)
        self.assertEqual(facts["size"], 1 << 20)
        self.assertIn("1048576", self.sh(f"ipcs -m -i {facts['id']}").text)
        self.sh(f"ipcrm -M {key}")
        self.sh(f"ginnel rm sysv-shm:{key}", code=1)

    def test_ginnel_uses_and_removes_what_ipcmk_makes(self):
        number = self.ipcmk("-M 1m")
        done = self.sh(f"ginnel send sysv-shm:id={number} hi; ginnel recv sysv-shm:id={number} --size 2;"
                       f"ginnel rm sysv-shm:id={number}")
        self.assertEqual(done.out, b"hi")


class Semaphores(ShellTest):
    def test_ipcs_shows_the_set_and_ipcrm_removes_it(self):
        key = self.key()
        self.sh(f"ginnel mk sysv-sem:{key} --count 1")
        self.assertIn(f"0x{int(key, 16):08x}", self.sh("ipcs -s").text)
        self.sh(f"ipcrm -S {key}")
        self.sh(f"ginnel rm sysv-sem:{key}", code=1)

    def test_ginnel_removes_what_ipcmk_makes(self):
        number = self.ipcmk("-S 1")
        self.sh(f"ginnel rm sysv-sem:id={number}")
        self.sh(f"ipcrm -s {number}", code=1)

    def test_a_named_one_is_made_once_and_removed_once(self):
        s = self.name()
        self.sh(f"ginnel mk sem:{s} --count 3")
        self.sh(f"ginnel mk sem:{s}", code=2)
        self.sh(f"ginnel rm sem:{s}")
        self.sh(f"ginnel rm sem:{s}", code=1)


class Refusals(ShellTest):
    def test_rm_goes_on_after_a_failure(self):
        done = self.sh("mkfifo x; ginnel rm lock:/tmp/l fifo:missing fifo:x", code=2)
        self.assertFalse(os.path.exists(self.path("x")))
        self.assertIn("lock:/tmp/l", done.errors)
        self.assertIn("fifo:missing", done.errors)

    def test_an_option_of_another_kind_is_refused(self):
        for line in ("mk fifo:x --size 1M", "mk mq:/q --count 1", "mk sysv-sem:1 --huge 2M", "send fifo:x --priority 1 a",
                     "recv fifo:x --json", "recv --listen fifo:x", "recv sem:/x", "mk unix:s", "mk topic:t", "mk lock:l",
                     "mk sysv-shm:id=7 --size 1", "relay shm:/a -", "fd send fifo:x f"):
            with self.subTest(line):
                done = self.sh("ginnel " + line, code=2)
                self.assertTrue(done.errors.startswith("ginnel "), done.errors)

    def test_every_help_text_shows_examples_and_fits_a_terminal(self):
        overview = self.sh("ginnel --help").text
        self.assertLessEqual(max(map(len, overview.splitlines())), 80)
        verbs = re.findall(r"^  ([a-z]+)  ", overview.partition("Verbs:")[2].partition("Addresses")[0], re.M)
        self.assertIn("tour", verbs)
        for verb in [*verbs, "fd send", "fd recv"]:
            with self.subTest(verb):
                text = self.sh(f"ginnel {verb} --help").text
                self.assertLessEqual(max(map(len, text.splitlines())), 80)
                takes = verb in ("pipe", "lock", "sem", "run")
                self.assertEqual("-- COMMAND" in text.splitlines()[1], takes or verb == "fd", text)
                self.assertRegex(text, f"Examples\n(.*\n)*  .*ginnel {verb} ")
