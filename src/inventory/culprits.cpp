#include "culprits.hpp"

#include <algorithm>

#include "words.hpp"

namespace ginnel::inventory {
namespace {

constexpr std::string_view unseen_end =
    "the other end is in flight in a socket, or with a process that may not be seen";

bool anyhow(const Holder& /*holder*/) noexcept { return true; }

Culprits nobody(std::string_view remark) { return {.who = {}, .remark = remark}; }
Culprits untold(std::string_view remark) { return {.who = {}, .known = false, .remark = remark}; }

void add(Culprits& culprits, Culprit culprit) {
  if (std::ranges::find(culprits.who, culprit) == culprits.who.end()) culprits.who.push_back(culprit);
}

template <class Could>
void add_holders(Culprits& culprits, const Object& object, Could could) {
  for (const Holder& holder : object.holders)
    if (could(holder)) add(culprits, {holder.pid, holder.how == How::owner ? holder.tid : 0});
}

bool has_open_name(const Object& object) noexcept { return !object.deleted && !object.name.empty(); }

/// A pipe, FIFO or eventfd: a thread that waits on it has it open itself, and the kernel ends the wait when the other side
/// is gone. So there is another side, seen or not.
Culprits of_stream(const Object& object, const Waiter& waiter) {
  if (waiter.wait == Wait::open) return nobody("nobody has opened the other side yet");
  const bool writes = waiter.wait == Wait::write;
  Culprits culprits{.newcomers = !writes && object.id.kind == Kind::fifo && has_open_name(object)};
  add_holders(culprits, object,
              [&](const Holder& holder) { return writes ? may_read(holder.access) : may_write(holder.access); });
  return culprits.who.empty() ? untold(unseen_end) : culprits;
}

Culprits of_connect(const Snapshot& snapshot, const Object& object) {
  Culprits culprits;
  if (object.peers.empty()) add_holders(culprits, object, anyhow);
  for (const ObjectId& id : object.peers)
    if (const Object* listener = snapshot.object(id)) add_holders(culprits, *listener, anyhow);
  return culprits.who.empty() ? untold("who listens there may not be seen") : culprits;
}

Culprits of_socket(const Snapshot& snapshot, const Object& object, const Waiter& waiter) {
  if (waiter.wait == Wait::accept) return nobody("it waits for a connection, which anybody may make");
  if (waiter.wait == Wait::connect) return of_connect(snapshot, object);
  if (object.peers.empty()) return untold("the socket is not connected: anybody may send to it, or receive from it");
  Culprits culprits;
  for (const ObjectId& id : object.peers)
    if (const Object* peer = snapshot.object(id)) add_holders(culprits, *peer, anyhow);
  return culprits.who.empty() ? untold(unseen_end) : culprits;
}

Culprits of_queue(const Object& object, const Waiter& waiter) {
  const bool sends = waiter.wait == Wait::send;
  Culprits culprits{
      .newcomers = !sends && has_open_name(object),
      .remark = sends ? "nobody has the queue open for receiving" : "nobody has the queue open for sending"};
  add_holders(culprits, object,
              [&](const Holder& holder) { return sends ? may_read(holder.access) : may_write(holder.access); });
  return culprits;
}

/// /proc/locks names the process that took a lock, also where its descriptors may not be looked at. Of a lock that was
/// inherited each holder could let go; of one that several have taken in the same way, each has to.
Culprits of_lock(const Snapshot& snapshot, const Object& object, const Waiter& waiter) {
  Culprits culprits;
  const auto is_lock = [](const Holder& holder) { return holder.how == How::lock; };
  add_holders(culprits, object, [&](const Holder& holder) { return is_lock(holder) && holder.pid != waiter.pid; });
  if (culprits.who.empty()) add_holders(culprits, object, is_lock);
  if (culprits.who.empty() && object.creator && snapshot.process(object.creator->pid) != nullptr)
    add(culprits, {object.creator->pid, 0});
  if (culprits.who.empty()) return untold("who holds the lock may not be seen");
  const Detail* mode = object.detail("lock-mode");
  culprits.each = mode != nullptr && mode->value == "shared";
  return culprits;
}

/// Those who have the file open or mapped that the word of a futex lies in.
void add_sharers(Culprits& culprits, const Snapshot& snapshot, const ObjectId& futex, pid_t waiter) {
  for (const Kind kind : {Kind::posix_shm, Kind::posix_semaphore, Kind::memfd}) {
    const ObjectId first{.kind = kind, .space = 0, .device = futex.device, .number = futex.number, .generation = 0};
    const auto file = std::ranges::lower_bound(snapshot.objects, first, {}, &Object::id);
    if (file == snapshot.objects.end() || file->id.kind != kind || file->id.device != futex.device ||
        file->id.number != futex.number)
      continue;
    add_holders(culprits, *file, [&](const Holder& holder) { return holder.pid != waiter; });
  }
}

/// `NUMBER, which …`: why the owner of a mutex is not among the holders.
Culprits of_unknown_owner(std::string_view owner) {
  if (owner.ends_with(", which is dead")) return nobody("the owner of the mutex is dead");
  if (owner.contains("several"))
    return untold("the owner of the mutex is one of several that have its number, each in its own pid namespace");
  if (owner.contains("looked into")) return untold("who has the number of the mutex's owner may not be looked into");
  return untold("the owner of the mutex is dead, or in a pid namespace that is not seen from here");
}

Culprits of_futex(const Snapshot& snapshot, const Object& object, const Waiter& waiter) {
  Culprits culprits;
  add_holders(culprits, object, [](const Holder& holder) { return holder.how == How::owner; });
  if (!culprits.who.empty()) return culprits;
  const Detail* owner = object.detail("owner");
  if (owner != nullptr) return of_unknown_owner(owner->value);
  if (is_private_futex(object)) return untold("another thread of the same process has to wake it");
  culprits = untold("the word names no owner: a condition, a semaphore, or another kind of lock");
  add_sharers(culprits, snapshot, object.id, waiter.pid);
  return culprits;
}

/// Those who hold the lock of a ring or a value could publish; those who hold a writer back could go on.
Culprits of_topic(const Object& object, const Waiter& waiter) {
  if (waiter.wait == Wait::open) return nobody("nobody reads it yet");
  const bool sends = waiter.wait == Wait::send;
  Culprits culprits{.newcomers = !sends, .remark = sends ? "no reader holds it back any more" : "no writer is there"};
  for (const Member& member : object.members) {
    const bool could = sends ? member.holds_back.value_or(false) : member.role == Role::writer;
    if (!member.is_alive() || !could) continue;
    if (!member.pid) return untold("a member is in a pid namespace that is not seen from here");
    add(culprits, {*member.pid, 0});
  }
  return culprits;
}

/// Whoever has come to a queue may send and receive.
Culprits of_own_queue(const Object& object, const Waiter& waiter) {
  Culprits culprits{.newcomers = true, .remark = "no other participant is there"};
  for (const Member& member : object.members) {
    if (!member.is_alive() || (member.pid && *member.pid == waiter.pid)) continue;
    if (!member.pid) return untold("a participant is in a pid namespace that is not seen from here");
    add(culprits, {*member.pid, 0});
  }
  return culprits;
}

Culprits of_untracked(const Object& object, const Waiter& waiter) {
  Culprits culprits = untold("the kernel does not tell who uses it");
  const pid_t last = last_user(object);
  if (last != 0 && last != waiter.pid) add(culprits, {last, 0});
  return culprits;
}

}  // namespace

bool may_read(Access access) noexcept { return access == Access::read || access == Access::read_write; }
bool may_write(Access access) noexcept { return access == Access::write || access == Access::read_write; }

bool is_private_futex(const Object& object) noexcept {
  const Detail* scope = object.id.kind == Kind::futex ? object.detail("scope") : nullptr;
  return scope != nullptr && scope->value == "private";
}

pid_t last_user(const Object& object) noexcept {
  const Detail* last = object.detail("last-user");
  if (last == nullptr) return 0;
  std::string_view text{last->value};  // `alive PID COMMAND`
  if (take_word(text) != "alive") return 0;
  return take_number<pid_t>(text).value_or(0);
}

Culprits culprits_of(const Snapshot& snapshot, const Object& object, const Waiter& waiter) {
  switch (object.id.kind) {
    case Kind::pipe:
    case Kind::fifo:
    case Kind::eventfd:
      return of_stream(object, waiter);
    case Kind::unix_socket:
      return of_socket(snapshot, object, waiter);
    case Kind::posix_queue:
      return of_queue(object, waiter);
    case Kind::topic:
    case Kind::latest:
      return of_topic(object, waiter);
    case Kind::queue:
      return of_own_queue(object, waiter);
    case Kind::lock:
      return of_lock(snapshot, object, waiter);
    case Kind::futex:
      return of_futex(snapshot, object, waiter);
    case Kind::sysv_queue:
    case Kind::sysv_semaphore:
      return of_untracked(object, waiter);
    case Kind::signalfd:
      return untold("whoever may signal the process could end it");
    case Kind::timerfd:
      return untold("its timer ends it");
    default:
      return untold("who could end this wait cannot be told");
  }
}

}  // namespace ginnel::inventory
