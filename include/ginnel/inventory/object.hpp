#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ginnel/core/process_id.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/inventory/fact.hpp"

// What one IPC object is, who has it, who waits for it. Plain values: a snapshot of them may be copied, kept and looked at
// from any thread.

namespace ginnel::inventory {

enum class Kind : std::uint8_t {
  pipe,
  fifo,
  unix_socket,
  posix_queue,
  sysv_queue,
  sysv_shm,
  sysv_semaphore,
  posix_shm,
  posix_semaphore,
  memfd,
  eventfd,
  epoll,
  signalfd,
  timerfd,
  lock,
  futex,
  signal,
  topic,
  latest,
  queue,
  channel,
};
inline constexpr std::size_t kind_count = static_cast<std::size_t>(Kind::channel) + 1;

/// As in the JSON and on the command line: `pipe fifo unix posix-mq sysv-msg sysv-shm sysv-sem posix-shm posix-sem memfd
/// eventfd epoll signalfd timerfd lock futex signal topic latest queue channel`.
[[nodiscard]] std::string_view to_string(Kind kind) noexcept;
/// Errors: EINVAL; the hint lists the names.
[[nodiscard]] Result<Kind> parse_kind(std::string_view text);

using Time = std::chrono::sys_time<std::chrono::nanoseconds>;

/// Which object, in a form that survives the reuse of its name, its key or its number. What the numbers mean depends on
/// the kind:
///
/// | kind | space | device | number | generation |
/// |---|---|---|---|---|
/// | pipe | – | of pipefs | inode | – |
/// | unix | network namespace | – | inode | cookie of sock_diag |
/// | sysv-* | IPC namespace | – | id, which holds the kernel's own sequence number | ctime in seconds |
/// | posix-mq | IPC namespace | of mqueue | inode, which the kernel counts up | – |
/// | fifo, posix-shm, posix-sem, memfd | – | of the file system | inode | birth time in ns where it is told, or else ctime |
/// | eventfd, epoll, signalfd, timerfd | – | – | eventfd-id, or a number that this boot gives to no other | – |
/// | lock | – | of the file | inode | hash of kind and range |
/// | futex | –; of a private one the start time of its process | of the file, or 0 | inode, or the pid | offset or address |
/// | signal | – | – | pid | start time in ticks |
/// | topic, latest, queue | – | of the file system | inode of its folder | birth time of the folder in ns; 0 where it is not told |
struct ObjectId {
  Kind kind = Kind::pipe;
  std::uint64_t space = 0;
  std::uint64_t device = 0;
  std::uint64_t number = 0;
  std::uint64_t generation = 0;

  /// `KIND@SPACE/DEVICE/NUMBER/GENERATION` in hexadecimal; parse() reads it back. Errors of parse: EINVAL.
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] static Result<ObjectId> parse(std::string_view text);
  auto operator<=>(const ObjectId&) const = default;
};

enum class Access : std::uint8_t { none, read, write, read_write };
[[nodiscard]] std::string_view to_string(Access access) noexcept;  ///< `-`, `r`, `w`, `rw`

/// In which way a thread has an object.
enum class How : std::uint8_t {
  descriptor,  ///< open
  mapping,     ///< mapped or attached
  in_flight,   ///< sent over a Unix socket of this process and not received yet
  lock,        ///< holds the file lock; of a topic, that of a ring or a reader's page
  owner,       ///< owns the mutex whose word this futex is
};
[[nodiscard]] std::string_view to_string(How how) noexcept;

struct Holder {
  pid_t pid = 0;
  pid_t tid = 0;  ///< differs from pid for a thread with a descriptor table of its own, and for the owner of a mutex
  int fd = -1;    ///< -1 where it is no descriptor
  How how = How::descriptor;
  Access access = Access::none;
  bool operator==(const Holder&) const = default;
};

