#include "culprits.hpp"

#include <algorithm>

#include "words.hpp"

namespace ginnel::inventory {
namespace {

bool reads(Access access) { return access == Access::read || access == Access::read_write; }
bool writes(Access access) { return access == Access::write || access == Access::read_write; }

void add(Culprits& culprits, Culprit culprit) {
  if (std::ranges::find(culprits.who, culprit) == culprits.who.end()) culprits.who.push_back(culprit);
}

/// Those who have the object in a way that could end the wait. The waiter itself counts only where nobody else does: then
/// it waits for itself.
template <class Could>
Culprits holders_who(const Object& object, const Waiter& waiter, Could could) {
  Culprits culprits;
  for (const Holder& holder : object.holders)
    if (holder.pid != waiter.pid && could(holder))
      add(culprits, {holder.pid, holder.how == How::owner ? holder.tid : 0});
  if (!culprits.who.empty()) return culprits;
  for (const Holder& holder : object.holders)
    if (holder.pid == waiter.pid && could(holder))
      add(culprits, {holder.pid, holder.how == How::owner ? holder.tid : 0});
  return culprits;
}

Culprits of_stream(const Object& object, const Waiter& waiter) {
  if (waiter.wait == Wait::write)
    return holders_who(object, waiter, [](const Holder& holder) { return reads(holder.access); });
  if (waiter.wait == Wait::open) return {};  // the side that is missing is nobody yet
  return holders_who(object, waiter, [](const Holder& holder) { return writes(holder.access); });
}

Culprits of_socket(const Snapshot& snapshot, const Object& object, const Waiter& waiter) {
  if (waiter.wait == Wait::accept) return {.who = {}, .known = true, .note = {}};
  if (waiter.wait == Wait::connect) return holders_who(object, waiter, [](const Holder&) { return true; });
  Culprits culprits;
  for (const ObjectId& id : object.peers) {
    const Object* peer = snapshot.object(id);
    if (peer == nullptr) continue;
    const Culprits of_peer = holders_who(*peer, waiter, [](const Holder&) { return true; });
    for (const Culprit& culprit : of_peer.who) add(culprits, culprit);
  }
  if (object.peers.empty())
    return {.who = {}, .known = false, .note = "the socket is not connected: anybody may send to it"};
  return culprits;
}

/// `alive PID COMMAND` of the last user is a trace, and no proof.
Culprits of_untracked(const Object& object) {
  Culprits culprits{.who = {}, .known = false, .note = "the kernel does not tell who uses it"};
  const Detail* last = object.detail("last-user");
  if (last == nullptr || !last->value.starts_with("alive ")) return culprits;
  std::string_view text{last->value};
  static_cast<void>(take_word(text));
  if (const auto pid = take_number<pid_t>(text)) add(culprits, {*pid, 0});
  return culprits;
}

Culprits of_futex(const Object& object, const Waiter& waiter) {
  Culprits culprits = holders_who(object, waiter, [](const Holder& holder) { return holder.how == How::owner; });
  if (!culprits.who.empty()) return culprits;
  const Detail* owner = object.detail("owner");
  if (owner != nullptr && owner->value.contains("dead")) return culprits;
  return {.who = {},
          .known = false,
          .note = "the word of this futex names no owner: a condition, or a semaphore, or another kind of lock"};
}

std::string fullness(const Object& object) {
  if (!object.fill || !object.fill->used) return {};
  std::string text = " (" + std::to_string(*object.fill->used);
  if (object.fill->capacity) text += " of " + std::to_string(*object.fill->capacity);
  return text + " " + std::string{to_string(object.fill->unit)} + ")";
}

}  // namespace

Culprits culprits_of(const Snapshot& snapshot, const Object& object, const Waiter& waiter) {
  switch (object.id.kind) {
    case Kind::pipe:
    case Kind::fifo:
      return of_stream(object, waiter);
    case Kind::unix_socket:
      return of_socket(snapshot, object, waiter);
    case Kind::posix_queue:
      return holders_who(object, waiter, [&](const Holder& holder) {
        return waiter.wait == Wait::send ? reads(holder.access) : writes(holder.access);
      });
    case Kind::lock:
      return holders_who(object, waiter, [](const Holder& holder) { return holder.how == How::lock; });
    case Kind::futex:
      return of_futex(object, waiter);
    case Kind::sysv_queue:
    case Kind::sysv_semaphore:
      return of_untracked(object);
    case Kind::eventfd:
      return holders_who(object, waiter, [](const Holder&) { return true; });
    default:
      return {.who = {}, .known = false, .note = "who could end this wait cannot be told"};
  }
}

std::string describe_wait(const Object& object, const Waiter& waiter) {
  const std::string name = object.name.empty() ? std::string{to_string(object.id.kind)} : object.name;
  switch (waiter.wait) {
    case Wait::read:
      return "reads from " + name + ", which is empty";
    case Wait::write:
      return "writes to " + name + ", which is full" + fullness(object);
    case Wait::open:
      return "opens " + name + " and waits for its other side";
    case Wait::lock:
      return "waits for " + (object.name.empty() ? "a file lock" : name);
    case Wait::futex:
      return std::ranges::any_of(object.holders, [](const Holder& holder) { return holder.how == How::owner; })
                 ? "waits for a mutex"
                 : "sleeps on a futex";
    case Wait::semaphore:
      return "waits for semaphore " + name;
    case Wait::receive:
      return "receives from " + name + ", where nothing has come";
    case Wait::send:
      return "sends to " + name + ", which takes no more" + fullness(object);
    case Wait::accept:
      return "accepts from " + name + ", where nobody connects";
    case Wait::connect:
      return "connects to " + name + ", whose backlog is full" + fullness(object);
    case Wait::poll:
      return "polls " + name;
  }
  return {};
}

}  // namespace ginnel::inventory
