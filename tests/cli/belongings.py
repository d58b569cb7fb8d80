"""Objects that a process of the race has: made, used, looked at, and removed or left behind.

Each class is one kind and one way to have it. An object is had from the moment when its name can be seen until remove() or
leave(): in all that time nobody else may take its name away. `is_there` looks at the name and not at what is held.
"""

import ctypes
import mmap
import os
import random
import socket
import threading
import time

import kernel

# Folders of the race, which race_cleaners mounts. What lies in OPEN is seen as /tmp too, where ginnel looks for FIFOs and sockets;
# what is made in HIDDEN can be moved there by rename(2), and is seen by nobody before.
ROOT = "/mnt"
OPEN, HIDDEN, QUEUES = f"{ROOT}/open", f"{ROOT}/hidden", f"{ROOT}/queues"
SHM = "/dev/shm"
NOBODY_HERE = 54321  # a user without a process
SYS_OPENAT, SYS_MQ_TIMEDRECEIVE, SYS_SEMOP, SYS_MSGRCV, SYS_SEMTIMEDOP = 257, 243, 65, 70, 220
PAUSE_S = 0.001


def new_word():
    return f"race-{os.getpid()}-{random.randrange(1 << 48):x}"


def new_key():
    return random.randrange(1, 1 << 31)


def identity(path):
    status = os.stat(path, follow_symlinks=False)
    return status.st_dev, status.st_ino


class Blocked:
    """A thread that sleeps in a system call until that is ended from outside."""

    def __init__(self, function, calls):
        self.result = None
        self._thread = threading.Thread(target=self._run, args=(function,), daemon=True)
        self._thread.start()
        while self._thread.is_alive() and not self._sleeps_in(calls):
            time.sleep(PAUSE_S)

    def _run(self, function):
        try:
            self.result = function()
        except OSError:
            pass  # the object was removed under it, as remove() does

    def _sleeps_in(self, calls):
        try:
            with open(f"/proc/self/task/{self._thread.native_id}/syscall", encoding="ascii") as file:
                first = file.read().split(maxsplit=1)[0]
        except OSError:
            return False
        return first.isdigit() and int(first) in calls

    def join(self):
        self._thread.join()
        return self.result


class NamedFile:
    """What has a path and is known by device and inode."""

    def _have(self, path):
        self.path = path
        self._identity = identity(path)

    def is_there(self):
        try:
            return identity(self.path) == self._identity
        except FileNotFoundError:
            return False

    def remove(self):
        os.unlink(self.path)
        self.leave()


class OpenMemory(NamedFile):
    kind = "posix-shm"

    def __init__(self):
        path = f"{SHM}/{new_word()}"
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self._have(path)

    def leave(self):
        os.close(self._fd)


class MappedMemory(NamedFile):
    """Its descriptor is closed: only the mapping has it."""

    kind = "posix-shm"

    def __init__(self):
        path = f"{SHM}/{new_word()}"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.ftruncate(fd, mmap.PAGESIZE)
        self._map = mmap.mmap(fd, mmap.PAGESIZE)
        os.close(fd)
        self._have(path)

    def leave(self):
        self._map.close()


class NamedSemaphore(NamedFile):
    kind = "posix-sem"

    def __init__(self):
        word = new_word()
        self._semaphore = kernel.sem_open("/" + word, 1)
        self._have(f"{SHM}/sem.{word}")

    def leave(self):
        kernel.call("sem_close", ctypes.c_void_p(self._semaphore))


class Queue(NamedFile):
    kind = "posix-mq"

    def __init__(self):
        word = new_word()
        self._queue = kernel.mq_open("/" + word)
        self._have(f"{QUEUES}/{word}")

    def leave(self):
        os.close(self._queue)


class AwaitedQueue(Queue):
    """A thread sleeps in mq_receive(3)."""

    def __init__(self):
        super().__init__()
        self._waiter = Blocked(lambda: kernel.mq_receive(self._queue), {SYS_MQ_TIMEDRECEIVE})

    def leave(self):
        kernel.mq_send(self._queue, b"that is all")
        self._waiter.join()
        super().leave()


