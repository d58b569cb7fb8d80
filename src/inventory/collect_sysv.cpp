#include <algorithm>
#include <map>

#include "scene.hpp"
#include "segments.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

constexpr std::uint32_t permission_bits = 0777;
constexpr std::uint32_t removal_pending_bit = 01000;  // SHM_DEST, told among the permissions

/// One table of one IPC namespace.
struct Table {
  Kind kind;
  std::string_view scheme;
  std::string_view id_title;
  const std::string& text;
};

std::string name_of(const Table& table, std::int32_t key, std::uint64_t id) {
  std::string name{table.scheme};
  if (key == 0) return name + ":id=" + std::to_string(id);
  return name + ":0x" + to_hexadecimal(static_cast<std::uint32_t>(key));
}

void add_details(Object& object, const SysvRow& row, std::initializer_list<std::string_view> titles) {
  object.details.push_back({"key", "0x" + to_hexadecimal(static_cast<std::uint32_t>(row.key().value_or(0)))});
  for (const std::string_view title : titles)
    if (const auto number = row.number(title)) object.details.push_back({title, std::to_string(*number)});
}

Object& add(Scene& scene, std::uint64_t space, const Table& table, const SysvRow& row, std::uint64_t id) {
  const std::uint64_t changed = row.number("ctime").value_or(0);
  Object& object =
      scene.objects.at({.kind = table.kind, .space = space, .device = 0, .number = id, .generation = changed});
  const std::uint32_t mode = row.octal("perms").value_or(0);
  object.name = name_of(table, row.key().value_or(0), id);
  object.owner = static_cast<std::uint32_t>(row.number("uid").value_or(0));
  object.group = static_cast<std::uint32_t>(row.number("gid").value_or(0));
  object.mode = mode & permission_bits;
  object.changed = Time{std::chrono::seconds{changed}};
  object.deleted = (mode & removal_pending_bit) != 0;
  return object;
}

/// The last processes that used it: `alive PID COMMAND` if any is, else `unknown` if one may not be seen, else `reused PID`,
/// else `dead`.
void add_last_user(const Scene& scene, Object& object, std::initializer_list<std::optional<std::uint64_t>> pids,
                   Time used) {
  std::string text = "none";
  for (const auto& pid : pids) {
    if (!pid || *pid == 0) continue;
    const auto user = creator_of(scene.snapshot, static_cast<pid_t>(*pid), used);
    if (!user) {
      text = "unknown";
      continue;
    }
    if (user->life == Life::alive) {
      text = "alive " + std::to_string(*pid) + " " + user->command;
      break;
    }
    if (text != "unknown" && (user->life == Life::reused || text == "none"))
      text = user->life == Life::reused ? "reused " + std::to_string(*pid) : "dead";
  }
  object.details.push_back({"last-user", text});
}

Time time_of(const SysvRow& row, std::initializer_list<std::string_view> titles) {
  std::uint64_t latest = 0;
  for (const std::string_view title : titles) latest = std::max(latest, row.number(title).value_or(0));
  return Time{std::chrono::seconds{latest}};
}

void add_segment(Scene& scene, std::uint64_t space, const Table& table, const SysvRow& row, std::uint64_t id) {
  Object& object = add(scene, space, table, row, id);
  object.creator = creator_of(scene.snapshot, static_cast<pid_t>(row.number("cpid").value_or(0)), *object.changed);
  const std::uint64_t size = row.number("size").value_or(0);
  const auto resident = row.number("rss");
  const auto swapped = row.number("swap");
  object.fill = Fill{.used = resident ? Fact<std::uint64_t>{*resident + swapped.value_or(0)}
                                      : Fact<std::uint64_t>::missing("not told by this kernel"),
                     .capacity = size,
                     .unit = Unit::bytes,
                     .writer_blocks = false};
  add_details(object, row, {"nattch", "cpid", "lpid", "atime", "dtime"});
  add_last_user(scene, object, {row.number("lpid"), row.number("cpid")}, time_of(row, {"atime", "dtime", "ctime"}));
}

void add_queue(Scene& scene, std::uint64_t space, const Table& table, const SysvRow& row, std::uint64_t id) {
  Object& object = add(scene, space, table, row, id);
  object.creator = Fact<Creator>::missing("the kernel keeps no creator of a queue");
  const auto& capacities = scene.spaces.ipc().at(space).queue_capacities;
  const auto capacity = capacities.find(static_cast<int>(id));
  const std::uint64_t used = row.number("cbytes").value_or(0);
  Fill fill{.used = used,
            .capacity = Fact<std::uint64_t>::missing("may not be read"),
            .unit = Unit::bytes,
            .writer_blocks = Fact<bool>::missing("may not be read")};
  if (capacity != capacities.end()) {
    fill.capacity = capacity->second;
    fill.writer_blocks = used >= capacity->second;
  }
  object.fill = fill;
  add_details(object, row, {"qnum", "lspid", "lrpid", "stime", "rtime"});
  add_last_user(scene, object, {row.number("lspid"), row.number("lrpid")}, time_of(row, {"stime", "rtime", "ctime"}));
}

void add_semaphores(Scene& scene, std::uint64_t space, const Table& table, const SysvRow& row, std::uint64_t id) {
  Object& object = add(scene, space, table, row, id);
  object.creator = Fact<Creator>::missing("the kernel keeps no creator of a semaphore set");
  add_details(object, row, {"nsems", "otime"});
  const auto& sets = scene.spaces.ipc().at(space).semaphores;
  const auto set = sets.find(static_cast<int>(id));
  if (set == sets.end()) {
    object.fill = Fact<Fill>::missing("may not be read");
    object.details.push_back({"last-user", "unknown"});
    return;
  }
  std::string values;
  std::uint64_t sum = 0;
  std::uint64_t waiting = 0;
  std::optional<std::uint64_t> last;
  for (const SysvSemaphoreStatus& semaphore : set->second) {
    values += (values.empty() ? "" : " ") + std::to_string(semaphore.value);
    sum += semaphore.value;
    waiting += semaphore.waiting_for_increase + semaphore.waiting_for_zero;
    if (semaphore.last_pid != 0) last = static_cast<std::uint64_t>(semaphore.last_pid);
  }
  object.fill = Fill{.used = sum,
                     .capacity = Fact<std::uint64_t>::missing("a semaphore has none"),
                     .unit = Unit::count,
                     .writer_blocks = false};
  object.details.push_back({"values", values});
  object.details.push_back({"waiting", std::to_string(waiting)});
  add_last_user(scene, object, {last}, time_of(row, {"otime", "ctime"}));
}

}  // namespace

void collect_sysv(Scene& scene) {
  for (const auto& [inode, tables] : scene.spaces.ipc()) {
    const Table segments{Kind::sysv_shm, "sysv-shm", "shmid", tables.shm};
    const Table queues{Kind::sysv_queue, "sysv-msg", "msqid", tables.msg};
    const Table semaphores{Kind::sysv_semaphore, "sysv-sem", "semid", tables.sem};
    for (const Table* table : {&segments, &queues, &semaphores}) {
      if (!scene.wants(table->kind)) continue;
      for_each_row(table->text, [&, space = inode](const SysvRow& row) {
        const auto id = row.number(table->id_title);
        if (!id) return;
        if (table == &segments) add_segment(scene, space, *table, row, *id);
        if (table == &queues) add_queue(scene, space, *table, row, *id);
        if (table == &semaphores) add_semaphores(scene, space, *table, row, *id);
      });
    }
  }
  if (scene.wants(Kind::sysv_shm)) attach_segments(scene);
}

}  // namespace ginnel::inventory