/// What a thread that sleeps in the kernel waits for.
enum class Wait : std::uint8_t { read, write, open, lock, futex, semaphore, receive, send, accept, connect, poll };
[[nodiscard]] std::string_view to_string(Wait wait) noexcept;

struct Waiter {
  pid_t pid = 0;
  pid_t tid = 0;
  Wait wait = Wait::read;
  Fact<std::chrono::nanoseconds> since;  ///< how long ago the thread ran last
};

enum class Unit : std::uint8_t { bytes, messages, slots, count, signals, connections };
[[nodiscard]] std::string_view to_string(Unit unit) noexcept;

struct Fill {
  Fact<std::uint64_t> used;
  Fact<std::uint64_t> capacity;
  Unit unit = Unit::bytes;
  Fact<bool> writer_blocks;  ///< whether one more ordinary write would have to wait
};

enum class Life : std::uint8_t { alive, dead, reused };
[[nodiscard]] std::string_view to_string(Life life) noexcept;

/// Who made it: history, and no proof that this process has anything to do with it now.
struct Creator {
  pid_t pid = 0;
  Life life = Life::dead;         ///< `reused`: the pid belongs to a process younger than the object
  std::uint64_t start_ticks = 0;  ///< of the process that has the pid now; 0 when dead
  std::string command;            ///< of that process; empty when dead
};

/// One more fact for `show` that only this kind has, ready to be read.
struct Detail {
  std::string_view key;
  std::string value;
};

enum class Role : std::uint8_t { writer, reader, participant };
[[nodiscard]] std::string_view to_string(Role role) noexcept;

/// One who takes part in an object of ginnel's own messaging, or did so and has left its file behind: docs/FORMAT.md.
struct Member {
  std::string name;  ///< of its file: `w.00`, `r.812.1`, `value`; of a participant of a queue its number
  Role role = Role::writer;
  Fact<pid_t> pid;  ///< who keeps it, as seen from here
  /// `alive` while its lock is held, unless the process has ended and a child has inherited the lock.
  Fact<Life> life;
  Fact<bool> reliable;    ///< of a reader: holds writers back; if not, it may lose messages
  Fact<bool> holds_back;  ///< of a reader: some writer can write no more until it goes on
  Fact<std::uint64_t>
      waiting;  ///< bytes: of a reader, not yet read; of a writer, not yet read by its slowest reliable reader
  Fact<std::uint64_t> capacity;    ///< bytes, of a writer's ring
  Fact<std::uint64_t> messages;    ///< published by a writer so far
  Fact<std::uint64_t> lost;        ///< messages that a reader was too late for, of the rings that are there
  Fact<std::uint64_t> held;        ///< messages that a participant of a queue has received and not acknowledged
  std::string type;                ///< of a writer: of its messages, as it was told
  std::vector<std::string> reads;  ///< of a reader: names of the rings that it reads

  /// Known to be.
  [[nodiscard]] bool is_alive() const noexcept;
};

struct Object {
  ObjectId id;
  std::string name;  ///< its address where it has one (`mq:/jobs`), its path, or empty
  Fact<std::uint32_t> owner;
  Fact<std::uint32_t> group;
  Fact<std::uint32_t> mode;  ///< permission bits
  Fact<Creator> creator;
  Fact<Time> changed;  ///< when it was made or last changed (ctime)
  std::vector<Holder> holders;
  std::vector<Waiter>
      waiters;  ///< of memory that is shared: who sleeps on a word in it, which is an object of its own too
  Fact<Fill> fill;
  std::vector<ObjectId> peers;  ///< the other end of a socket
  Fact<std::string> cgroup;     ///< of the holders, when they are all in one
  bool deleted = false;         ///< it has lost its name and goes with its last holder
  std::vector<Detail> details;
  std::vector<Member> members;  ///< of ginnel's own messaging; by name

  [[nodiscard]] const Detail* detail(std::string_view key) const noexcept;
};

}  // namespace ginnel::inventory
