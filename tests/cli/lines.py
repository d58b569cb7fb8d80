"""What the command can be asked for while something runs short: the rows of starved_machine's table.

A line is what a user types after `ginnel`. In it {n} is a word that nobody else uses, {k} a System V key, {p} the folder for
paths; {target} a process that takes signals, {memfd} its memory with `data` in it, {file} a file that holds `data`.
"""

import dataclasses

# A ring of a topic and a queue as small as they can be made; memory of two pages.
RING, SHAPE, BYTES = "--capacity 64K", "--messages 4 --size 64", 8192
WHOLE = "x" * BYTES


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    line: str  # what is asked for while something runs short
    before: tuple = ()  # lines before that, when there is plenty
    partner: str = ""  # runs beside the line and has plenty; together they print `data`
    works: tuple = ()  # lines afterwards; each must end with 0, and one that is `(line, partner)` print `data`
    end: tuple = ()  # lines that remove what has a name
    prints: bool = False  # the line itself prints `data`
    named: str = "{n}"  # what an error has to name
    keeps: tuple = ()  # what is meant to stay: a lock's file
    to_file: bool = False  # its standard output is a file, of whose size nobody asks afterwards
    idle: str = ""  # what the line says, with code 1, where all is well and nobody is there


def moved(scheme, place, make, options="", takes="", removes=True):
    """An object that lies between its sender and its receiver: made, sent to, and received from."""
    address = f"{scheme}:{place}"
    made, sent, end = f"mk {address} {make}", f"send {address} data {options}", (f"rm --force {address}",) if removes else ()
    named = place if "{k}" not in place else "sysv-[a-z]+:(id=|{k})"
    received = (f"recv {address} --nonblock {takes}", "")
    return [Case(f"mk {scheme}", made, works=(sent, received), end=end, named=named),
            Case(f"send {scheme}", sent, before=(made,), works=(received,), end=end, named=named),
            Case(f"recv {scheme}", received[0], before=(made, sent), end=end, prints=True, named=named)]


def memory(scheme, place):
    address = f"{scheme}:{place}"
    made, end = f"mk {address} --size 8K", (f"rm --force {address}",)
    named = place if "{k}" not in place else "sysv-[a-z]+:(id=|{k})"
    read = (f"recv {address} --size 4", "")
    return [Case(f"mk {scheme}", made, works=(f"send {address} {WHOLE}", f"send {address} data", read), end=end, named=named),
            Case(f"send {scheme}", f"send {address} data", before=(made,), works=(read,), end=end, named=named),
            Case(f"recv {scheme}", read[0], before=(made, f"send {address} data"), end=end, prints=True, named=named)]


def semaphore(scheme, place):
    address = f"{scheme}:{place}"
    made, end = f"mk {address} --count 1", (f"rm --force {address}",)
    named = place if "{k}" not in place else "sysv-[a-z]+:(id=|{k})"
    taken, given = f"sem wait {address} --nonblock", f"sem post {address}"
    return [Case(f"mk {scheme}", made, works=(taken, given), end=end, named=named),
            Case(f"wait {scheme}", taken, before=(made,), works=(given,), end=end, named=named),
            Case(f"post {scheme}", given, before=(made, taken), works=(taken,), end=end, named=named),
            Case(f"hold {scheme}", f"{taken} -- echo data", before=(made,), works=(taken,), end=end, prints=True,
                 named=f"{named}|echo")]


def met(scheme, place, listen="--listen", named=None):
    """Two that meet at a socket."""
    address = f"{scheme}:{place}"
    sent, received = f"send {address} data --timeout 5s", f"recv {listen} {address} --timeout 5s"
    label = scheme + (" abstract" if "@" in place else "")
    return [Case(f"recv {label}", received, partner=sent, named=named or place),
            Case(f"send {label}", sent, partner=received, named=named or place)]


FIFO = [
    Case("mk fifo", "mk fifo:{p}/{n}", works=(("recv fifo:{p}/{n}", "send fifo:{p}/{n} data"),), end=("rm --force fifo:{p}/{n}",)),
    Case("send fifo", "send fifo:{p}/{n} data --timeout 5s", before=("mk fifo:{p}/{n}",), partner="recv fifo:{p}/{n}",
         end=("rm --force fifo:{p}/{n}",)),
    Case("recv fifo", "recv fifo:{p}/{n} --timeout 5s", before=("mk fifo:{p}/{n}",), partner="send fifo:{p}/{n} data",
         end=("rm --force fifo:{p}/{n}",)),
    Case("relay fifo", "relay fifo:{p}/{n} - --timeout 5s", before=("mk fifo:{p}/{n}",), partner="send fifo:{p}/{n} data",
         end=("rm --force fifo:{p}/{n}",)),
]
UNIX = [one for scheme in ("unix", "unix-seq") for place in ("{p}/{n}", "@{n}") for one in met(scheme, place)] + \
    [one for place in ("{p}/{n}", "@{n}") for one in met("unix-dgram", place, "")] + [
    Case("relay unix", "relay --one-way --listen unix:{p}/{n} - --timeout 5s", partner="send unix:{p}/{n} data --timeout 5s"),
    Case("fd recv", "fd recv --listen unix-seq:{p}/{n} --timeout 5s -- cat /proc/self/fd/3",
         partner="fd send unix-seq:{p}/{n} {file} --timeout 5s", named="{n}|cat"),
    Case("fd send", "fd send unix-seq:{p}/{n} {file} --timeout 5s",
         partner="fd recv --listen unix-seq:{p}/{n} --timeout 5s -- cat /proc/self/fd/3", named="{n}|{file}"),
]
CHANNEL = met("channel", "{p}/{n}") + [
    Case("relay channel", "relay --one-way --listen channel:{p}/{n} - --timeout 5s",
         partner="send channel:{p}/{n} data --capacity 64K --timeout 5s")]
