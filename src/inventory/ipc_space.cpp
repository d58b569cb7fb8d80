#include "ipc_space.hpp"

#include <array>
#include <cerrno>

#include "ginnel/sys/inside.hpp"
#include "ginnel/sys/sysv_queue.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

constexpr const char* tables_path = "/proc/sysvipc";
constexpr std::size_t semaphores_looked_at = 64;  // of one set: each takes four system calls

/// `sem ID VALUE LAST-PID WAITING-FOR-MORE WAITING-FOR-ZERO` for each semaphore, in their order.
void write_semaphores(const SysvRow& row, std::string& text) {
  const auto id = row.number("semid");
  const auto count = row.number("nsems");
  if (!id || !count) return;
  const auto set = SysvSemaphoreSet::open(SysvName{.key = {}, .id = static_cast<int>(*id)});
  if (!set) return;
  for (std::size_t i = 0; i < std::min<std::size_t>(*count, semaphores_looked_at); ++i) {
    const auto status = set->status(static_cast<unsigned short>(i));
    if (!status) return;
    text += "sem";
    for (const std::uint64_t number :
         {*id, std::uint64_t{status->value}, static_cast<std::uint64_t>(status->last_pid),
          std::uint64_t{status->waiting_for_increase}, std::uint64_t{status->waiting_for_zero}})
      text.append(" ").append(std::to_string(number));
    text += '\n';
  }
}

/// `msg ID CAPACITY`
void write_capacity(const SysvRow& row, std::string& text) {
  const auto id = row.number("msqid");
  if (!id) return;
  const auto queue = SysvQueue::open(SysvName{.key = {}, .id = static_cast<int>(*id)});
  if (!queue) return;
  const auto statistics = queue->statistics();
  if (statistics) text += "msg " + std::to_string(*id) + " " + std::to_string(statistics->capacity.count()) + "\n";
}

/// What only a member of the namespace can ask for; the rest goes through descriptors, which see the namespace from outside too.
Result<Carried> ask_inside() {
  auto tables = Directory::open(tables_path);
  if (!tables) return std::unexpected{tables.error()};
  Carried carried;
  std::string table;
  if (tables->read_file("sem", table))
    for_each_row(table, [&](const SysvRow& row) { write_semaphores(row, carried.bytes); });
  if (tables->read_file("msg", table))
    for_each_row(table, [&](const SysvRow& row) { write_capacity(row, carried.bytes); });

  for (const char* name : {"shm", "msg", "sem"}) {
    auto file = tables->open_file(name);
    if (!file) return std::unexpected{file.error()};
    carried.descriptors.push_back(std::move(*file));
  }
  auto queues = posix_queue_directory();
  if (queues) carried.descriptors.push_back(std::move(*queues).release());
  // Who may not list them is told so; a want of descriptors or memory says nothing of the queues.
  const int refusal = queues ? 0 : queues.error().code();
  if (refusal == EMFILE || refusal == ENFILE || refusal == ENOMEM) return std::unexpected{queues.error()};
  return carried;
}

void read_answers(std::string_view text, IpcSpace& space) {
  while (!text.empty()) {
    std::string_view line = take_line(text);
    const std::string_view kind = take_word(line);
    const auto id = take_number<int>(line);
    const auto first = take_number<std::uint64_t>(line);
    if (!id || !first) continue;
    if (kind == "msg") space.queue_capacities.emplace(*id, *first);
    if (kind == "sem")
      space.semaphores[*id].push_back({.value = static_cast<unsigned short>(*first),
                                       .last_pid = take_number<pid_t>(line).value_or(0),
                                       .waiting_for_increase = take_number<unsigned>(line).value_or(0),
                                       .waiting_for_zero = take_number<unsigned>(line).value_or(0)});
  }
}

/// A queue's file is not read, though it tells of a pending notification: reading sets its times anew. Who waits for a
/// notification has the queue open in any case.
void list_queues(Directory& folder, IpcSpace& space) {
  const auto status = file_status(folder.descriptor());
  if (!status) return;
  space.queue_device = status->device;
  static_cast<void>(folder.for_each([&](const char* name, FileType) {
    auto file = folder.status(name, Follow::no);
    if (!file) return true;  // unlinked meanwhile
    QueueFile queue{.name = name, .status = *file, .fill = {}};
    if (auto fill = posix_queue_fill(folder, name)) queue.fill = *fill;
    space.queues.push_back(std::move(queue));
    return true;
  }));
}

}  // namespace

Result<IpcSpace> look_into_ipc_space(std::span<const int> namespaces) {
  auto carried = namespaces.empty() ? ask_inside() : run_inside(namespaces, ask_inside);
  if (!carried) return std::unexpected{carried.error()};
  IpcSpace space;
  const std::array tables{&space.shm, &space.msg, &space.sem};
  if (carried->descriptors.size() < tables.size()) return std::unexpected{Error{EBADMSG, "recvmsg", "helper process"}};
  for (std::size_t i = 0; i < tables.size(); ++i)
    if (auto read = read_text(carried->descriptors[i].get(), *tables[i]); !read) return std::unexpected{read.error()};
  read_answers(carried->bytes, space);
  if (carried->descriptors.size() > tables.size()) {
    auto queues = Directory::adopt(std::move(carried->descriptors.back()));
    if (queues) list_queues(*queues, space);
  }
  return space;
}

}  // namespace ginnel::inventory
