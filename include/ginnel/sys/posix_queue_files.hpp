#pragma once

#include <cstdint>

#include "ginnel/core/result.hpp"
#include "ginnel/sys/directory.hpp"

namespace ginnel {

/// The directory of all POSIX queues of this IPC namespace, whether the file system is mounted anywhere or not. It goes on
/// showing that namespace wherever it is passed. Without CAP_SYS_ADMIN what is mounted at /dev/mqueue is taken.
/// Errors: ENOENT (nothing is mounted there), ENODEV (no CONFIG_POSIX_MQUEUE), EMFILE, ENFILE, ENOMEM. Source: mq_overview(7), fsopen(2).
[[nodiscard]] Result<Directory> posix_queue_directory();

struct PosixQueueFill {
  std::int64_t messages_max = 0;
  std::int64_t message_size = 0;     ///< bytes of the longest message
  std::int64_t messages_queued = 0;  ///< without those of senders that wait for room
};
/// Of one name of that directory; takes nothing out. Errors: EACCES (no right to read), ENOENT. Source: mq_getattr(3).
[[nodiscard]] Result<PosixQueueFill> posix_queue_fill(const Directory& queues, const char* name);

}  // namespace ginnel
