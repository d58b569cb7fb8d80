#include "inventory/columns.hpp"

#include <fmt/core.h>
#include <pwd.h>

#include <algorithm>
#include <map>

#include "command.hpp"
#include "inventory/belonging.hpp"
#include "render/size.hpp"

namespace ginnel::cli {
namespace {

using inventory::Holder;
using inventory::How;
using inventory::Kind;
using inventory::Object;
using inventory::Snapshot;
using inventory::Unit;
using inventory::Verdict;
using inventory::Wait;
using inventory::Waiter;

std::string user_name(std::uint32_t user) {
  static std::map<std::uint32_t, std::string> known;
  const auto [place, is_new] = known.try_emplace(user, std::to_string(user));
  if (is_new)
    if (const passwd* entry = ::getpwuid(user)) place->second = entry->pw_name;
  return place->second;
}

std::string short_span(std::chrono::nanoseconds span) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(span).count();
  if (seconds < 1) return "<1s";
  if (seconds < 120) return fmt::format("{}s", seconds);
  if (seconds < 7200) return fmt::format("{}m", seconds / 60);
  if (seconds < 48L * 3600) return fmt::format("{}h", seconds / 3600);
  return fmt::format("{}d", seconds / 86400);
}

std::string amount(std::uint64_t value, Unit unit) {
  return unit == Unit::bytes ? short_size(value) : std::to_string(value);
}

bool shows_capacity(const Object& object) {
  return object.fill->capacity.known() && object.id.kind != Kind::eventfd && object.id.kind != Kind::signal;
}

std::string process_name(const Snapshot& snapshot, pid_t pid) {
  const inventory::ProcessInfo* process = snapshot.process(pid);
  return fmt::format("{}({})", process == nullptr ? "?" : process->command, pid);
}

std::string mark_of(const Object& object, const Holder& holder) {
  if (!object.members.empty() && holder.how == How::lock) return std::string{to_string(holder.access)};
  if (holder.how == How::mapping) return holder.access == inventory::Access::read ? "m" : "M";
  if (holder.how == How::lock) return "L";
  if (holder.how == How::owner) return "*";
  return std::string{to_string(holder.access)};
}

constexpr std::size_t people_shown = 4;

/// `cat(1240) read 3s`, at most `most` of them, those who are held up first, and then `+N`.
std::string waits_text(const Snapshot& snapshot, const Object& object, std::size_t most) {
  std::vector<const Waiter*> shown;
  for (const bool held_up : {true, false})
    for (const Waiter& waiter : object.waiters)
      if (shown.size() < most && is_held_up(object, waiter) == held_up) shown.push_back(&waiter);
  std::string text;
  for (const Waiter* waiter : shown) {
    text +=
        fmt::format("{}{} {}", text.empty() ? "" : " ", process_name(snapshot, waiter->pid), to_string(waiter->wait));
    if (waiter->since) text += " " + short_span(*waiter->since);
  }
  if (object.waiters.size() > most) text += fmt::format(" +{}", object.waiters.size() - most);
  return text;
}

/// Who holds the other ends, of at most `most` of them, and then `+N`.
std::string peers_text(const Snapshot& snapshot, const Object& object, std::size_t most) {
  std::string text;
  for (std::size_t i = 0; i < std::min(most, object.peers.size()); ++i)
    if (const Object* peer = snapshot.object(object.peers[i]))
      text += (text.empty() ? "" : " ") + display_holders(snapshot, *peer, most);
  if (object.peers.size() > most) text += fmt::format(" +{}", object.peers.size() - most);
  return text;
}

bool may_go(Verdict verdict) { return verdict == Verdict::safe || verdict == Verdict::likely; }

Cell verdict_cell(const Row& row) {
  return {std::string{to_string(row.verdict)}, may_go(row.verdict) ? Colour::yellow : Colour::dim};
}

/// What a human should know at one glance.
Cell state_cell(const Row& row) {
  switch (row.urgency) {
    case Urgency::blocked:
      return {"blocked", Colour::red};
    case Urgency::full:
      return {"full", Colour::red};
    case Urgency::orphaned:
      return {"orphan?", Colour::yellow};
    case Urgency::ordinary:
      break;
  }
  return {row.object->deleted ? "deleted" : row.object->waiters.empty() ? "" : "waits", Colour::dim};
}

Cell fact_cell(const inventory::Fact<std::uint32_t>& fact, std::string (*text)(std::uint32_t)) {
  return fact ? Cell{text(*fact)} : Cell{"-", Colour::dim};
}

Urgency urgency_of(const Object& object, Verdict verdict) {
  if (std::ranges::any_of(object.waiters, [&](const Waiter& waiter) { return is_held_up(object, waiter); }))
    return Urgency::blocked;
  if (object.fill && object.fill->writer_blocks.value_or(false)) return Urgency::full;
  return may_go(verdict) ? Urgency::orphaned : Urgency::ordinary;
}

}  // namespace

