#include "polled_watches.hpp"

#include <set>
#include <utility>

namespace ginnel::inventory {
namespace {

bool has_state(const Object& socket, std::string_view state) noexcept {
  const Detail* told = socket.detail("state");
  return told != nullptr && told->value == state;
}

/// What the thread would do once the object is ready.
Wait wait_for(const Object& object, bool reading) noexcept {
  switch (object.id.kind) {
    case Kind::unix_socket:
      if (has_state(object, "listening")) return Wait::accept;
      return reading ? Wait::receive : Wait::send;
    case Kind::posix_queue:
      return reading ? Wait::receive : Wait::send;
    default:
      return reading ? Wait::read : Wait::write;
  }
}

/// A signal handler may write to the thread's own pipe, and that is what such pipes are made for.
void leave_out_itself(const Snapshot& snapshot, pid_t pid, Culprits& culprits) {
  const ProcessInfo* process = snapshot.process(pid);
  const bool has_other_threads = process == nullptr || process->threads > 1;
  if (!culprits.known || has_other_threads) return;
  const auto removed = std::erase_if(culprits.who, [&](const Culprit& culprit) { return culprit.pid == pid; });
  if (removed == 0 || !culprits.who.empty()) return;
  culprits.known = false;
  culprits.remark = "nobody has the other end but the process itself: a signal handler of it could end this";
}

Watch watch_of(const Snapshot& snapshot, const Poll& poll, const Object& object, bool reading) {
  Watch watch;
  watch.object = &object;
  watch.waiter = {.pid = poll.pid, .tid = poll.tid, .wait = wait_for(object, reading), .since = {}};
  watch.culprits = culprits_of(snapshot, object, watch.waiter);
  leave_out_itself(snapshot, poll.pid, watch.culprits);
  // An accepted socket has its listener's name, a connecting one has none.
  watch.asks =
      reading && watch.waiter.wait == Wait::receive && !object.name.empty() && has_state(object, "established");
  return watch;
}

}  // namespace

std::vector<Watch> watches_of(const Snapshot& snapshot, const Poll& poll) {
  std::vector<Watch> watches;
  std::set<std::pair<const Object*, Wait>> seen;  // one file may be polled under several numbers
  const auto add = [&](const Object& object, bool reading, bool edge_triggered) {
    if (!seen.emplace(&object, wait_for(object, reading)).second) return;
    watches.push_back(watch_of(snapshot, poll, object, reading));
    watches.back().edge_triggered = edge_triggered;
  };
  for (const Watched& watched : poll.watched) {
    const Object* object = snapshot.object(watched.object);
    if (object == nullptr) continue;
    if (watched.reading) add(*object, true, watched.edge_triggered);
    // Edge-triggered sets are often asked for both: what takes more is not waited for.
    // Of a connection, the fill is what the other side sends.
    const bool is_connection = object->id.kind == Kind::unix_socket && has_state(*object, "established");
    const bool takes_more = !is_connection && object->fill && !object->fill->writer_blocks.value_or(true);
    if (watched.writing && !takes_more) add(*object, false, watched.edge_triggered);
  }
  return watches;
}

}  // namespace ginnel::inventory