class Fifo(NamedFile):
    """Had open before its name can be seen: between mkfifo(3) and open(2) nobody has it."""

    kind = "fifo"

    def __init__(self):
        word = new_word()
        os.mkfifo(f"{HIDDEN}/{word}", 0o600)
        self._fd = os.open(f"{HIDDEN}/{word}", os.O_RDONLY | os.O_NONBLOCK)
        os.rename(f"{HIDDEN}/{word}", f"{OPEN}/{word}")
        self._have(f"{OPEN}/{word}")

    def leave(self):
        os.close(self._fd)


class AwaitedFifo(Fifo):
    """A thread sleeps in open(2) and nobody has a descriptor."""

    def __init__(self):
        super().__init__()
        self._waiter = Blocked(lambda: os.open(self.path, os.O_RDONLY), {SYS_OPENAT})
        os.close(self._fd)

    def remove(self):
        self._let_it_open()
        os.unlink(self.path)
        super().leave()

    def leave(self):
        self._let_it_open()
        super().leave()

    def _let_it_open(self):
        writer = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        self._fd = self._waiter.join()
        os.close(writer)


class Listener(NamedFile):
    kind = "unix"

    def __init__(self):
        path = f"{OPEN}/{new_word()}"
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(path)
        self._socket.listen(1)
        self._have(path)

    def leave(self):
        self._socket.close()


class SysvObject:
    """What has a key and is known by its id, which holds a sequence number of the kernel."""

    def is_there(self):
        try:
            return self._find(self._key) == self._id
        except FileNotFoundError:
            return False


class Segment(SysvObject):
    kind = "sysv-shm"

    def __init__(self):
        self._key = new_key()
        self._id = kernel.shmget(self._key, mmap.PAGESIZE)
        self._address = kernel.shmat(self._id)

    def _find(self, key):
        return kernel.call("shmget", key, ctypes.c_size_t(0), 0)

    def remove(self):
        kernel.shm_remove(self._id)
        self.leave()

    def leave(self):
        kernel.call("shmdt", ctypes.c_void_p(self._address))


class AwaitedMessages(SysvObject):
    """A thread sleeps in msgrcv(2). The owner has no process, so that nothing but the waiter speaks for the queue."""

    kind = "sysv-msg"

    def __init__(self):
        self._key = new_key()
        self._id = kernel.msgget(self._key)
        self._waiter = Blocked(lambda: kernel.msgrcv(self._id), {SYS_MSGRCV})
        kernel.msg_give_to(self._id, NOBODY_HERE)

    def _find(self, key):
        return kernel.call("msgget", key, 0)

    def remove(self):
        kernel.msg_remove(self._id)
        self._waiter.join()

    def leave(self):
        kernel.msgsnd(self._id, b"that is all")
        self._waiter.join()


class AwaitedSemaphores(SysvObject):
    """A thread sleeps in semop(2); the owner has no process."""

    kind = "sysv-sem"

    def __init__(self):
        self._key = new_key()
        self._id = kernel.semget(self._key, 1)
        self._waiter = Blocked(lambda: kernel.semop(self._id, 0, -1), {SYS_SEMOP, SYS_SEMTIMEDOP})
        kernel.sem_give_to(self._id, NOBODY_HERE)

    def _find(self, key):
        return kernel.call("semget", key, 0, 0)

    def remove(self):
        kernel.sem_remove(self._id)
        self._waiter.join()

    def leave(self):
        kernel.semop(self._id, 0, 1)
        self._waiter.join()


ALL = (OpenMemory, MappedMemory, NamedSemaphore, Queue, AwaitedQueue, Fifo, AwaitedFifo, Listener, Segment, AwaitedMessages,
       AwaitedSemaphores)
KINDS = tuple(sorted({one.kind for one in ALL}))


def names_left():
    """Every object that has a name, as its file or its line in the kernel's table."""
    left = [os.path.join(folder, name) for folder in (SHM, QUEUES, OPEN) for name in os.listdir(folder)]
    for table in ("shm", "msg", "sem"):
        with open(f"/proc/sysvipc/{table}", encoding="ascii") as file:
            left += [f"{table} {line.strip()}" for line in file.readlines()[1:]]
    return left
