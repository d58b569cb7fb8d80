"""`ginnel sem` on semaphores that others made: ipcmk(1), and the C library called from Python."""

import ctypes
import json
import os
import signal
import subprocess

from harness import ShellTest

libc = ctypes.CDLL(None, use_errno=True)
libc.sem_open.restype = ctypes.c_void_p
for function in (libc.sem_post, libc.sem_trywait):
    function.argtypes = [ctypes.c_void_p]


class PosixSemaphore(ShellTest):
    def make(self, count):
        name = self.name()
        handle = libc.sem_open(name.encode(), os.O_CREAT | os.O_EXCL, 0o600, count)
        self.assertTrue(handle)
        self.addCleanup(libc.sem_unlink, name.encode())
        return name, handle

    def test_takes_and_gives_what_a_program_sees(self):
        name, handle = self.make(1)
        self.sh(f"ginnel sem wait sem:{name} --timeout 5s")
        self.assertEqual(libc.sem_trywait(handle), -1)
        self.sh(f"ginnel sem post sem:{name}")
        self.assertEqual(libc.sem_trywait(handle), 0)

    def test_is_woken_by_a_program(self):
        name, handle = self.make(0)
        job = self.start(f"ginnel sem wait sem:{name}")
        libc.sem_post(handle)
        self.assertEqual(job.finish().code, 0)

    def test_value(self):
        name, _ = self.make(3)
        self.assertEqual(self.sh(f"ginnel sem value sem:{name}").text, "3\n")
        facts = json.loads(self.sh(f"ginnel sem value sem:{name} --json").text)
        self.assertEqual(facts, {"address": f"sem:{name}", "value": 3})

    def test_ends_with_1_when_it_is_not_free(self):
        name, _ = self.make(0)
        self.sh(f"ginnel sem wait sem:{name} --nonblock", code=1)
        self.assertIn("not free", self.sh(f"ginnel sem wait sem:{name} --timeout 20ms", code=1).errors)

    def test_holds_it_for_a_command_and_gives_it_back(self):
        name, _ = self.make(1)
        done = self.sh(f"ginnel sem wait sem:{name} -- sh -c 'ginnel sem value sem:{name}; exit 6'", code=6)
        self.assertEqual(done.text, "0\n")
        self.assertEqual(self.sh(f"ginnel sem value sem:{name}").text, "1\n")

    def test_gives_it_back_after_a_signal(self):
        name, _ = self.make(1)
        job = self.start(f"exec ginnel sem wait sem:{name} -- sh -c ': > up; exec sleep 1000'")
        self.wait_for_path("up")
        os.kill(job.pid, signal.SIGINT)
        self.assertEqual(job.finish().code, 128 + signal.SIGINT)
        self.assertEqual(self.sh(f"ginnel sem value sem:{name}").text, "1\n")

    def test_what_is_wrong_is_said(self):
        name, _ = self.make(1)
        self.assertIn("sysv-sem", self.sh(f"ginnel sem wait sem:{name} --change 2", code=2).errors)
        self.assertIn("not a semaphore", self.sh("ginnel sem wait fifo:/tmp/x", code=2).errors)
        for action in ("wait", "post", "value"):
            self.assertIn("'ginnel mk sem:/ginnel-no-such-semaphore' makes it",
                          self.sh(f"ginnel sem {action} sem:/ginnel-no-such-semaphore", code=1).errors)
        self.assertIn("makes it", self.sh(f"ginnel sem value sysv-sem:{self.key()}", code=1).errors)
        self.sh("ginnel sem wait sysv-sem:id=2147483647", code=1)
        self.sh(f"ginnel sem look sem:{name}", code=2)


class SysvSemaphore(ShellTest):
    def make(self, count):
        """A set of ipcmk(1), whose semaphores are 0; by id, as it prints it."""
        made = subprocess.run(["ipcmk", "-S", str(count)], capture_output=True, text=True, check=True)
        number = made.stdout.split()[-1]
        self.addCleanup(subprocess.run, ["ipcrm", "-s", number], stderr=subprocess.DEVNULL, check=False)
        return f"sysv-sem:id={number}"

    def test_gives_and_takes_several_at_once(self):
        address = self.make(2)
        self.sh(f"ginnel sem post {address} --index 1 --change 5")
        self.assertEqual(self.sh(f"ginnel sem value {address}").text, "0\n5\n")
        self.sh(f"ginnel sem wait {address} --index 1 --change 6 --nonblock", code=1)
        self.sh(f"ginnel sem wait {address} --index 1 --change 5 --nonblock")
        self.sh(f"ginnel sem wait {address} --index 1 --change 0 --timeout 5s")
        facts = json.loads(self.sh(f"ginnel sem value {address} --index 1 --json").text)
        self.assertEqual((facts["semaphores"][0]["index"], facts["semaphores"][0]["value"]), (1, 0))

    def test_a_killed_holder_gives_it_back_and_its_command_ends(self):
        address = self.make(1)
        self.sh(f"ginnel sem post {address}")
        job = self.start(f"exec ginnel sem wait {address} -- sh -c ': > up; exec sleep 1000'")
        self.wait_for_path("up")
        self.assertEqual(self.sh(f"ginnel sem value {address}").text, "0\n")
        os.kill(job.pid, signal.SIGKILL)
        job.finish()
        self.sh(f"ginnel sem wait {address} --timeout 10s")

    def test_gives_it_back_once_after_a_command(self):
        address = self.make(1)
        self.sh(f"ginnel sem post {address} --change 2")
        self.sh(f"ginnel sem wait {address} --change 2 -- true")
        self.assertEqual(self.sh(f"ginnel sem value {address}").text, "2\n")

    def test_removal_ends_the_wait(self):
        address = self.make(1)
        job = self.start(f"exec ginnel sem wait {address}")
        number = address.rsplit("=", 1)[1]
        self.wait_until(lambda: json.loads(self.sh(f"ginnel sem value {address} --json").text)["semaphores"][0]
                        ["waiting_for_increase"] == 1, "a waiter")
        self.sh(f"ipcrm -s {number}")
        self.assertEqual(job.finish().code, 1)
