#include "wait_text.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "words.hpp"

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
  const Fill& fill = *object.fill;
  const std::string used = fill.capacity ? std::to_string(*fill.used) + " of " : "";
  return " (" + used + counted(fill.capacity ? *fill.capacity : *fill.used, to_string(fill.unit)) + ")";
}

/// What a socket has sent and nobody has read, if that is as much as it may be. Its own fill is what has come to it.
std::string sent_by(const Object& object) {
  if (object.id.kind != Kind::unix_socket) return fullness(object);
  const Detail* buffer = object.detail("send-buffer");  // `N of M bytes, …`
  if (buffer == nullptr) return {};
  std::string_view text{buffer->value};
  const auto sent = take_number<std::uint64_t>(text);
  static_cast<void>(take_word(text));
  const auto most = take_number<std::uint64_t>(text);
  if (!sent || !most || *sent < *most) return {};
  return " (" + std::to_string(*sent) + " of " + std::to_string(*most) + " bytes of its buffer wait to be read)";
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

/// `a`, `a and b`, `a, b and c`; of many the first ones, and how many more.
std::string list_of(std::vector<std::string> parts) {
  constexpr std::size_t told_at_most = 6;
  if (parts.size() > told_at_most) {
    const std::string rest = std::to_string(parts.size() - told_at_most + 1) + " more";
    parts.resize(told_at_most - 1);
    parts.push_back(rest);
  }
  std::string text;
  for (std::size_t place = 0; place < parts.size(); ++place) {
    if (place > 0) text += place + 1 == parts.size() ? " and " : ", ";
    text += parts[place];
  }
  return text;
}

std::string list_of(const Snapshot& snapshot, const std::vector<pid_t>& pids) {
  std::vector<std::string> names;
  for (const pid_t pid : pids) names.push_back(process_name(snapshot, pid));
  return list_of(std::move(names));
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

std::string or_others(std::size_t count) {
  if (count == 0) return {};
  return " or " + std::to_string(count) + (count == 1 ? " other" : " others");
}

/// `a(2) could end it, and is stopped`, `a(2) or 3 others could end it; a(2) is stopped`.
std::string describe_culprit(const Snapshot& snapshot, const WaitChain& chain, std::size_t others,
                             std::string_view what) {
  const std::string name = process_name(snapshot, chain.last);
  if (others == 0) return name + " could end it, and " + std::string{what};
  return name + or_others(others) + " could end it; " + name + " " + std::string{what};
}

std::string describe_unknown(const Snapshot& snapshot, const WaitChain& chain, const EndFacts& facts) {
  const std::string name = process_name(snapshot, chain.last);
  if (chain.last != 0)
    return name + or_others(facts.others) + " could end it; what " + (facts.others == 0 ? "it" : name) +
           " waits for itself may not be asked";
  const std::vector<pid_t>& candidates = chain.steps.back().culprits;
  std::string text{facts.remark};
  if (candidates.empty()) return text;
  return text + "; it may be " + list_of(snapshot, candidates);
}

std::string describe_polling(const Snapshot& snapshot, const WaitChain& chain) {
  std::vector<pid_t> others = chain.steps.back().culprits;
  std::erase(others, chain.last);
  const std::string text = process_name(snapshot, chain.last) + " goes on as soon as one of these is ready";
  return others.empty() ? text : text + "; it may be made so by " + list_of(snapshot, others);
}

/// `unix:/run/a (a connection)`, `a pipe (data)`.
std::string watch_text(const Watch& watch) {
  const Object& object = *watch.object;
  const std::string name = name_of(object);
  switch (watch.waiter.wait) {
    case Wait::accept:
      return name + " (a connection)";
    case Wait::write:
    case Wait::send:
      return name + " (room)";
    default:
      break;
  }
  if (object.id.kind == Kind::timerfd || object.id.kind == Kind::signalfd) return name;
  const bool holds_data =
      (object.fill && object.fill->used.value_or(0) > 0) || object.detail("first-datagram") != nullptr;
  const bool is_unread = watch.edge_triggered && holds_data;
  return name +
         (is_unread ? " (more data: it is edge-triggered, and has not read all" + fullness(object) + ")" : " (data)");
}

}  // namespace

std::string describe_poll(const WaitEdge& edge) {
  const Poll& poll = *edge.poll;
  std::map<std::string, std::size_t> counts;
  std::vector<std::string> parts;  // each once, as they came
  for (const Watch& watch : edge.watches)
    if (std::string text = watch_text(watch); ++counts[text] == 1) parts.push_back(std::move(text));
  for (std::string& part : parts)
    if (const std::size_t count = counts[part]; count > 1) part = std::to_string(count) + " × " + part;
  std::string text = "polls by " + std::string{to_string(poll.by)} + ": " + list_of(std::move(parts));
  if (poll.others > 0) text += "; and " + std::to_string(poll.others) + " that are no IPC objects";
  if (!poll.complete) text += "; and what could not be read";
  return poll.timed ? text + "; with a timeout" : text;
}

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
      return "sends to " + name + ", which takes no more" + sent_by(object);
    case Wait::accept:
      return "accepts from " + name + ", where nobody connects";
    case Wait::connect:
      return "connects to " + name + ", whose backlog is full" + fullness(object);
    case Wait::poll:
      return "polls " + name;
  }
  return {};
}

std::string describe_end(const Snapshot& snapshot, const WaitChain& chain, const EndFacts& facts) {
  switch (chain.end) {
    case ChainEnd::running:
      return describe_culprit(snapshot, chain, facts.others, "waits for no IPC object itself");
    case ChainEnd::stopped:
      return describe_culprit(snapshot, chain, facts.others, "is stopped");
    case ChainEnd::nobody:
      return std::string{facts.remark};
    case ChainEnd::deadlock:
      return describe_deadlock(snapshot, chain);
    case ChainEnd::polling:
      return describe_polling(snapshot, chain);
    case ChainEnd::unknown:
      return describe_unknown(snapshot, chain, facts);
  }
  return {};
}

}  // namespace ginnel::inventory
