#include "limits_use.hpp"

#include <algorithm>
#include <set>

#include "ginnel/sys/posix_queue.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

constexpr std::size_t most_consumers = 10;
constexpr std::uint64_t page_bytes = 4096;

constexpr std::string_view by_descriptors = "counted in the processes that may be looked into";
constexpr std::string_view hidden_queues = "POSIX queues are not listed: needs CAP_SYS_ADMIN, or mqueue mounted";
constexpr std::string_view by_owner = "counted by owner; the kernel counts by who made it";

/// The kernel gives those that it starts with numbers of their own, below all others: PROC_IPC_INIT_INO and the like.
bool is_of_the_boot(std::uint64_t space) { return space >= 0xefff'fff0 && space <= 0xefff'ffff; }

/// The process holds it with a descriptor or a mapping; several of its handles count once.
std::set<std::string> processes_with(const Snapshot& snapshot, const Object& object) {
  std::set<std::string> names;
  for (const Holder& holder : object.holders)
    if (const ProcessInfo* process = snapshot.process(holder.pid)) names.insert(name_of(*process));
  return names;
}

std::optional<std::uint64_t> number_in(const Object& object, std::string_view key) {
  const Detail* detail = object.detail(key);
  return detail == nullptr ? std::nullopt : to_number<std::uint64_t>(detail->value);
}

std::uint64_t pages_of(const Object& object) {
  const std::uint64_t bytes = object.fill ? object.fill->capacity.value_or(0) : 0;
  return bytes / page_bytes + (bytes % page_bytes == 0 ? 0 : 1);
}

/// Adds up objects of a kind in the process's IPC namespace, by owner.
Use in_ipc_namespace(const Viewpoint& here, Kind kind, const std::function<std::uint64_t(const Object&)>& amount) {
  if (!here.process.ipc_namespace) return {.amount = Fact<std::uint64_t>::missing(here.process.ipc_namespace.reason())};
  const std::uint64_t space = *here.process.ipc_namespace;
  const auto& spaces = here.snapshot.coverage.namespaces;
  const auto seen = std::ranges::find_if(spaces, [&](const NamespaceInfo& candidate) {
    return candidate.kind == NamespaceKind::ipc && candidate.inode == space;
  });
  if (seen == spaces.end()) return {.amount = Fact<std::uint64_t>::missing("its IPC namespace was not visited")};
  if (!seen->visited) return {.amount = Fact<std::uint64_t>::missing(seen->reason)};
  if (kind == Kind::posix_queue && !seen->queues_listed) return {.amount = Fact<std::uint64_t>::missing(hidden_queues)};

  Tally tally;
  for (const Object& object : here.snapshot.objects)
    if (object.id.kind == kind && object.id.space == space) tally.add(name_of_user(object.owner), amount(object));
  return {.amount = tally.total(), .consumers = tally.largest_first()};
}

/// What `add` puts together of the objects that the process's user owns.
Use of_user(const Viewpoint& here, std::string_view estimate,
            const std::function<std::uint64_t(const Object&, Tally&)>& add) {
  if (!here.process.user) return {.amount = Fact<std::uint64_t>::missing(here.process.user.reason())};
  Tally tally;
  std::uint64_t total = 0;
  for (const Object& object : here.snapshot.objects)
    if (object.owner && *object.owner == *here.process.user) total += add(object, tally);
  return {.amount = total, .estimate = estimate, .consumers = tally.largest_first()};
}

/// Where the process itself may not be looked into, those of its user may not, but for one that is just giving up its rights: what is
/// counted in descriptors is then not 0 but unknown.
bool sees_some(const Viewpoint& here) { return here.process.descriptors_readable; }
Use unseen() { return {.amount = Fact<std::uint64_t>::missing("another user's processes")}; }

/// Adds an amount once for the user, and for each process that has the object.
std::uint64_t share(const Viewpoint& here, const Object& object, std::uint64_t amount, Tally& tally) {
  for (const std::string& name : processes_with(here.snapshot, object)) tally.add(name, amount);
  return amount;
}

