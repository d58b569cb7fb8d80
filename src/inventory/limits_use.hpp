#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ginnel/inventory/limits.hpp"

// How much of each limit is used, and by whom, counted in a snapshot. Pure.

namespace ginnel::inventory {

/// What a look at the descriptors of one process counted.
struct DescriptorCount {
  pid_t pid = 0;
  std::uint64_t open = 0;
  std::uint64_t inotify_instances = 0;
  std::uint64_t inotify_watches = 0;
};

/// The process whose limits are told, and what is known around it.
struct Viewpoint {
  const Snapshot& snapshot;
  const ProcessInfo& process;
  const std::vector<DescriptorCount>& descriptors;
};

struct Use {
  Fact<std::uint64_t> amount;
  std::string_view estimate{};  ///< as in Limit
  std::vector<Consumer> consumers{};
};

/// Adds up amounts by who they belong to.
class Tally {
 public:
  void add(std::string who, std::uint64_t amount);
  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  /// At most 10, without those that use nothing.
  [[nodiscard]] std::vector<Consumer> largest_first() const;

 private:
  std::uint64_t total_ = 0;
  std::map<std::string, std::uint64_t> amounts_;
};

[[nodiscard]] std::string name_of(const ProcessInfo& process);            ///< `postgres(812)`
[[nodiscard]] std::string name_of_user(const Fact<std::uint32_t>& user);  ///< `uid 1000`

// Of the process's IPC namespace, by owner.
[[nodiscard]] Use used_segments(const Viewpoint& here);
[[nodiscard]] Use used_segment_pages(const Viewpoint& here);
[[nodiscard]] Use used_sysv_queues(const Viewpoint& here);
[[nodiscard]] Use used_semaphore_sets(const Viewpoint& here);
[[nodiscard]] Use used_semaphores(const Viewpoint& here);
[[nodiscard]] Use used_posix_queues(const Viewpoint& here);

// Of the process's user.
[[nodiscard]] Use used_queue_bytes(const Viewpoint& here);    ///< by queue
[[nodiscard]] Use used_pipe_pages(const Viewpoint& here);     ///< by process
[[nodiscard]] Use used_epoll_watches(const Viewpoint& here);  ///< by process
[[nodiscard]] Use used_in_flight(const Viewpoint& here);      ///< by socket
[[nodiscard]] Use used_inotify_instances(const Viewpoint& here);
[[nodiscard]] Use used_inotify_watches(const Viewpoint& here);
[[nodiscard]] Use used_user_threads(const Viewpoint& here);
[[nodiscard]] Use used_pending_signals(const Viewpoint& here);  ///< who has some; the amount is in /proc/PID/status
/// Namespaces of a kind that this user's processes are in, but for those of the first process and of
/// the boot, which nobody made here.
[[nodiscard]] Use used_namespaces(const Viewpoint& here, Fact<std::uint64_t> ProcessInfo::* kind);

// Of the machine.
[[nodiscard]] Use used_threads(const Viewpoint& here);
[[nodiscard]] Use used_open_files(const Viewpoint& here);  ///< who has descriptors; the amount is in fs/file-nr

// Of a cgroup and of a file system.
[[nodiscard]] std::vector<Consumer> threads_below(const Snapshot& snapshot, std::string_view cgroup);
[[nodiscard]] std::vector<Consumer> files_on(const Snapshot& snapshot, std::uint64_t device);

}  // namespace ginnel::inventory
