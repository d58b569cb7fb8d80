#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "ginnel/core/bytes.hpp"
#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"
#include "ginnel/sys/io.hpp"

namespace ginnel {

struct PosixQueueOptions {
  long messages = 10;  ///< most messages queued; at most /proc/sys/fs/mqueue/msg_max without CAP_SYS_RESOURCE
  Bytes message_size{
      8192};           ///< of the longest message; at most /proc/sys/fs/mqueue/msgsize_max without CAP_SYS_RESOURCE
  mode_t mode = 0600;  ///< exactly, whatever the umask; permission bits only
  /// False: an existing queue is opened, if its attributes are these and its owner is the caller or root. Its mode stays.
  bool exclusive = true;
};

struct PosixQueueAttributes {
  long messages_max = 0;
  Bytes message_size;
  long messages_queued = 0;
};

/// What the kernel counts against RLIMIT_MSGQUEUE of the user who made a queue, for as long as the queue lives, filled or not:
/// the messages, a header of six words for each, and a node of six words for each priority that may come to be in use.
/// Source: getrlimit(2).
[[nodiscard]] Bytes counted_bytes(long messages, Bytes message_size) noexcept;

struct ReceivedFromQueue {
  std::size_t bytes = 0;
  unsigned priority = 0;
};

/// A POSIX message queue: messages by priority, highest first, in order within one priority; lives until unlinked or the
/// IPC namespace ends. Handles are close-on-exec and non-blocking inside; every wait is by ppoll(2) on the monotonic clock,
/// since the queue's own timed calls obey the wall clock. Threads may share a handle. After fork parent and child share
/// the open queue, each with a handle of its own. Names are a slash and 1 to 255 bytes without one. Source: mq_overview(7).
class [[nodiscard]] PosixQueue {
 public:
  enum class Access { receive, send, both };
  static constexpr unsigned priority_max = 32767;  ///< sysconf(_SC_MQ_PRIO_MAX) - 1 on Linux

  /// At no moment has the queue a wider mode than asked. Errors, each with the limit that was met: EMFILE (RLIMIT_MSGQUEUE,
  /// which counts the whole size of all queues of this user, filled or not; or descriptors), EINVAL (name, mode; sizes below
  /// 1 or over msg_max or msgsize_max), ENOSPC (queues_max), EEXIST (there is one; or it has other attributes or a foreign
  /// owner), EACCES, ENAMETOOLONG, ENOMEM. Source: mq_open(3).
  [[nodiscard]] static Result<PosixQueue> create(const std::string& name, PosixQueueOptions options = {});
  /// Whoever owns it: see PosixQueueOptions::exclusive for the careful way.
  /// Errors: ENOENT, EACCES, EMFILE, ENFILE, EINVAL (name), ENAMETOOLONG.
  [[nodiscard]] static Result<PosixQueue> open(const std::string& name, Access access = Access::both);
  /// Removes the name; those who have the queue open keep it, and a queue created anew under the name is another one.
  /// Its bytes count against RLIMIT_MSGQUEUE until the last of them has closed it.
  /// Errors: ENOENT, EACCES (neither owner nor root), EINVAL (name), ENAMETOOLONG. Source: mq_unlink(3).
  [[nodiscard]] static Result<void> unlink(const std::string& name);

  /// An empty message is a message. Errors: EMSGSIZE (tells both sizes), EINVAL (priority), EBADF (opened for receiving).
  /// Source: mq_send(3).
  [[nodiscard]] Result<Outcome<Done, TimedOut>> send(std::span<const std::byte> message, unsigned priority = 0,
                                                     Deadline deadline = Deadline::never());
  /// The buffer must hold the queue's message_size, however short the message.
  /// Errors: EMSGSIZE (it does not: tells both sizes; nothing is taken), EBADF (opened for sending). Source: mq_receive(3).
  [[nodiscard]] Result<Outcome<ReceivedFromQueue, TimedOut>> receive(std::span<std::byte> buffer,
                                                                     Deadline deadline = Deadline::never());
  /// Looks without taking anything. Source: mq_getattr(3).
  [[nodiscard]] Result<PosixQueueAttributes> attributes() const;
  /// For epoll: readable while there are messages, writable while there is room.
  [[nodiscard]] int pollable() const noexcept { return queue_.get(); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  PosixQueue(UniqueFd queue, std::string name) noexcept : queue_{std::move(queue)}, name_{std::move(name)} {}
  [[nodiscard]] Error transfer_error(std::string_view operation, int code, std::size_t size) const;
  UniqueFd queue_;
  std::string name_;
};

}  // namespace ginnel