/// Adds up a number of the descriptor counts over the processes of the user.
Use of_user_descriptors(const Viewpoint& here, std::uint64_t DescriptorCount::* number) {
  if (!here.process.user) return {.amount = Fact<std::uint64_t>::missing(here.process.user.reason())};
  if (!sees_some(here)) return unseen();
  Tally tally;
  for (const DescriptorCount& count : here.descriptors) {
    const ProcessInfo* process = here.snapshot.process(count.pid);
    if (process != nullptr && process->user == here.process.user) tally.add(name_of(*process), count.*number);
  }
  return {.amount = tally.total(), .estimate = by_descriptors, .consumers = tally.largest_first()};
}

}  // namespace

void Tally::add(std::string who, std::uint64_t amount) {
  total_ += amount;
  amounts_[std::move(who)] += amount;
}

std::vector<Consumer> Tally::largest_first() const {
  std::vector<Consumer> consumers;
  for (const auto& [who, amount] : amounts_)
    if (amount > 0) consumers.push_back({who, amount});
  std::ranges::sort(consumers, [](const Consumer& a, const Consumer& b) {
    return a.amount != b.amount ? a.amount > b.amount : a.who < b.who;
  });
  if (consumers.size() > most_consumers) consumers.resize(most_consumers);
  return consumers;
}

std::string name_of(const ProcessInfo& process) { return process.command + "(" + std::to_string(process.pid) + ")"; }

std::string name_of_user(const Fact<std::uint32_t>& user) {
  return user ? "uid " + std::to_string(*user) : "a user who is not told";
}

Use used_segments(const Viewpoint& here) {
  return in_ipc_namespace(here, Kind::sysv_shm, [](const Object&) { return 1; });
}
Use used_segment_pages(const Viewpoint& here) { return in_ipc_namespace(here, Kind::sysv_shm, pages_of); }
Use used_sysv_queues(const Viewpoint& here) {
  return in_ipc_namespace(here, Kind::sysv_queue, [](const Object&) { return 1; });
}
Use used_semaphore_sets(const Viewpoint& here) {
  return in_ipc_namespace(here, Kind::sysv_semaphore, [](const Object&) { return 1; });
}
Use used_semaphores(const Viewpoint& here) {
  return in_ipc_namespace(here, Kind::sysv_semaphore,
                          [](const Object& set) { return number_in(set, "nsems").value_or(0); });
}
Use used_posix_queues(const Viewpoint& here) {
  return in_ipc_namespace(here, Kind::posix_queue, [](const Object&) { return 1; });
}

Use used_queue_bytes(const Viewpoint& here) {
  const auto& spaces = here.snapshot.coverage.namespaces;
  if (!std::ranges::all_of(spaces, &NamespaceInfo::queues_listed))
    return {.amount = Fact<std::uint64_t>::missing(hidden_queues)};
  return of_user(here, "computed from the queues that this user owns", [](const Object& object, Tally& tally) {
    const auto message_size = number_in(object, "message-size");
    if (object.id.kind != Kind::posix_queue || !message_size || !object.fill || !object.fill->capacity)
      return std::uint64_t{0};
    const std::uint64_t bytes = counted_bytes(static_cast<long>(*object.fill->capacity), Bytes{*message_size}).count();
    tally.add(object.name, bytes);
    return bytes;
  });
}

Use used_pipe_pages(const Viewpoint& here) {
  if (!sees_some(here)) return unseen();
  return of_user(here, by_owner, [&](const Object& object, Tally& tally) {
    const bool is_pipe = object.id.kind == Kind::pipe || object.id.kind == Kind::fifo;
    return is_pipe ? share(here, object, pages_of(object), tally) : 0;
  });
}

Use used_epoll_watches(const Viewpoint& here) {
  if (!sees_some(here)) return unseen();
  return of_user(here, by_descriptors, [&](const Object& object, Tally& tally) {
    return object.id.kind == Kind::epoll ? share(here, object, number_in(object, "watches").value_or(0), tally) : 0;
  });
}

