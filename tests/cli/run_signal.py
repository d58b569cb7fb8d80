"""`ginnel signal` against kill(1) and programs that wait for signals."""

import json
import os
import signal
import subprocess
import unittest
from pathlib import Path

from harness import ShellTest

# Prints the number and the value of the signals that come, one a line, until SIGTERM.
LISTENER = """
import signal, sys
wanted = {signal.SIGRTMIN, signal.SIGRTMIN + 1, signal.SIGTERM, signal.SIGUSR1}
signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
print('up', flush=True)
import ctypes
libc = ctypes.CDLL(None)
class Info(ctypes.Structure):
    _fields_ = [('signo', ctypes.c_int), ('errno', ctypes.c_int), ('code', ctypes.c_int), ('pad', ctypes.c_int),
                ('pid', ctypes.c_int), ('uid', ctypes.c_uint), ('value', ctypes.c_int), ('rest', ctypes.c_char * 100)]
mask = (ctypes.c_ulong * 16)()
for number in wanted: mask[0] |= 1 << (number - 1)
while True:
    info = Info()
    libc.sigwaitinfo(ctypes.byref(mask), ctypes.byref(info))
    if info.signo == signal.SIGTERM: break
    print(info.signo - signal.SIGRTMIN, info.value, flush=True)
"""


class Signal(ShellTest):
    def listen(self):
        with open(self.path("listener.py"), "w", encoding="utf-8") as file:
            file.write(LISTENER)
        job = self.start("exec python3 listener.py")
        self.wait_until(lambda: job.so_far().startswith(b"up"), "the listener")
        return job

    def test_values_arrive_in_order(self):
        job = self.listen()
        for value in (42, -7, 0):
            self.sh(f"ginnel signal {job.pid} SIGRTMIN+1 --value {value}")
        self.sh(f"ginnel signal pid:{job.pid} RTMIN")
        self.wait_until(lambda: job.so_far().count(b"\n") == 5, "four signals")
        self.sh(f"ginnel signal signal:{job.pid} TERM --wait-exit --timeout 10s")
        self.assertEqual(sorted(job.finish().text.split("\n")[1:5], key=lambda line: line.split()[0]),
                         ["0 0", "1 42", "1 -7", "1 0"])

    def test_ends_a_process_as_kill_does(self):
        job = self.start("exec sleep 1000")
        self.wait_until(lambda: Path(f"/proc/{job.pid}/comm").read_text() == "sleep\n", "sleep")
        self.sh(f"ginnel signal {job.pid} TERM --wait-exit")
        self.assertEqual(job.finish().code, -signal.SIGTERM)

    def test_a_process_that_has_ended_is_1(self):
        process = subprocess.Popen(["true"])
        process.wait()
        self.assertIn("no such process", self.sh(f"ginnel signal {process.pid} TERM", code=1).errors)

    def test_one_that_does_not_end_in_time_is_1(self):
        job = self.start("trap '' TERM; : > up; while :; do sleep 0.01; done")
        self.wait_for_path("up")
        self.sh(f"ginnel signal {job.pid} TERM --wait-exit --timeout 50ms", code=1)

    @unittest.skipUnless(os.geteuid() == 0, "needs root: a second user")
    def test_another_users_process_is_refused_with_the_remedy(self):
        job = self.start("exec sleep 1000")
        done = self.sh(f"setpriv --reuid 65534 --regid 65534 --clear-groups ginnel signal {job.pid} TERM", code=2)
        self.assertIn("EPERM", done.errors)
        self.assertIn("uid 0", done.errors)

    @unittest.skipUnless(os.geteuid() == 0, "needs root: a second user")
    def test_a_full_queue_is_told_with_its_limit(self):
        job = self.start("exec setpriv --reuid 65534 --regid 65534 --clear-groups "
                         "env --block-signal=SIGRTMIN prlimit --sigpending=3 sleep 1000")
        self.wait_until(lambda: Path(f"/proc/{job.pid}/comm").read_text() == "sleep\n", "sleep")
        codes = [self.sh(f"ginnel signal {job.pid} RTMIN --value {i}", code=None) for i in range(5)]
        self.assertEqual(codes[0].code, 0)
        full = [done for done in codes if done.code == 1]
        self.assertTrue(full)
        self.assertIn("RLIMIT_SIGPENDING 3", full[0].errors)

    def test_the_list_is_that_of_the_shell(self):
        ours = {entry["number"]: entry["name"] for entry in json.loads(self.sh("ginnel signal --list --json").text)}
        for number in (1, 2, 9, 10, 15, 19):
            self.assertEqual(ours[number], "SIG" + self.sh(f"kill -l {number}").text.strip())
        self.assertIn(int(signal.SIGRTMAX), ours)
        self.assertRegex(self.sh("ginnel signal --list").text, r"15 +SIGTERM +Terminated")

    def test_what_is_wrong_is_said(self):
        self.sh("ginnel signal", code=2)
        self.assertIn("signal:1234", self.sh("ginnel signal nobody TERM", code=2).errors)
        self.sh("ginnel signal 1 NOSUCH", code=2)
        self.sh(f"ginnel signal -- {os.getpid()} TERM", code=2)