TOPIC = [
    Case("recv topic", "recv topic:{n} --timeout 5s", partner=f"send topic:{{n}} data {RING} --timeout 5s", end=("rm --force topic:{n}",)),
    Case("send topic", f"send topic:{{n}} data {RING} --timeout 5s", partner="recv topic:{n} --timeout 5s", end=("rm --force topic:{n}",)),
    # The only one there: the other side comes when there is plenty again.
    Case("send topic alone", f"send topic:{{n}} data {RING} --timeout 0s", end=("rm --force topic:{n}",), idle="no reader"),
    Case("recv topic alone", "recv topic:{n} --nonblock", end=("rm --force topic:{n}",), idle="would block|nothing"),
]
LATEST = [
    Case("send latest", "send latest:{n} data", works=(("recv latest:{n} --nonblock", ""),), end=("rm --force latest:{n}",)),
    Case("recv latest", "recv latest:{n} --nonblock", before=("send latest:{n} data",), end=("rm --force latest:{n}",), prints=True),
    Case("recv latest alone", "recv latest:{n} --nonblock", end=("rm --force latest:{n}",), idle="would block|nothing"),
]
QUEUE = moved("queue", "{n}", SHAPE)
MQ = moved("mq", "/{n}", "--messages 2 --size 64")
LARGE_MQ = moved("mq", "/{n}", "--messages 2 --size 256")
SYSV_MSG = moved("sysv-msg", "{k}", "")
SHM, SYSV_SHM = memory("shm", "/{n}"), memory("sysv-shm", "{k}")
MEMFD = [Case("send memfd", "send memfd:{memfd} data", works=(("recv memfd:{memfd} --size 4", ""),), named="memfd"),
         Case("recv memfd", "recv memfd:{memfd} --size 4", prints=True, named="memfd")]
SEM, SYSV_SEM = semaphore("sem", "/{n}"), semaphore("sysv-sem", "{k}")
LOCK = [Case("lock", "lock {p}/{n} -- echo data", prints=True, named="{n}|echo", keeps=("{p}/{n}",)),
        Case("lock range", "lock {p}/{n} --range 0:1 -- echo data", prints=True, named="{n}|echo", keeps=("{p}/{n}",))]
SIGNAL = [Case("signal", "signal {target} SIGRTMIN+1 --value 42", named="{target}")]
RUN = [Case("pipe", "pipe -- echo data | cat", prints=True, named=""),
       Case("run", "run --new-ipc -- echo data", prints=True, named="echo|")]
TOUR = [Case(f"tour {one}", f"tour --quick --only {one}", named="")
        for one in ("fifo", "posix-queue", "posix-shm", "sysv-shm", "unix-stream")]
# Removing makes room: it has to work also when there is none.
REMOVAL = [Case("rm shm", "rm shm:/{n}", before=("mk shm:/{n} --size 8K",)),
           Case("rm sem", "rm sem:/{n}", before=("mk sem:/{n}",)),
           Case("rm mq", "rm mq:/{n}", before=("mk mq:/{n}",)),
           Case("rm fifo", "rm fifo:{p}/{n}", before=("mk fifo:{p}/{n}",)),
           Case("rm topic", "rm topic:{n}", before=("send topic:{n} data --capacity 64K --timeout 0s",)),
           Case("rm queue", "rm queue:{n}", before=(f"mk queue:{{n}} {SHAPE}",)),
           Case("rm latest", "rm latest:{n}", before=("send latest:{n} data",)),
           Case("rm sysv-shm", "rm sysv-shm:{k}", before=("mk sysv-shm:{k} --size 8K",), named="{k}"),
           Case("rm sysv-msg", "rm sysv-msg:{k}", before=("mk sysv-msg:{k}",), named="{k}"),
           Case("rm sysv-sem", "rm sysv-sem:{k}", before=("mk sysv-sem:{k}",), named="{k}")]

OUTPUT = Case("recv shm > file", "recv shm:/{n} --size 8K", before=("mk shm:/{n} --size 8K",), end=("rm --force shm:/{n}",), to_file=True,
              named="standard output")
STARTING = [one for one in RUN + LOCK if one.name != "run"] + [one for one in SEM if one.name == "hold sem"]

PATHS = FIFO + UNIX + CHANNEL + LOCK
NAMED_MEMORY = SHM + SEM + QUEUE + TOPIC + LATEST
SYSV = SYSV_MSG + SYSV_SHM + SYSV_SEM
ALL = PATHS + NAMED_MEMORY + MQ + SYSV + MEMFD + SIGNAL + RUN + REMOVAL

# Kind, a line that makes memory of a size, one that writes a MiB into it from standard input, and one that removes it.
MEMORY_OF_A_SIZE = (
    ("mk shm", "mk shm:/big --size {size}", "send shm:/big", "rm --force shm:/big"),
    ("mk sysv-shm", "mk sysv-shm:0x5eed --size {size}", "send sysv-shm:0x5eed", "rm --force sysv-shm:0x5eed"),
    ("mk queue", "mk queue:big --messages 1 --size {size}", "send queue:big", "rm queue:big"),
)
