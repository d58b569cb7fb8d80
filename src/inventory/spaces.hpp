#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "ginnel/inventory/snapshot.hpp"
#include "ginnel/sys/directory.hpp"
#include "ginnel/sys/posix_queue_files.hpp"
#include "ginnel/sys/sysv_semaphore.hpp"
#include "ginnel/sys/unix_diag.hpp"
#include "messaging_homes.hpp"
#include "proc_text.hpp"

// What can be seen only from inside a namespace, or through the root of a process that is in it.

namespace ginnel::inventory {

struct QueueFile {
  std::string name;
  FileStatus status;
  std::optional<PosixQueueFill> fill;
};

/// An IPC namespace: the tables of System V as the kernel prints them, and the POSIX queues.
struct IpcSpace {
  std::string shm, msg, sem;
  std::map<int, std::vector<SysvSemaphoreStatus>> semaphores;  ///< by set; those that may be read
  std::map<int, std::uint64_t> queue_capacities;               ///< bytes, by System V queue; those that may be read
  std::vector<QueueFile> queues;
  std::optional<std::uint64_t> queue_device;  ///< none when the queues could not be listed
};

struct NamedFile {
  std::string path;  ///< as a process of that mount namespace names it
  FileStatus status;
  std::optional<std::pair<std::uint32_t, std::uint32_t>> semaphore;  ///< value and waiters, of a named semaphore
  bool kernel_numbers = true;  ///< it shows the device and inode that the kernel keeps: see shows_kernel_numbers()
};

/// Through whom a /dev/shm can be looked at: `/proc/MEMBER/root/dev/shm`.
struct MountPlace {
  std::uint64_t inode = 0;  ///< of the mount namespace
  pid_t member = 0;
  bool own = false;
};

/// What the mount namespaces show at the places where IPC keeps names: /dev/shm, and sockets and FIFOs below /run and /tmp.
struct NamedFiles {
  std::map<std::uint64_t, MountPlace>
      shm_devices;               ///< of what several show, the caller's own or the first that was seen
  std::vector<NamedFile> shm;    ///< regular files of the shm devices, each once
  std::vector<NamedFile> paths;  ///< sockets and FIFOs, each once
  bool truncated = false;        ///< there were more than a scan looks at
};

/// Visits each namespace once, by the first process that is found in it; a mount namespace by each root that its processes
/// have, until one has the root of the namespace itself: who was chrooted has another /dev/shm, or none.
class Spaces {
 public:
  explicit Spaces(const ScanOptions& options);

  /// `process` is its directory in /proc.
  void visit_those_of(const ProcessInfo& process, const Directory& folder);
  /// Looks into the folder of a file that a process has open, if it is one of ginnel's own messaging.
  void visit_folder_of(std::string_view file, const Directory& process);

  /// Visits the network namespace that a descriptor is of, if it was not visited yet. `holder` has a socket of it.
  void visit_network_by(int way, pid_t holder);
  /// Notes that there may be a network namespace which could not be asked.
  void miss_network_of(pid_t holder);

  [[nodiscard]] const std::map<std::uint64_t, IpcSpace>& ipc() const noexcept { return ipc_; }
  [[nodiscard]] const std::map<std::uint64_t, std::vector<UnixSocketInfo>>& network() const noexcept {
    return network_;
  }
  [[nodiscard]] const NamedFiles& files() const noexcept { return files_; }
  [[nodiscard]] const MessagingHomes& homes() const noexcept { return homes_; }
  [[nodiscard]] const std::vector<NamespaceInfo>& seen() const noexcept { return seen_; }
  /// Whether a device is of /dev/shm or of the POSIX queues of some namespace.
  [[nodiscard]] bool keeps_ipc_files(std::uint64_t device) const noexcept { return ipc_devices_.contains(device); }
  /// Whether descriptors may be on their way to this socket: something waits to be received there.
  [[nodiscard]] bool has_mail(std::uint64_t socket_inode) const noexcept {
    return sockets_with_mail_.contains(socket_inode);
  }

 private:
  [[nodiscard]] bool wanted(const NamespaceInfo& space) const noexcept;
  [[nodiscard]] bool wants_homes() const;
  void visit(NamespaceInfo space, const Directory& folder);
  [[nodiscard]] std::optional<Error> visit_ipc(const NamespaceInfo& space);
  [[nodiscard]] std::optional<Error> visit_network(const NamespaceInfo& space);
  void keep_network(std::uint64_t inode, std::vector<UnixSocketInfo> sockets);
  void note(const NamespaceInfo& space);
  [[nodiscard]] std::optional<Error> visit_mounts(const MountPlace& place, const Directory& folder);
  [[nodiscard]] bool is_another_root(std::uint64_t mounts, const Directory& process);
  void add_shm(const MountPlace& place, const Directory& root);
  void add_paths(const Directory& folder, const std::string& path, std::uint64_t device, int depth);

  const ScanOptions& options_;
  std::map<std::uint64_t, IpcSpace> ipc_;
  std::map<std::uint64_t, std::vector<UnixSocketInfo>> network_;
  NamedFiles files_;
  MessagingHomes homes_;
  std::set<std::uint64_t> ipc_devices_;
  std::unordered_set<std::uint64_t> sockets_with_mail_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> folders_seen_;  ///< device and inode
  std::size_t entries_seen_ = 0;
  std::map<std::pair<NamespaceKind, std::uint64_t>, std::size_t> known_;  ///< place in seen_
  std::map<NamespaceKind, std::uint64_t> own_;
  std::vector<NamespaceInfo> seen_;
  std::map<std::uint64_t, std::set<std::string>> roots_;  ///< of mount namespaces: those by which they were visited
};

}  // namespace ginnel::inventory
