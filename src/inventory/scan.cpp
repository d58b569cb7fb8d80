#include <algorithm>
#include <cerrno>
#include <set>

#include "census.hpp"
#include "ginnel/inventory/snapshot.hpp"
#include "hidden_processes.hpp"
#include "landmarks.hpp"
#include "scene.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

constexpr std::uint64_t first_pid_namespace = 0xefff'fffc;  // PROC_PID_INIT_INO: the same on every machine

Result<void> take_times(Snapshot& snapshot) {
  const auto proc = Directory::open("/proc");
  if (!proc) return std::unexpected{proc.error()};
  snapshot.taken_at = std::chrono::system_clock::now();
  const auto self = ProcessIdentity::self();
  if (!self) return std::unexpected{self.error()};
  snapshot.boot_id = self->boot_id;

  std::string text;
  if (auto read = proc->read_file("stat", text); !read) return read;
  for (std::string_view lines = text; !lines.empty();) {
    std::string_view line = take_line(lines);
    if (take_word(line) != "btime") continue;
    if (const auto seconds = take_number<std::int64_t>(line)) snapshot.booted_at = Time{std::chrono::seconds{*seconds}};
  }
  return {};
}

bool processes_are_hidden() {
  const auto self = Directory::open("/proc/self");
  std::string mounts;
  std::string status;
  return self && self->read_file("mountinfo", mounts) && self->read_file("status", status) &&
         hides_processes(mounts, status);
}

/// Where the caller is itself in a container's pid namespace, whoever is outside cannot be seen.
void add_pids_outside(std::vector<NamespaceInfo>& namespaces) {
  for (const NamespaceInfo& space : namespaces)
    if (space.kind == NamespaceKind::pid && space.own && space.inode == first_pid_namespace) return;
  namespaces.push_back({.kind = NamespaceKind::pid,
                        .inode = first_pid_namespace,
                        .member = 0,
                        .own = false,
                        .visited = false,
                        .reason = "processes outside of this pid namespace cannot be seen"});
}

/// The one that all holders are in.
Fact<std::string> common_cgroup(const Snapshot& snapshot, const Object& object) {
  if (object.holders.empty()) return Fact<std::string>::missing("nobody is seen to hold it");
  const std::string* common = nullptr;
  for (const Holder& holder : object.holders) {
    const ProcessInfo* process = snapshot.process(holder.pid);
    if (process == nullptr || !process->cgroup)
      return Fact<std::string>::missing("the cgroup of a holder may not be read");
    if (common != nullptr && *common != *process->cgroup)
      return Fact<std::string>::missing("its holders are in several");
    common = &*process->cgroup;
  }
  return *common;
}

void finish(Scene& scene) {
  Snapshot& snapshot = scene.snapshot;
  std::vector<Object> objects = std::move(scene.objects).take();
  std::erase_if(objects, [&](const Object& object) { return !scene.wants(object.id.kind); });
  for (Object& object : objects) {
    object.cgroup = common_cgroup(snapshot, object);
    if (object.cgroup)
      if (const std::string container = container_of(*object.cgroup); !container.empty())
        object.details.push_back({"container", container});
  }
  std::ranges::sort(objects, {}, &Object::id);
  snapshot.objects = std::move(objects);
  const auto has_hidden_queues = [](const auto& space) { return !space.second.queue_device; };
  snapshot.coverage.sources = {{"/proc", "processes, descriptors, mappings, waits, locks, signals"},
                               {"/proc/sysvipc", "sysv-shm sysv-msg sysv-sem"}};
  if (!std::ranges::all_of(scene.spaces.ipc(), has_hidden_queues))
    snapshot.coverage.sources.push_back({"mqueue file system", "posix-mq"});
  snapshot.coverage.sources.push_back({"sock_diag", "unix"});
  snapshot.coverage.sources.push_back({"their own files", "topic latest queue"});
  if (scene.census.pipes_by_program)
    snapshot.coverage.sources.push_back(
        {"BPF iterator", "what pipes and FIFOs hold, and how many read and write them"});
  else
    snapshot.coverage.sources.push_back({"pidfd_getfd", "what pipes and FIFOs hold"});
  for (const std::string& note : scene.spaces.homes().notes()) snapshot.coverage.notes.push_back(note);
  if (std::ranges::any_of(scene.spaces.ipc(), has_hidden_queues))
    snapshot.coverage.notes.emplace_back(
        "the POSIX queues of an IPC namespace are not listed: that needs CAP_SYS_ADMIN, or mqueue mounted at "
        "/dev/mqueue");
  const auto has_hidden_waits = [](const ProcessInfo& process) {
    return process.descriptors_readable && process.mappings_readable && !process.waits_readable;
  };
  const auto hidden_waits = std::ranges::count_if(snapshot.processes, has_hidden_waits);
  if (scene.options.waits && hidden_waits > 0)
    snapshot.coverage.notes.push_back("what " + counted(static_cast<std::uint64_t>(hidden_waits), "processes") +
                                      (hidden_waits == 1 ? " waits" : " wait") +
                                      " for may not be asked: see kernel.yama.ptrace_scope");
  if (scene.spaces.files().truncated)
    snapshot.coverage.notes.emplace_back(
        "/run and /tmp hold more files than a scan looks at: some sockets and FIFOs are not listed");
}

}  // namespace

Result<Snapshot> scan(const ScanOptions& options) {
  Snapshot snapshot;
  if (auto timed = take_times(snapshot); !timed) return std::unexpected{timed.error()};
  const auto landmarks = find_landmarks();
  if (!landmarks) return std::unexpected{landmarks.error()};
  Spaces spaces{options};
  auto census = take_census(options, *landmarks, spaces);
  if (!census) return std::unexpected{census.error()};

  snapshot.processes = std::move(census->processes);
  snapshot.coverage.processes = snapshot.processes.size();
  snapshot.coverage.unreadable = census->unreadable;
  snapshot.coverage.processes_hidden = processes_are_hidden();
  snapshot.coverage.namespaces = spaces.seen();
  add_pids_outside(snapshot.coverage.namespaces);

  Scene scene{.options = options, .landmarks = *landmarks, .spaces = spaces, .census = *census, .snapshot = snapshot};
  scene.object_of.resize(census->files.size());
  scene.objects.reserve(census->files.size());  // about as many as there can be
  collect_messaging(scene);
  collect_pipes(scene);
  collect_memory(scene);
  collect_channels(scene);
  collect_sysv(scene);
  collect_queues(scene);
  collect_sockets(scene);
  collect_events(scene);
  collect_rings(scene);
  collect_locks(scene);
  collect_waits(scene);
  collect_signals(scene);
  finish(scene);
  return snapshot;
}

}  // namespace ginnel::inventory
