#include "explain_looks.hpp"

#include <algorithm>
#include <functional>
#include <set>

#include "ginnel/inventory/waits.hpp"
#include "limits_use.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

constexpr std::size_t most_lines = 10;

bool reads(const Holder& holder) { return holder.access == Access::read || holder.access == Access::read_write; }
bool writes(const Holder& holder) { return holder.access == Access::write || holder.access == Access::read_write; }
bool any(const Holder& /*holder*/) { return true; }

std::string title(const Object& object) {
  return object.name.empty() ? std::string{to_string(object.id.kind)} + " " + std::to_string(object.id.number)
                             : object.name;
}

/// `a(1) b(2)`, each process once, or what to say when there is none.
std::string holders_text(const Snapshot& snapshot, const Object& object, bool (*counts)(const Holder&),
                         std::string_view otherwise) {
  std::set<pid_t> pids;
  for (const Holder& holder : object.holders)
    if (counts(holder)) pids.insert(holder.pid);
  std::string text;
  for (const pid_t pid : pids) {
    const ProcessInfo* process = snapshot.process(pid);
    text += (text.empty() ? "" : " ") + (process != nullptr ? name_of(*process) : "pid " + std::to_string(pid));
  }
  return text.empty() ? std::string{otherwise} : text;
}

void add_line(std::vector<std::string>& lines, std::string line) {
  if (lines.size() < most_lines) lines.push_back(std::move(line));
}

bool has(const Object& object, std::string_view key, std::string_view value) {
  const Detail* detail = object.detail(key);
  return detail != nullptr && detail->value == value;
}

bool is_pipe(const Object& object) { return object.id.kind == Kind::pipe || object.id.kind == Kind::fifo; }
bool is_listener(const Object& object) {
  return object.id.kind == Kind::unix_socket && has(object, "state", "listening");
}

/// Objects of which the next writer would have to wait, and those who could empty them.
Findings look_for_full(const Snapshot& snapshot, bool (*is_meant)(const Object&), bool (*empties)(const Holder&),
                       std::string_view nobody) {
  Findings found;
  for (const Object& object : snapshot.objects) {
    if (!is_meant(object) || !object.fill || !object.fill->writer_blocks.value_or(false)) continue;
    std::string amount;
    if (object.fill->used && object.fill->capacity)
      amount = " (" + std::to_string(*object.fill->used) + " of " +
               counted(*object.fill->capacity, to_string(object.fill->unit)) + ")";
    add_line(found.here, title(object) + " is full" + amount);
    add_line(found.users, title(object) + ": " + holders_text(snapshot, object, empties, nobody));
    found.likely = true;
  }
  return found;
}

/// Objects that nobody reads, by the kernel's own count where it has told it, or else by who is seen to have them. Who could
/// not be looked into may still do so: that is said and not passed over.
Findings look_for_unread(const Snapshot& snapshot, bool (*is_meant)(const Object&)) {
  Findings found;
  bool is_counted = false;
  for (const Object& object : snapshot.objects) {
    const Detail* readers = object.detail("readers");
    const bool has_readers = readers != nullptr && readers->value != "0";
    if (!is_meant(object) || has_readers || std::ranges::any_of(object.holders, reads)) continue;
    is_counted = is_counted || readers != nullptr;
    add_line(found.here, title(object) + (readers != nullptr ? " has no reader" : " has no reader that is to be seen"));
    add_line(found.users, title(object) + ": written by " + holders_text(snapshot, object, writes, "nobody"));
  }
  found.likely = is_counted || (!found.here.empty() && snapshot.coverage.unreadable.empty());
  if (!found.here.empty() && !is_counted && !snapshot.coverage.unreadable.empty())
    found.here.push_back(counted(snapshot.coverage.unreadable.size(), "processes") + " could not be looked into");
  return found;
}

}  // namespace

Findings look_for_stale_paths(const Snapshot& snapshot) {
  Findings found;
  for (const Object& object : snapshot.objects)
    if (object.id.kind == Kind::unix_socket && object.detail("stale-path") != nullptr)
      add_line(found.here, object.name + " is a path that no socket is bound to: its server has gone");
  found.likely = !found.here.empty();
  return found;
}

Findings look_for_bound_names(const Snapshot& snapshot) {
  Findings found = look_for_stale_paths(snapshot);
  for (const Object& object : snapshot.objects)
    if (is_listener(object) && !object.name.empty())
      add_line(found.users, object.name + ": served by " + holders_text(snapshot, object, any, "somebody not seen"));
  return found;
}

Findings look_for_full_queues(const Snapshot& snapshot) {
  return look_for_full(
      snapshot, [](const Object& object) { return object.id.kind == Kind::posix_queue; }, reads,
      "nobody has it open for receiving");
}

Findings look_for_full_sysv_queues(const Snapshot& snapshot) {
  return look_for_full(
      snapshot, [](const Object& object) { return object.id.kind == Kind::sysv_queue; }, any,
      "who receives from it is told by nobody");
}

Findings look_for_full_pipes(const Snapshot& snapshot) {
  return look_for_full(snapshot, is_pipe, reads, "nobody has it open for reading");
}

Findings look_for_full_backlogs(const Snapshot& snapshot) {
  return look_for_full(snapshot, is_listener, any, "nobody to be seen accepts");
}

Findings look_for_unread_pipes(const Snapshot& snapshot) {
  return look_for_unread(
      snapshot, [](const Object& object) { return is_pipe(object) && std::ranges::any_of(object.holders, writes); });
}

Findings look_for_unread_fifos(const Snapshot& snapshot) {
  return look_for_unread(snapshot, [](const Object& object) { return object.id.kind == Kind::fifo; });
}

Findings look_for_locks(const Snapshot& snapshot) {
  Findings found;
  for (const Object& object : snapshot.objects)
    if (object.id.kind == Kind::lock)
      add_line(found.users, title(object) + ": " + holders_text(snapshot, object, any, "its holder is not told"));
  return found;
}

Findings look_for_deadlocks(const Snapshot& snapshot) {
  Findings found;
  for (const WaitChain& chain : deadlocks(snapshot)) add_line(found.here, chain.text);
  found.likely = !found.here.empty();
  return found;
}

}  // namespace ginnel::inventory
