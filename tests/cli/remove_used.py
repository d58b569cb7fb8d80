"""`ginnel rm` leaves what somebody uses, however it is named and though its user cannot be seen."""

import array
import itertools
import mmap
import os
import socket
import sys
import unittest

from harness import GINNEL, ShellTest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures"))
import kernel  # noqa: E402

NOBODY = 65534


class RemoveTest(ShellTest):
    def setUp(self):
        super().setUp()
        self.word = self.name()[1:]
        self.shm, self.sem, self.queue = f"shm:/{self.word}", f"sem:/{self.word}", f"mq:/{self.word}"

    def open_shm(self):
        descriptor = os.open(f"/dev/shm/{self.word}", os.O_RDWR | os.O_CREAT, 0o600)
        self.addCleanup(os.close, descriptor)
        os.ftruncate(descriptor, 4096)
        return descriptor

    def open_queue(self):
        self.sh(f"ginnel mk {self.queue}")
        descriptor = kernel.mq_open(f"/{self.word}")
        self.addCleanup(os.close, descriptor)
        return descriptor

    def exists(self, address):
        return self.sh(f"ginnel show {address} --json", code=None).code == 0

    def make_root_only_see_so_much(self):
        """Root without CAP_SYS_PTRACE: descriptors are listed and may not be followed."""
        self.need_root()
        self.need("setpriv")
        return "setpriv --bounding-set -sys_ptrace "


class HoweverItIsSpelled(RemoveTest):
    def test_a_fifo_in_use_stays(self):
        os.mkdir(self.path("folder"))
        os.mkfifo(self.path("folder/fifo"))
        os.symlink("folder", self.path("link"))
        held = os.open(self.path("folder/fifo"), os.O_RDWR)
        self.addCleanup(lambda: os.close(held))
        for spelled in ("folder/fifo", "link/fifo", "link/../folder/fifo", "./folder//fifo", self.path("link/fifo")):
            with self.subTest(spelled):
                done = self.sh(f"ginnel rm fifo:{spelled}", code=2)
                self.assertIn("in use by", done.errors)
                self.assertIn(str(os.getpid()), done.errors)
                self.assertTrue(os.path.exists(self.path("folder/fifo")))
                self.assertEqual(self.sh(f"ginnel show fifo:{spelled}").code, 0)

    def test_and_an_unused_one_goes_by_the_name_that_was_said(self):
        os.mkfifo(self.path("one"))
        os.link(self.path("one"), self.path("two"))
        self.sh("ginnel rm fifo:two")
        self.assertEqual([os.path.exists(self.path(name)) for name in ("one", "two")], [True, False])

    def test_a_lock_is_shown(self):
        os.mkdir(self.path("folder"))
        os.symlink("folder", self.path("link"))
        self.start("ginnel lock folder/file -- sleep 60")
        self.wait_until(lambda: self.sh("ginnel show lock:link/file", code=None).code == 0, "a lock by another path")


class ThoughItsUserIsNotSeen(RemoveTest):
    def test_what_is_on_its_way_through_a_socket_stays(self):
        self.sh(f"ginnel mk {self.shm} --size 4K; ginnel mk {self.queue}")
        mine = [os.open(f"/dev/shm/{self.word}", os.O_RDWR), kernel.mq_open(f"/{self.word}")]
        here, there = socket.socketpair()
        with here, there:
            here.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", mine))])
            for descriptor in mine:
                os.close(descriptor)
            for address in (self.shm, self.queue):
                self.assertIn(address, self.sh(f"ginnel rm {address}", code=2).errors)
                self.assertTrue(self.exists(address))
        for address in (self.shm, self.queue):
            self.sh(f"ginnel rm {address}")

    def test_what_root_without_its_capability_cannot_look_into_stays(self):
        prefix = self.make_root_only_see_so_much()
        self.open_queue()
        descriptor = self.open_shm()
        with mmap.mmap(descriptor, 4096):
            for address in (self.shm, self.queue):
                done = self.sh(f"{prefix} ginnel rm {address}", code=2)
                self.assertIn(address, done.errors)
                self.assertIn("--force", done.errors)
                self.assertTrue(self.exists(address))

    def test_what_a_user_made_stays_while_root_has_it(self):
        self.need_root()
        self.need("setpriv")
        command = os.open(GINNEL, os.O_RDONLY)
        self.addCleanup(os.close, command)
        self.open_queue()
        self.open_shm()
        os.chown(f"/dev/shm/{self.word}", NOBODY, NOBODY)
        self.sh(f"ginnel rm {self.queue} --force")
        as_nobody = f"setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups /proc/self/fd/{command}"
        self.sh(f"{as_nobody} mk {self.queue} --mode 666", pass_fds=[command])
        held = kernel.mq_open(f"/{self.word}")
        for address in (self.shm, self.queue):
            done = self.sh(f"{as_nobody} rm {address}", code=2, pass_fds=[command])
            self.assertIn(address, done.errors)
            self.assertTrue(self.exists(address))
        os.close(held)
        self.sh(f"{as_nobody} rm {self.queue}", pass_fds=[command])

    def test_a_fifo_goes_and_it_is_said_that_somebody_may_have_had_it(self):
        prefix = self.make_root_only_see_so_much()
        os.mkfifo(self.path("fifo"))
        done = self.sh(f"{prefix} ginnel rm fifo:fifo")
        self.assertIn("processes could not be looked into", done.errors)
        self.assertFalse(os.path.exists(self.path("fifo")))


