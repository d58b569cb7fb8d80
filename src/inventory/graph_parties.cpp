#include "graph_parties.hpp"

#include <algorithm>

#include "culprits.hpp"

namespace ginnel::inventory {
namespace {

void add(Meeting& meeting, const Party& party) {
  const auto same = std::ranges::find_if(
      meeting.parties, [&](const Party& one) { return one.pid == party.pid && one.side == party.side; });
  if (same == meeting.parties.end()) {
    meeting.parties.push_back(party);
    return;
  }
  same->gives = same->gives || party.gives;
  same->takes = same->takes || party.takes;
}

/// Who sleeps on a word in shared memory is told at the word.
bool has_words(Kind kind) noexcept {
  return kind == Kind::posix_shm || kind == Kind::posix_semaphore || kind == Kind::memfd;
}

void add_waiters(Meeting& meeting, const Object& object) {
  if (has_words(object.id.kind)) return;
  for (const Waiter& waiter : object.waiters)
    if (waiter.wait != Wait::poll && waiter.wait != Wait::accept) meeting.waiters.push_back(waiter);
}

void add_holders(Meeting& meeting, const Object& object, Party::Side side, bool gives, bool takes) {
  for (const Holder& holder : object.holders)
    add(meeting, {.pid = holder.pid, .gives = gives, .takes = takes, .side = side});
}

void add_by_access(Meeting& meeting, const Object& object) {
  for (const Holder& holder : object.holders)
    add(meeting, {.pid = holder.pid,
                  .gives = may_write(holder.access),
                  .takes = may_read(holder.access),
                  .side = Party::Side::shared});
}

/// Two sockets that name each other are one connection; one that names another sends to it, or wants to connect to it.
void add_socket(Meeting& meeting, const Snapshot& snapshot, const Object& object) {
  for (const ObjectId& id : object.peers) {
    const Object* peer = snapshot.object(id);
    if (peer == nullptr) continue;
    const bool mutual = std::ranges::find(peer->peers, object.id) != peer->peers.end();
    if (mutual && peer->id < object.id) {
      meeting.waiters.clear();
      continue;
    }
    meeting.other_end = peer;
    add_holders(meeting, object, Party::Side::near, true, mutual);
    add_holders(meeting, *peer, Party::Side::far, mutual, true);
    if (mutual) add_waiters(meeting, *peer);
  }
  if (!object.peers.empty()) return;
  for (const Waiter& waiter : meeting.waiters)
    if (waiter.wait == Wait::connect)
      add(meeting, {.pid = waiter.pid, .gives = true, .takes = false, .side = Party::Side::near});
  if (!meeting.parties.empty()) add_holders(meeting, object, Party::Side::far, false, true);
}

void add_waiters_and_holders(Meeting& meeting, const Object& object, How how) {
  for (const Waiter& waiter : meeting.waiters)
    add(meeting, {.pid = waiter.pid, .gives = true, .takes = false, .side = Party::Side::near});
  for (const Holder& holder : object.holders)
    if (holder.how == how) add(meeting, {.pid = holder.pid, .gives = false, .takes = true, .side = Party::Side::far});
}

bool waits_to_take(const Waiter& waiter) noexcept {
  return waiter.wait == Wait::read || waiter.wait == Wait::receive || waiter.wait == Wait::semaphore;
}

/// The kernel keeps no list of users: there are those who wait, and the one who used it last.
void add_untracked(Meeting& meeting, const Object& object) {
  for (const Waiter& waiter : meeting.waiters)
    add(meeting, {.pid = waiter.pid, .gives = !waits_to_take(waiter), .takes = waits_to_take(waiter)});
  const pid_t last = last_user(object);
  if (last != 0) add(meeting, {.pid = last, .gives = true, .takes = object.id.kind == Kind::sysv_queue});
}

bool passes_anything(const Meeting& meeting) {
  return std::ranges::any_of(meeting.parties, [&](const Party& from) {
    return std::ranges::any_of(meeting.parties, [&](const Party& to) { return from.reaches(to); });
  });
}

}  // namespace

Meeting meeting_at(const Snapshot& snapshot, const Object& object) {
  Meeting meeting{.object = &object, .other_end = nullptr, .parties = {}, .waiters = {}};
  if (is_private_futex(object) && object.holders.empty()) return meeting;
  add_waiters(meeting, object);
  switch (object.id.kind) {
    case Kind::unix_socket:
      add_socket(meeting, snapshot, object);
      break;
    case Kind::lock:
      add_waiters_and_holders(meeting, object, How::lock);
      break;
    case Kind::futex:
      add_waiters_and_holders(meeting, object, How::owner);
      break;
    case Kind::sysv_queue:
    case Kind::sysv_semaphore:
      add_untracked(meeting, object);
      break;
    default:
      add_by_access(meeting, object);
  }
  if (passes_anything(meeting)) return meeting;
  meeting.parties.clear();
  for (const Waiter& waiter : meeting.waiters)
    add(meeting, {.pid = waiter.pid, .gives = !waits_to_take(waiter), .takes = waits_to_take(waiter)});
  return meeting;
}

}  // namespace ginnel::inventory
