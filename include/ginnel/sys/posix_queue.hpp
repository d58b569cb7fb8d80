#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "ginnel/core/bytes.hpp"
#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"
#include "ginnel/sys/io.hpp"

namespace ginnel {

struct PosixQueueOptions {
  long messages = 10;          ///< most messages queued; at most /proc/sys/fs/mqueue/msg_max without CAP_SYS_RESOURCE
  Bytes message_size{8192};    ///< of the longest message; at most /proc/sys/fs/mqueue/msgsize_max
  mode_t mode = 0600;          ///< exactly, whatever the umask
  bool exclusive = true;       ///< false: an existing queue is opened, if its attributes are these
};

struct PosixQueueAttributes {
  long messages_max = 0;
  Bytes message_size;
  long messages_queued = 0;
};

struct ReceivedFromQueue {
  std::size_t bytes = 0;
  unsigned priority = 0;
};

/// A POSIX message queue: messages by priority, highest first, in order within one priority; lives until unlinked or the
/// IPC namespace ends. Handles are close-on-exec and non-blocking inside; every wait is by poll(2) on the monotonic clock.
/// Threads may share a handle. Source: mq_overview(7).
class [[nodiscard]] PosixQueue {
 public:
  enum class Access { receive, send, both };
  static constexpr unsigned priority_max = 32767;  ///< sysconf(_SC_MQ_PRIO_MAX) - 1 on Linux

  /// Errors, each with the limit that was met: EMFILE (RLIMIT_MSGQUEUE, which counts this queue's whole size, or
  /// descriptors), EINVAL (over msg_max or msgsize_max), ENOSPC (queues_max), EEXIST, EACCES, ENAMETOOLONG.
  /// Source: mq_open(3).
  [[nodiscard]] static Result<PosixQueue> create(const std::string& name, PosixQueueOptions options = {});
  /// Errors: ENOENT, EACCES, EMFILE, ENFILE.
  [[nodiscard]] static Result<PosixQueue> open(const std::string& name, Access access = Access::both);
  /// Removes the name; those who have the queue open keep it, and a queue created anew under the name is another one.
  /// Errors: ENOENT, EACCES. Source: mq_unlink(3).
  [[nodiscard]] static Result<void> unlink(const std::string& name);

  /// Errors: EMSGSIZE (tells both sizes), EINVAL (priority), EBADF (opened for receiving).
  [[nodiscard]] Result<Outcome<Done, TimedOut>> send(std::span<const std::byte> message, unsigned priority = 0,
                                                     Deadline deadline = Deadline::never());
  /// The buffer must hold the queue's message_size. Errors: EMSGSIZE (it does not; nothing is taken), EBADF.
  [[nodiscard]] Result<Outcome<ReceivedFromQueue, TimedOut>> receive(std::span<std::byte> buffer,
                                                                     Deadline deadline = Deadline::never());
  /// Looks without taking anything. Source: mq_getattr(3).
  [[nodiscard]] Result<PosixQueueAttributes> attributes() const;
  [[nodiscard]] int pollable() const noexcept { return queue_.get(); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  PosixQueue(UniqueFd queue, std::string name) noexcept : queue_{std::move(queue)}, name_{std::move(name)} {}
  UniqueFd queue_;
  std::string name_;
};

}  // namespace ginnel