bool is_held_up(const Object& object, const Waiter& waiter) {
  switch (waiter.wait) {
    case Wait::write:
    case Wait::send:
    case Wait::open:
    case Wait::lock:
    case Wait::connect:
    case Wait::semaphore:
      return true;
    case Wait::futex:
      return std::ranges::any_of(object.holders, [](const Holder& h) { return h.how == How::owner; });
    default:
      return false;
  }
}

Row row_of(const inventory::Judge& judge, const Object& object) {
  const Verdict verdict = judge(object).verdict;
  return {.snapshot = &judge.snapshot(), .object = &object, .verdict = verdict, .urgency = urgency_of(object, verdict)};
}

std::string display_name(const Snapshot& snapshot, const Object& object) {
  if (object.id.kind == Kind::memfd && !object.name.empty()) return "memfd \"" + object.name + "\"";
  const std::string place = foreign_place(snapshot, object);
  if (!object.name.empty()) return place.empty() ? object.name : fmt::format("{} ({})", object.name, place);
  switch (object.id.kind) {
    case Kind::pipe:
      return fmt::format("pipe:[{}]", object.id.number);
    case Kind::unix_socket:
      for (const inventory::ObjectId& peer : object.peers)
        if (const Object* other = snapshot.object(peer); other != nullptr && !other->name.empty())
          return "-> " + other->name;
      return fmt::format("socket:[{}]", object.id.number);
    case Kind::eventfd:
      return fmt::format("eventfd:[{}]", object.id.number);
    case Kind::futex: {
      const inventory::Detail* in = object.detail("in");
      const inventory::Detail* address = object.detail("address");
      if (in != nullptr && !in->value.empty()) return "in " + in->value;
      return address != nullptr ? "at " + address->value : "";
    }
    case Kind::epoll:
    case Kind::signalfd:
    case Kind::timerfd:
      return fmt::format("{}:[{}/{}]", to_string(object.id.kind), object.id.device, object.id.number);
    default:
      return object.id.to_string();
  }
}

std::string display_fill(const Object& object) {
  if (!object.fill || !object.fill->used) return "";
  const inventory::Fill& fill = *object.fill;
  std::string text = amount(*fill.used, fill.unit);
  if (shows_capacity(object)) text += "/" + amount(*fill.capacity, fill.unit);
  return text;
}

std::string display_holders(const Snapshot& snapshot, const Object& object, std::size_t most) {
  std::vector<std::pair<pid_t, std::string>> processes;  // with the marks of all their handles
  for (const Holder& holder : object.holders) {
    const auto known = std::ranges::find(processes, holder.pid, &std::pair<pid_t, std::string>::first);
    const std::string mark = mark_of(object, holder);
    if (known == processes.end())
      processes.emplace_back(holder.pid, mark);
    else if (!known->second.contains(mark))
      known->second += mark;
  }
  std::string text;
  for (std::size_t i = 0; i < std::min(most, processes.size()); ++i)
    text +=
        fmt::format("{}{}{}", text.empty() ? "" : " ", process_name(snapshot, processes[i].first), processes[i].second);
  if (processes.size() > most) text += fmt::format(" +{}", processes.size() - most);
  return text;
}

