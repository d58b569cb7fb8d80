#include "wait_text.hpp"

#include <algorithm>
#include <vector>

namespace ginnel::inventory {
namespace {

std::string_view unnamed(Kind kind) noexcept {
  switch (kind) {
    case Kind::pipe:
      return "a pipe";
    case Kind::fifo:
      return "a FIFO";
    case Kind::unix_socket:
      return "a Unix socket";
    case Kind::eventfd:
      return "an eventfd";
    case Kind::timerfd:
      return "a timerfd";
    case Kind::signalfd:
      return "a signalfd";
    case Kind::lock:
      return "a file lock";
    default:
      return to_string(kind);
  }
}

std::string name_of(const Object& object) {
  return object.name.empty() ? std::string{unnamed(object.id.kind)} : object.name;
}

std::string fullness(const Object& object) {
  if (!object.fill || !object.fill->used) return {};
  std::string text = " (" + std::to_string(*object.fill->used);
  if (object.fill->capacity) text += " of " + std::to_string(*object.fill->capacity);
  return text + " " + std::string{to_string(object.fill->unit)} + ")";
}

std::string describe_futex(const Object& object) {
  const Detail* file = object.detail("in");
  const std::string place = file == nullptr ? "" : " in " + file->value;
  const bool owned = object.detail("owner") != nullptr ||
                     std::ranges::find(object.holders, How::owner, &Holder::how) != object.holders.end();
  if (owned) return "waits for a mutex" + place;
  if (file != nullptr && file->value.starts_with("sem:")) return "waits for semaphore " + file->value;
  return "sleeps on a futex" + place;
}

std::string process_name(const Snapshot& snapshot, pid_t pid) {
  const ProcessInfo* process = snapshot.process(pid);
  return (process == nullptr ? "?" : process->command) + "(" + std::to_string(pid) + ")";
}

/// `a(1)`, `a(1) and b(2)`, `a(1), b(2) and c(3)`.
std::string list_of(const Snapshot& snapshot, const std::vector<pid_t>& pids) {
  std::string text;
  for (std::size_t place = 0; place < pids.size(); ++place) {
    if (place > 0) text += place + 1 == pids.size() ? " and " : ", ";
    text += process_name(snapshot, pids[place]);
  }
  return text;
}

std::string describe_deadlock(const Snapshot& snapshot, const WaitChain& chain) {
  std::vector<pid_t> members;
  const auto first = chain.steps.begin() + static_cast<std::ptrdiff_t>(chain.cycle);
  for (auto step = first; step != chain.steps.end(); ++step)
    if (std::ranges::find(members, step->pid) == members.end()) members.push_back(step->pid);
  const std::string names = list_of(snapshot, members);
  if (members.size() > 1) return "deadlock: " + names + " wait for each other";
  if (chain.steps.end() - first > 1) return "deadlock: threads of " + names + " wait for each other";
  return "deadlock: " + names + " waits for itself";
}

std::string describe_unknown(const Snapshot& snapshot, const WaitChain& chain, std::string_view remark) {
  const std::vector<pid_t>& candidates = chain.steps.back().culprits;
  std::string text{remark};
  if (candidates.empty()) return text;
  return text + "; it may be " + list_of(snapshot, candidates);
}

}  // namespace

std::string describe_wait(const Object& object, const Waiter& waiter) {
  const std::string name = name_of(object);
  switch (waiter.wait) {
    case Wait::read:
      return "reads from " + name + ", which is empty";
    case Wait::write:
      return "writes to " + name + ", which is full" + fullness(object);
    case Wait::open:
      return object.id.kind == Kind::topic ? "publishes to " + name + " and waits for a reader"
                                           : "opens " + name + " and waits for its other side";
    case Wait::lock:
      return "waits for " + name;
    case Wait::futex:
      return describe_futex(object);
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

std::string describe_end(const Snapshot& snapshot, const WaitChain& chain, std::string_view remark) {
  switch (chain.end) {
    case ChainEnd::running:
      return process_name(snapshot, chain.last) + " could end it, and waits for no IPC object itself";
    case ChainEnd::stopped:
      return process_name(snapshot, chain.last) + " could end it, and is stopped";
    case ChainEnd::nobody:
      return std::string{remark};
    case ChainEnd::deadlock:
      return describe_deadlock(snapshot, chain);
    case ChainEnd::unknown:
      return describe_unknown(snapshot, chain, remark);
  }
  return {};
}

}  // namespace ginnel::inventory
