"""Makes System V objects in every state that ipcs(1) tells apart, says `ready`, and keeps them in use until its standard
input ends. Run in an IPC namespace of its own: the keys are fixed, and nothing is removed."""

import ctypes
import os
import sys
import time

IPC_CREAT, IPC_RMID, SHM_NORESERVE, SHM_LOCK, GETNCNT = 0o1000, 0, 0o10000, 11, 14
OTHER_USER = int(os.environ.get("OTHER_USER", "65534"))

libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
libc.shmget.argtypes = (ctypes.c_int, ctypes.c_size_t, ctypes.c_int)


class Step(ctypes.Structure):
    _fields_ = [("index", ctypes.c_ushort), ("change", ctypes.c_short), ("flags", ctypes.c_short)]


def checked(result):
    if result in (-1, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "a System V call failed")
    return result


def operate(number, *steps):
    checked(libc.semop(number, (Step * len(steps))(*steps), len(steps)))


def queues():
    queue = checked(libc.msgget(0x11, IPC_CREAT | 0o640))
    for size in (10, 200, 3000):
        message = ctypes.create_string_buffer(b"\1", 8 + size)
        checked(libc.msgsnd(queue, message, size, 0))
    checked(libc.msgrcv(queue, ctypes.create_string_buffer(9000), 8000, 0, 0))
    checked(libc.msgget(0x12, IPC_CREAT | 0o600))


def segments():
    used = checked(libc.shmget(0x21, 123456, IPC_CREAT | 0o600))
    ctypes.memset(checked(libc.shmat(used, None, 0)), 1, 9000)
    for number, size in enumerate((1, 1023, 1024, 1075, 1994, 1996, 5000, 1 << 20, 2202969, 10 << 30)):
        checked(libc.shmget(0x30 + number, size, IPC_CREAT | SHM_NORESERVE | 0o666))
    checked(libc.shmget(-5, 77, IPC_CREAT))
    going = checked(libc.shmget(0, 1500, IPC_CREAT | 0o7))
    libc.shmctl(going, SHM_LOCK, None)  # refused without the privilege; then it is not locked for anybody
    checked(libc.shmat(going, None, 0))
    checked(libc.shmctl(going, IPC_RMID, None))


def semaphores():
    checked(libc.semget(0x41, 3, IPC_CREAT | 0o600))
    busy = checked(libc.semget(0x42, 2, IPC_CREAT | 0o644))
    operate(busy, Step(0, 5, 0), Step(1, 32000, 0))
    if os.fork() == 0:
        libc.prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
        operate(busy, Step(0, -9, 0))
        os._exit(0)
    while libc.semctl(busy, 0, GETNCNT) != 1:
        time.sleep(0.002)


def objects_of_another_user():
    child = os.fork()
    if child == 0:
        os.setgid(OTHER_USER)
        os.setuid(OTHER_USER)
        checked(libc.msgget(0x13, IPC_CREAT | 0o666))
        checked(libc.shmget(0x25, 77, IPC_CREAT | 0o666))
        checked(libc.semget(0x44, 1, IPC_CREAT | 0o666))
        os._exit(0)
    os.waitpid(child, 0)


queues()
segments()
semaphores()
if os.geteuid() == 0:
    with open("/proc/self/uid_map", encoding="ascii") as uid_map:
        if int(uid_map.read().split()[2]) > OTHER_USER:  # in a user namespace of one user there is no other
            objects_of_another_user()
print("ready", flush=True)
sys.stdin.read()
