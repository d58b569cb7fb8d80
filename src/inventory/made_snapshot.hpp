#pragma once

#include <algorithm>
#include <deque>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "ginnel/inventory/snapshot.hpp"

// Snapshots made by hand, for tests of what is computed from them.

namespace ginnel::inventory {

class MadeObject {
 public:
  explicit MadeObject(const ObjectId& id) { object_.id = id; }

  MadeObject& named(std::string_view name) { return object_.name = name, *this; }
  MadeObject& deleted() { return object_.deleted = true, *this; }
  MadeObject& open_in(pid_t pid, Access access) {
    return hold({.pid = pid, .tid = pid, .fd = 3, .how = How::descriptor, .access = access});
  }
  MadeObject& mapped_in(pid_t pid, Access access) {
    return hold({.pid = pid, .tid = pid, .fd = -1, .how = How::mapping, .access = access});
  }
  MadeObject& locked_by(pid_t pid) {
    return hold({.pid = pid, .tid = pid, .fd = 3, .how = How::lock, .access = Access::read_write});
  }
  MadeObject& owned_by(pid_t pid, pid_t tid) {
    return hold({.pid = pid, .tid = tid, .fd = -1, .how = How::owner, .access = Access::none});
  }
  MadeObject& awaited_by(pid_t pid, Wait wait) { return awaited_by(pid, pid, wait); }
  MadeObject& awaited_by(pid_t pid, pid_t tid, Wait wait) {
    object_.waiters.push_back({.pid = pid, .tid = tid, .wait = wait, .since = {}});
    return *this;
  }
  MadeObject& filled(std::uint64_t used, std::uint64_t capacity, Unit unit = Unit::bytes) {
    object_.fill = Fill{.used = used, .capacity = capacity, .unit = unit, .writer_blocks = used >= capacity};
    return *this;
  }
  MadeObject& with(std::string_view key, std::string_view value) {
    object_.details.push_back({key, std::string{value}});
    return *this;
  }
  MadeObject& created_by(pid_t pid) {
    object_.creator = Creator{.pid = pid, .life = Life::alive, .start_ticks = 0, .command = {}};
    return *this;
  }
  MadeObject& peer(const MadeObject& other) { return object_.peers.push_back(other.id()), *this; }

  [[nodiscard]] const ObjectId& id() const noexcept { return object_.id; }
  [[nodiscard]] const Object& object() const noexcept { return object_; }

 private:
  MadeObject& hold(const Holder& holder) { return object_.holders.push_back(holder), *this; }
  Object object_;
};

class MadeSnapshot {
 public:
  MadeSnapshot& process(pid_t pid, std::string_view command, unsigned threads = 1, char state = 'S') {
    ProcessInfo info;
    info.pid = pid;
    info.command = command;
    info.threads = threads;
    info.state = state;
    snapshot_.processes.push_back(std::move(info));
    return *this;
  }
  /// An object of its own number. The reference holds as long as this does.
  MadeObject& object(Kind kind) {
    return objects_.emplace_back(
        ObjectId{.kind = kind, .space = 0, .device = 1, .number = ++numbers_, .generation = 0});
  }
  MadeObject& pipe(pid_t writer, pid_t reader) {
    return object(Kind::pipe).open_in(writer, Access::write).open_in(reader, Access::read);
  }
  /// The two ends of a connected pair of sockets.
  std::pair<MadeObject&, MadeObject&> sockets(pid_t one, pid_t other) {
    MadeObject& first = object(Kind::unix_socket).open_in(one, Access::read_write);
    MadeObject& second = object(Kind::unix_socket).open_in(other, Access::read_write).peer(first);
    first.peer(second);
    return {first, second};
  }
  MadeObject& lock(pid_t holder) { return object(Kind::lock).named("lock:/run/x").locked_by(holder); }

  /// A thread of that process that polls; what it polls is added to the result, which holds until the next one.
  Poll& poll(pid_t pid, std::initializer_list<const MadeObject*> watched, PollBy by = PollBy::poll) {
    Poll& poll = snapshot_.polls.emplace_back();
    poll.pid = poll.tid = pid;
    poll.by = by;
    for (const MadeObject* object : watched)
      poll.watched.push_back({.object = object->id(), .reading = true, .writing = false, .edge_triggered = false});
    return poll;
  }

  [[nodiscard]] Snapshot take() const {
    Snapshot snapshot = snapshot_;
    for (const MadeObject& made : objects_) snapshot.objects.push_back(made.object());
    std::ranges::sort(snapshot.objects, {}, &Object::id);
    std::ranges::sort(snapshot.processes, {}, &ProcessInfo::pid);
    return snapshot;
  }

 private:
  Snapshot snapshot_;
  std::deque<MadeObject> objects_;
  std::uint64_t numbers_ = 0;
};

}  // namespace ginnel::inventory
