#include "inventory/object_text.hpp"

#include <fmt/chrono.h>
#include <fmt/core.h>

#include "inventory/belonging.hpp"
#include "inventory/columns.hpp"
#include "render/harmless.hpp"
#include "render/size.hpp"
#include "render/table.hpp"

namespace ginnel::cli {
namespace {

using inventory::Fact;
using inventory::Kind;
using inventory::Object;
using inventory::Snapshot;

/// `key  value` lines under one another.
class Sheet {
 public:
  explicit Sheet(const Screen& screen) : screen_{screen} {}
  void add(std::string_view key, std::string value, Colour colour = Colour::none) {
    table_.add_row({{std::string{key}, Colour::dim}, {std::move(value), colour}});
  }
  template <class T, class Render>
  void add(std::string_view key, const Fact<T>& fact, Render render) {
    if (fact)
      add(key, render(*fact));
    else
      add(key, fmt::format("not known: {}", fact.reason()), Colour::dim);
  }
  [[nodiscard]] std::string text() const { return table_.render(screen_); }

 private:
  const Screen& screen_;
  Table table_{{{""}, {"", Align::left, true}}};
};

std::string time_text(inventory::Time time) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(
                         std::chrono::time_point_cast<std::chrono::system_clock::duration>(time))));
}

std::string creator_text(const inventory::Creator& creator) {
  switch (creator.life) {
    case inventory::Life::alive:
      return fmt::format("{}({}), alive", creator.command, creator.pid);
    case inventory::Life::dead:
      return fmt::format("pid {}, dead", creator.pid);
    case inventory::Life::reused:
      return fmt::format("pid {}, dead: the number belongs to {} now, which is younger", creator.pid, creator.command);
  }
  return "";
}

void add_people(Sheet& sheet, const Snapshot& snapshot, const Object& object) {
  const auto command = [&](pid_t pid) {
    const inventory::ProcessInfo* process = snapshot.process(pid);
    return process == nullptr ? std::string{"?"} : process->command;
  };
  for (const inventory::Holder& holder : object.holders) {
    std::string text = fmt::format("{}({})", command(holder.pid), holder.pid);
    if (holder.tid != holder.pid) text += fmt::format(" thread {}", holder.tid);
    text += fmt::format(", {}", to_string(holder.how));
    if (holder.fd >= 0) text += fmt::format(" {}", holder.fd);
    if (holder.access != inventory::Access::none) text += fmt::format(" ({})", to_string(holder.access));
    sheet.add("holder", std::move(text));
  }
  for (const inventory::Waiter& waiter : object.waiters) {
    std::string text = fmt::format("{}({})", command(waiter.pid), waiter.pid);
    if (waiter.tid != waiter.pid) text += fmt::format(" thread {}", waiter.tid);
    text += fmt::format(", in {}", to_string(waiter.wait));
    if (waiter.since) text += fmt::format(" for {:.1f} s", std::chrono::duration<double>{*waiter.since}.count());
    sheet.add("waiter", std::move(text), is_held_up(object, waiter) ? Colour::red : Colour::none);
  }
}