class OfAnotherPlace(RemoveTest):
    def test_a_name_that_is_used_in_another_ipc_namespace_does_not_count(self):
        self.need_root()
        self.need("unshare")
        self.sh(f"ginnel mk {self.queue}")
        self.env["SCRIPT"] = f"ginnel mk {self.queue} && exec {sys.executable} -c 'import sys; sys.path.insert(0, sys.argv[1]); import kernel, time; " \
                 f"kernel.mq_open(sys.argv[2]); print(1, flush=True); time.sleep(60)' {os.path.dirname(kernel.__file__)} /{self.word}"
        job = self.start('unshare --ipc bash -c "$SCRIPT"')
        self.wait_until(lambda: b"1" in job.so_far(), "a queue of that name in another namespace")
        self.sh(f"ginnel rm {self.queue}")
        self.sh(f"ginnel rm {self.queue}", code=1)

    def test_one_of_that_name_that_has_lost_it_does_not_count(self):
        self.open_shm()
        os.unlink(f"/dev/shm/{self.word}")
        self.sh(f"ginnel rm {self.shm}", code=1)
        self.sh(f"ginnel mk {self.shm} --size 4K")
        self.sh(f"ginnel rm {self.shm}")


class OfALiveSocket(RemoveTest):
    KINDS = {"unix": socket.SOCK_STREAM, "unix-seq": socket.SOCK_SEQPACKET, "unix-dgram": socket.SOCK_DGRAM}

    def test_the_path_stays_and_its_server_hears_nothing(self):
        commands = ["ginnel ", *self.nobody()]
        for scheme, kind in self.KINDS.items():
            with self.subTest(scheme), socket.socket(socket.AF_UNIX, kind) as server:
                server.bind(self.path(scheme))
                os.chmod(self.path(scheme), 0o666)
                server.setblocking(False)
                for listens in (False, True):
                    if listens and kind != socket.SOCK_DGRAM:
                        server.listen()
                    for command, option in itertools.product(commands, ("", " --force")):
                        done = self.sh(f"{command}rm {scheme}:{self.path(scheme)}{option}", code=2, pass_fds=[self.command])
                        self.assertIn("in use", done.errors)
                        self.assertNotIn("say --force", done.errors)
                        self.assertTrue(os.path.exists(self.path(scheme)))
                with self.assertRaises(BlockingIOError):
                    server.recv(1) if kind == socket.SOCK_DGRAM else server.accept()
            self.sh(f"ginnel rm {scheme}:{scheme}")

    def test_a_server_of_one_client_goes_on(self):
        server = self.start("ginnel recv --listen unix:socket")
        self.wait_for_socket("socket")
        self.sh("ginnel rm unix:socket", code=2)
        self.sh("ginnel rm --force unix:socket", code=2)
        self.sh("ginnel send unix:socket word")
        self.assertEqual(server.finish().out, b"word")

    def nobody(self):
        """As the owner of the folder, who may not see who has the socket."""
        self.command = os.open(GINNEL, os.O_RDONLY)
        self.addCleanup(os.close, self.command)
        if os.geteuid() != 0:
            return []
        os.chmod(self.dir, 0o777)
        return [f"setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups /proc/self/fd/{self.command} "]


if __name__ == "__main__":
    unittest.main()