const std::vector<ObjectColumn>& object_columns() {
  static const std::vector<ObjectColumn> columns{
      {"state", "what needs a human: blocked, full, orphan?", {"STATE"}, state_cell},
      {"kind",
       "pipe, fifo, unix, …",
       {"KIND"},
       [](const Row& row) { return Cell{std::string{to_string(row.object->id.kind)}}; }},
      {"name",
       "its address, or what /proc calls it",
       {"NAME", Align::left, true},
       [](const Row& row) { return Cell{display_name(*row.snapshot, *row.object)}; }},
      {"owner", "user", {"OWNER"}, [](const Row& row) { return fact_cell(row.object->owner, user_name); }},
      {"mode",
       "permission bits, octal",
       {"MODE"},
       [](const Row& row) {
         return fact_cell(row.object->mode, [](std::uint32_t m) { return fmt::format("{:04o}", m); });
       }},
      {"fill",
       "used and capacity: bytes, messages, connections, or a count",
       {"FILL", Align::right},
       [](const Row& row) {
         const bool full = row.object->fill && row.object->fill->writer_blocks.value_or(false);
         return Cell{display_fill(*row.object), full ? Colour::red : Colour::none};
       }},
      {"holders",
       "who has it: r, w, rw open; m, M mapped to read or write; L lock; * owner",
       {"HOLDERS", Align::left, true},
       [](const Row& row) { return Cell{display_holders(*row.snapshot, *row.object, people_shown)}; }},
      {"waiters",
       "who sleeps on it, in what, for how long",
       {"WAITERS", Align::left, true},
       [](const Row& row) { return Cell{waits_text(*row.snapshot, *row.object, people_shown)}; }},
      {"verdict", "may it go: safe, likely, unknown, in-use", {"VERDICT"}, verdict_cell},
      {"peers",
       "the other ends of a socket",
       {"PEERS", Align::left, true},
       [](const Row& row) { return Cell{peers_text(*row.snapshot, *row.object, people_shown)}; }},
      {"age",
       "since it was made or last changed",
       {"AGE", Align::right},
       [](const Row& row) {
         return row.object->changed ? Cell{short_span(row.snapshot->taken_at - *row.object->changed)}
                                    : Cell{"-", Colour::dim};
       }},
      {"ns",
       "inode of the namespace it belongs to",
       {"NS", Align::right},
       [](const Row& row) {
         const auto space = namespace_of(*row.object);
         return space ? Cell{std::to_string(*space)} : Cell{"-", Colour::dim};
       }},
      {"cgroup",
       "of its holders",
       {"CGROUP", Align::left, true},
       [](const Row& row) { return row.object->cgroup ? Cell{*row.object->cgroup} : Cell{"-", Colour::dim}; }},
      {"uid", "identity, for 'ginnel show'", {"UID"}, [](const Row& row) { return Cell{row.object->id.to_string()}; }},
  };
  return columns;
}

Result<std::vector<const ObjectColumn*>> choose_columns(std::string_view list) {
  std::vector<const ObjectColumn*> chosen;
  while (!list.empty()) {
    const std::string_view name = list.substr(0, list.find(','));
    list.remove_prefix(std::min(name.size() + 1, list.size()));
    const auto found = std::ranges::find(object_columns(), name, &ObjectColumn::name);
    if (found == object_columns().end()) {
      std::string all;
      for (const ObjectColumn& column : object_columns()) all += (all.empty() ? "" : ", ") + std::string{column.name};
      return std::unexpected{usage_error(fmt::format("-o {}", name), "the columns are " + all)};
    }
    chosen.push_back(&*found);
  }
  return chosen;
}

}  // namespace ginnel::cli
