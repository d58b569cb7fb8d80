#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "ginnel/inventory/snapshot.hpp"

// Snapshots made by hand, for tests of what is concluded from them.

namespace ginnel::inventory::hand_made {

inline constexpr std::uint32_t some_user = 1000;
inline constexpr std::uint64_t own_ipc = 100, own_network = 200, own_mounts = 300;

/// A Monday of 2026; everything else is told by how long before it was.
inline const Time now{std::chrono::seconds{1'780'000'000}};
inline constexpr std::chrono::hours long_ago{24};

[[nodiscard]] inline std::string seconds_text(Time time) {
  return std::to_string(std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
}

[[nodiscard]] inline ProcessInfo process(pid_t pid, std::string command, std::uint32_t user = 0) {
  ProcessInfo made;
  made.pid = pid;
  made.state = 'S';
  made.user = user;
  made.command = std::move(command);
  made.ipc_namespace = own_ipc;
  made.network_namespace = own_network;
  made.mount_namespace = own_mounts;
  return made;
}

/// Of a machine on which everything may be read, and nothing runs but init.
[[nodiscard]] inline Snapshot quiet_machine() {
  Snapshot made;
  made.boot_id = "a-boot";
  made.taken_at = now;
  made.processes = {process(1, "init")};
  made.coverage.processes = 1;
  for (const auto& [kind, inode] :
       {std::pair{NamespaceKind::ipc, own_ipc}, std::pair{NamespaceKind::network, own_network},
        std::pair{NamespaceKind::mount, own_mounts}})
    made.coverage.namespaces.push_back(
        {.kind = kind, .inode = inode, .member = 1, .own = true, .visited = true, .reason = {}});
  return made;
}

/// Makes them visible, and says of itself where they stand; both lists stay sorted.
inline void add(Snapshot& snapshot, ProcessInfo process) {
  snapshot.processes.push_back(std::move(process));
  std::ranges::sort(snapshot.processes, {}, &ProcessInfo::pid);
}
inline void add(Snapshot& snapshot, Object object) {
  snapshot.objects.push_back(std::move(object));
  std::ranges::sort(snapshot.objects, {}, &Object::id);
}
/// A process that is there and may not be looked into.
inline void add_closed(Snapshot& snapshot, pid_t pid) {
  if (snapshot.process(pid) == nullptr) add(snapshot, process(pid, "closed"));
  auto& closed = *std::ranges::find(snapshot.processes, pid, &ProcessInfo::pid);
  closed.descriptors_readable = closed.mappings_readable = false;
  closed.network_namespace = Fact<std::uint64_t>::missing("another user's process");
  snapshot.coverage.unreadable.push_back(pid);
}
inline void add_unvisited(Snapshot& snapshot, NamespaceKind kind, std::uint64_t inode) {
  snapshot.coverage.namespaces.push_back(
      {.kind = kind, .inode = inode, .member = 1, .own = false, .visited = false, .reason = "needs CAP_SYS_ADMIN"});
}

inline void set_detail(Object& object, std::string_view key, std::string value) {
  const auto found = std::ranges::find(object.details, key, &Detail::key);
  if (found == object.details.end())
    object.details.push_back({key, std::move(value)});
  else
    found->value = std::move(value);
}

/// An old object of a user who has no process, with neither holders nor waiters.
[[nodiscard]] inline Object object(Kind kind, std::string name, std::uint64_t number = 7) {
  Object made;
  made.id = {.kind = kind, .number = number, .generation = 1};
  made.name = std::move(name);
  made.owner = some_user;
  made.mode = 0660;
  made.changed = now - long_ago;
  return made;
}

[[nodiscard]] inline Fill fill(std::uint64_t used, std::uint64_t capacity, Unit unit) {
  return {.used = used, .capacity = capacity, .unit = unit, .writer_blocks = false};
}

/// Each as a crashed program leaves it: detached, closed, unread by nobody, of dead processes.
[[nodiscard]] inline Object left_segment() {
  Object made = object(Kind::sysv_shm, "sysv-shm:0x51");
  made.id.space = own_ipc;
  made.creator = Creator{.pid = 812, .life = Life::dead, .start_ticks = 0, .command = {}};
  made.fill = fill(4096, 4096, Unit::bytes);
  const std::string used = seconds_text(now - long_ago);
  made.details = {{"nattch", "0"}, {"cpid", "812"}, {"lpid", "812"},
                  {"atime", used}, {"dtime", used}, {"last-user", "dead"}};
  return made;
}
[[nodiscard]] inline Object left_sysv_queue() {
  Object made = object(Kind::sysv_queue, "sysv-msg:0x52");
  made.id.space = own_ipc;
  made.details = {{"qnum", "0"}, {"stime", "0"}, {"rtime", "0"}, {"last-user", "dead"}};
  return made;
}
[[nodiscard]] inline Object left_sysv_semaphores() {
  Object made = object(Kind::sysv_semaphore, "sysv-sem:0x53");
  made.id.space = own_ipc;
  made.details = {{"nsems", "1"}, {"otime", "0"}, {"waiting", "0"}, {"last-user", "dead"}};
  return made;
}
[[nodiscard]] inline Object left_posix_queue() {
  Object made = object(Kind::posix_queue, "mq:/jobs");
  made.id.space = own_ipc;
  made.fill = fill(0, 10, Unit::messages);
  return made;
}
[[nodiscard]] inline Object left_shm() { return object(Kind::posix_shm, "shm:/data"); }
[[nodiscard]] inline Object left_posix_semaphore() { return object(Kind::posix_semaphore, "sem:/gate"); }
[[nodiscard]] inline Object left_fifo() { return object(Kind::fifo, "fifo:/tmp/pipe"); }
[[nodiscard]] inline Object left_socket_path() {
  Object made = object(Kind::unix_socket, "unix:/tmp/s");
  made.details = {{"stale-path", "/tmp/s"}};
  return made;
}

}  // namespace ginnel::inventory::hand_made