Use used_in_flight(const Viewpoint& here) {
  return of_user(here, "counted at the receivers; the kernel counts by sender", [](const Object& object, Tally& tally) {
    const std::uint64_t count = number_in(object, "in-flight").value_or(0);
    if (count > 0) tally.add(object.name.empty() ? "socket " + std::to_string(object.id.number) : object.name, count);
    return count;
  });
}

Use used_inotify_instances(const Viewpoint& here) {
  return of_user_descriptors(here, &DescriptorCount::inotify_instances);
}
Use used_inotify_watches(const Viewpoint& here) { return of_user_descriptors(here, &DescriptorCount::inotify_watches); }

Use used_user_threads(const Viewpoint& here) {
  if (!here.process.user) return {.amount = Fact<std::uint64_t>::missing(here.process.user.reason())};
  Tally tally;
  for (const ProcessInfo& process : here.snapshot.processes)
    if (process.user == here.process.user) tally.add(name_of(process), process.threads);
  return {.amount = tally.total(),
          .estimate = "threads of this user's processes that can be seen from here",
          .consumers = tally.largest_first()};
}

Use used_pending_signals(const Viewpoint& here) {
  return of_user(here, {}, [&](const Object& object, Tally& tally) {
    const bool counts = object.id.kind == Kind::signal && object.fill;
    return counts ? share(here, object, object.fill->used.value_or(0), tally) : 0;
  });
}

Use used_namespaces(const Viewpoint& here, Fact<std::uint64_t> ProcessInfo::* kind) {
  if (!here.process.user) return {.amount = Fact<std::uint64_t>::missing(here.process.user.reason())};
  if (!sees_some(here)) return unseen();
  const ProcessInfo* first = here.snapshot.process(1);
  std::set<std::uint64_t> seen;
  if (first != nullptr && first->*kind) seen.insert(*(first->*kind));
  Tally tally;
  for (const ProcessInfo& process : here.snapshot.processes) {
    const Fact<std::uint64_t>& space = process.*kind;
    if (process.user != here.process.user || !space || is_of_the_boot(*space)) continue;
    if (seen.insert(*space).second) tally.add(name_of(process), 1);
  }
  return {.amount = tally.total(),
          .estimate = "namespaces that this user's processes are in; the kernel counts by who made them",
          .consumers = tally.largest_first()};
}

Use used_threads(const Viewpoint& here) {
  Tally tally;
  for (const ProcessInfo& process : here.snapshot.processes) tally.add(name_of(process), process.threads);
  return {
      .amount = tally.total(), .estimate = "threads that can be seen from here", .consumers = tally.largest_first()};
}

Use used_open_files(const Viewpoint& here) {
  Tally tally;
  for (const DescriptorCount& count : here.descriptors)
    if (const ProcessInfo* process = here.snapshot.process(count.pid)) tally.add(name_of(*process), count.open);
  return {.amount = tally.total(), .estimate = by_descriptors, .consumers = tally.largest_first()};
}

std::vector<Consumer> threads_below(const Snapshot& snapshot, std::string_view cgroup) {
  Tally tally;
  const std::string below = std::string{cgroup == "/" ? "" : cgroup} + "/";
  for (const ProcessInfo& process : snapshot.processes)
    if (process.cgroup && (*process.cgroup == cgroup || process.cgroup->starts_with(below)))
      tally.add(name_of(process), process.threads);
  return tally.largest_first();
}

std::vector<Consumer> files_on(const Snapshot& snapshot, std::uint64_t device) {
  Tally tally;
  for (const Object& object : snapshot.objects)
    if (object.id.device == device && object.id.kind == Kind::posix_shm && object.fill)
      tally.add(object.name + (object.deleted ? " (deleted)" : ""), object.fill->used.value_or(0));
  return tally.largest_first();
}

}  // namespace ginnel::inventory
