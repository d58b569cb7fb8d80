#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ginnel/core/process_id.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"

namespace ginnel {

// Looking at what other processes have open. By ptrace(2)'s rule: the same user and dumpable, or CAP_SYS_PTRACE; Yama's
// ptrace_scope 1 leaves descendants only.

/// A second descriptor of the same open file description, close-on-exec. While it lives the file stays open: a pipe's reader
/// or writer that goes meanwhile is noticed by the other side only after this one is closed, so keep it for a look and no longer.
/// Unlike opening /proc/PID/fd/N it makes nobody a reader or writer who was none.
/// Errors: EPERM (may not be looked into), EBADF (no such descriptor), ESRCH (ended), EMFILE. Source: pidfd_getfd(2).
[[nodiscard]] Result<UniqueFd> copy_descriptor(const Process& process, int fd);
/// The same of a thread with a table of descriptors of its own. A tid may be reused: compare what came with what was meant.
/// Errors: EINVAL (before Linux 6.9 only a leading thread may be asked), ESRCH (no such thread), as copy_descriptor.
/// Source: pidfd_open(2), PIDFD_THREAD.
[[nodiscard]] Result<UniqueFd> copy_descriptor_of_thread(pid_t tid, int fd);

struct PipeStatus {
  std::uint64_t waiting = 0;   ///< bytes to be read
  std::uint64_t capacity = 0;  ///< bytes
  /// Of a descriptor for writing: a write of one byte would have to wait. Not the same as waiting == capacity: a pipe has slots,
  /// and 16 packets of one byte fill one of 64 KiB.
  std::optional<bool> full;
};
/// Reads nothing from it. Errors: EBADF (no pipe or FIFO). Source: pipe(7), FIONREAD, F_GETPIPE_SZ.
[[nodiscard]] Result<PipeStatus> pipe_status(int fd);

/// The seals of a memfd, as words: `seal shrink grow write future-write exec`. Errors: EINVAL (cannot be sealed).
/// Source: fcntl(2), F_GET_SEALS.
[[nodiscard]] Result<std::vector<std::string>> memfd_seals(int fd);

/// Which of two descriptors' open file descriptions comes first, in an order of the kernel's own that holds while both are open;
/// equal: one and the same. Errors: EPERM, ESRCH, EBADF, ENOSYS (no CONFIG_KCMP). Source: kcmp(2).
struct DescriptorOf {
  pid_t pid = 0;
  int fd = -1;
};
[[nodiscard]] Result<std::strong_ordering> compare_descriptions(DescriptorOf a, DescriptorOf b);

/// Whether the file that an epoll set watches under this number is the one of that descriptor: the number may belong to another
/// file by now. Errors: ENOENT (it watches nothing under it), EPERM, ESRCH, EBADF, ENOSYS, EINVAL (no epoll set). Source: kcmp(2).
[[nodiscard]] Result<bool> is_watched_as(DescriptorOf epoll_set, int number, DescriptorOf file);

/// Whether a thread shares its leader's table of descriptors, as all do but those that called unshare(CLONE_FILES).
/// Errors: EPERM, ESRCH, ENOSYS. Source: kcmp(2).
[[nodiscard]] Result<bool> shares_descriptors(pid_t leader, pid_t thread);

}  // namespace ginnel