std::string count_of(std::uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

/// `4.0K/64K bytes`, `1 connection of a backlog of 0`.
std::string fill_text(const Object& object) {
  const inventory::Fill& fill = *object.fill;
  const std::string text = display_fill(object);
  if (text.empty()) return fmt::format("not known: {}", fill.used.reason());
  std::string_view unit = to_string(fill.unit);
  if (fill.unit == inventory::Unit::connections && fill.capacity)
    return fmt::format("{} of a backlog of {}", count_of(*fill.used, unit.substr(0, unit.size() - 1)), *fill.capacity);
  const std::string_view last_number = std::string_view{text}.substr(text.rfind('/') + 1);
  if (last_number == "1" && unit.ends_with('s')) unit.remove_suffix(1);
  return fmt::format("{} {}", text, unit);
}

/// `w.00, app(812), alive, 4K of 1M waiting, 17 messages of Pose (24 bytes)`.
std::string member_text(const Snapshot& snapshot, const inventory::Member& member) {
  std::string text = member.name;
  if (member.life && member.pid) {
    const inventory::ProcessInfo* process = member.is_alive() ? snapshot.process(*member.pid) : nullptr;
    text += process != nullptr ? fmt::format(", {}({})", process->command, *member.pid)
                               : fmt::format(", pid {}", *member.pid);
  }
  text += member.life ? fmt::format(", {}", to_string(*member.life)) : fmt::format(", {}", member.life.reason());
  if (member.reliable) text += *member.reliable ? ", reliable" : ", best effort";
  if (member.waiting && member.capacity)
    text += fmt::format(", {} of {} waiting", short_size(*member.waiting), short_size(*member.capacity));
  else if (member.waiting)
    text += fmt::format(", {} waiting", short_size(*member.waiting));
  else if (member.capacity)
    text += fmt::format(", up to {} each", short_size(*member.capacity));
  if (member.messages) text += ", " + count_of(*member.messages, "message");
  if (!member.type.empty()) text += " of " + member.type;
  if (member.held) text += ", holds " + count_of(*member.held, "message");
  if (member.lost) text += fmt::format(", {} lost", *member.lost);
  if (member.holds_back.value_or(false)) text += ", holds a writer back";
  return text;
}

/// What a curious person should not do to it.
std::string_view what_disturbs(Kind kind) noexcept {
  switch (kind) {
    case Kind::pipe:
    case Kind::fifo:
      return "reading takes the bytes away from its readers; opening an end through /proc makes you a reader or "
             "writer, and keeps the others from seeing the end";
    case Kind::unix_socket:
      return "connecting takes a place in the backlog, and its server sees a client that says nothing";
    case Kind::posix_queue:
      return "receiving takes the message away: there is no peek";
    case Kind::sysv_queue:
      return "receiving takes the message away; MSG_COPY does not";
    case Kind::sysv_shm:
      return "attaching changes nattch, the times and the last pid; ipcrm takes the name from everybody";
    case Kind::sysv_semaphore:
      return "SETVAL cancels the pending undo of every process; ipcrm wakes all waiters with EIDRM";
    case Kind::posix_shm:
    case Kind::memfd:
      return "writing and truncating: a shrunk file ends its users with SIGBUS";
    case Kind::posix_semaphore:
      return "sem_wait(3) takes a unit; unlinking splits its users into two groups";
    case Kind::eventfd:
    case Kind::signalfd:
    case Kind::timerfd:
      return "reading takes the count away";
    case Kind::topic:
      return "coming as a reader: a reliable one holds every writer back; removing a file ends its keeper's talk "
             "unseen";
    case Kind::latest:
      return "coming as the writer once it is gone: a value of another type takes the place of this one";
    case Kind::queue:
      return "receiving: a message that is acknowledged is gone for the others";
    case Kind::lock:
      return "unlinking the file: the next one locks another file";
    default:
      return "";
  }
}

}  // namespace

std::string object_text(const inventory::Judge& judge, const Object& object, const Screen& screen) {
  const Snapshot& snapshot = judge.snapshot();
  const auto number = [](std::uint32_t value) { return std::to_string(value); };
  Sheet sheet{screen};
  sheet.add("uid", object.id.to_string());
  if (const auto space = namespace_of(object)) sheet.add("namespace", std::to_string(*space));
  sheet.add("owner", object.owner, number);
  sheet.add("group", object.group, number);
  sheet.add("mode", object.mode, [](std::uint32_t mode) { return fmt::format("{:04o}", mode); });
  sheet.add("creator", object.creator, creator_text);
  sheet.add("changed", object.changed, time_text);
  sheet.add("fill", object.fill, [&](const inventory::Fill& fill) {
    const bool blocks = fill.writer_blocks.value_or(false);
    return fill_text(object) + (blocks ? ", full: a writer has to wait" : "");
  });
  if (object.deleted) sheet.add("deleted", "it has lost its name, and goes with its last holder");
  for (const inventory::Detail& detail : object.details) sheet.add(detail.key, detail.value);
  for (const inventory::Member& member : object.members)
    sheet.add(to_string(member.role), member_text(snapshot, member),
              member.holds_back.value_or(false) ? Colour::red : Colour::none);
  add_people(sheet, snapshot, object);
  for (const inventory::ObjectId& id : object.peers) {
    const inventory::Object* peer = snapshot.object(id);
    sheet.add("peer", peer == nullptr ? id.to_string()
                                      : fmt::format("{}, held by {}", display_name(snapshot, *peer),
                                                    display_holders(snapshot, *peer, 8)));
  }
  sheet.add("cgroup", object.cgroup, [](const std::string& path) { return path; });
  const inventory::Judgement judgement = judge(object);
  sheet.add("verdict", std::string{to_string(judgement.verdict)});
  for (const std::string& reason : judgement.reasons) sheet.add("because", reason);
  for (const std::string& evidence : judgement.evidence) sheet.add("evidence", evidence);
  if (const auto disturbs = what_disturbs(object.id.kind); !disturbs.empty())
    sheet.add("disturbed by", std::string{disturbs});
  return coloured(on_one_line(display_name(snapshot, object)), Colour::bold, screen) +
         fmt::format("  ({})\n", to_string(object.id.kind)) + sheet.text();
}

}  // namespace ginnel::cli
