#include <algorithm>

#include "scene.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

std::uint64_t hash_of(const LockLine& lock) {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  const auto add = [&](std::string_view bytes) {
    for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
  };
  add(lock.kind);
  add(lock.mode);
  add(std::to_string(lock.start));
  add(lock.end ? std::to_string(*lock.end) : "EOF");
  return hash;
}

ObjectId id_of(const LockLine& lock) {
  return {.kind = Kind::lock, .space = 0, .device = lock.device, .number = lock.inode, .generation = hash_of(lock)};
}

std::string range_of(const LockLine& lock) {
  return std::to_string(lock.start) + "-" + (lock.end ? std::to_string(*lock.end) : "end");
}

/// The lock by which a member of a topic, a newest value or a queue of ours says that it lives is told with that object, unless
/// somebody waits for it.
bool is_of_messaging(const Scene& scene, const LockLine& lock) {
  return is_messaging_lock(lock) && scene.messaging_files.contains({lock.device, lock.inode});
}

Object& add(Scene& scene, const LockLine& lock) {
  Object& object = scene.objects.at(id_of(lock));
  if (!object.details.empty()) return object;
  object.creator = lock.pid ? creator_of(scene.snapshot, *lock.pid, scene.snapshot.taken_at)
                            : Fact<Creator>::missing("an OFD lock belongs to no process");
  object.owner = object.group = object.mode = Fact<std::uint32_t>::missing("a lock has none");
  object.changed = Fact<Time>::missing("the kernel keeps no times of a lock");
  object.fill = Fact<Fill>::missing("it holds no data");
  object.details.push_back({"type", std::string{lock.kind}});
  object.details.push_back({"lock-mode", lock.mode == "READ" ? "shared" : "exclusive"});
  object.details.push_back({"range", range_of(lock)});
  return object;
}

/// The locks that a descriptor holds stand in its fdinfo, also those that a child inherited and whose taker is dead.
void add_holders(Scene& scene, const OpenFile& file) {
  for (std::string_view lines = file.info; !lines.empty();) {
    std::string_view line = take_line(lines);
    if (take_until(line, ':') != "lock") continue;
    const auto lock = parse_lock_line(line);
    if (!lock || (is_of_messaging(scene, *lock) && scene.objects.find(id_of(*lock)) == nullptr)) continue;
    Object& object = add(scene, *lock);
    if (object.name.empty()) object.name = "lock:" + std::string{without_deleted_mark(file.target)};
    object.holders.push_back(
        {.pid = file.pid, .tid = file.tid, .fd = file.fd, .how = How::lock, .access = file.access});
    object.deleted = file.status.links == 0;
  }
}

/// A `->` line follows the lock that stands in its way. Of an OFD lock it does not tell who waits: collect_waits() does.
void add_waiters(Scene& scene, std::string_view lines) {
  std::optional<LockLine> held;
  while (!lines.empty()) {
    const auto lock = parse_lock_line(take_line(lines));
    if (!lock) continue;
    if (!lock->waits) {
      held = lock;
      if (!is_of_messaging(scene, *lock)) static_cast<void>(add(scene, *lock));
    } else if (held && lock->pid) {
      Object& object = add(scene, *held);
      // A line is told twice when the table changes between two reads of it.
      if (std::ranges::find(object.waiters, *lock->pid, &Waiter::pid) != object.waiters.end()) continue;
      object.waiters.push_back({.pid = *lock->pid,
                                .tid = *lock->pid,
                                .wait = Wait::lock,
                                .since = Fact<std::chrono::nanoseconds>::missing("not told with the lock")});
    }
  }
}

}  // namespace

void collect_locks(Scene& scene) {
  if (!scene.wants(Kind::lock)) return;
  add_waiters(scene, scene.census.locks);
  for (const OpenFile& file : scene.census.files)
    if (!file.info.empty() && file.status.device != scene.landmarks.anonymous && file.status.type != FileType::socket)
      add_holders(scene, file);
}

}  // namespace ginnel::inventory
