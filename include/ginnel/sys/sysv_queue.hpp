#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ginnel/core/address.hpp"
#include "ginnel/core/bytes.hpp"
#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/sys/io.hpp"

namespace ginnel {

struct SysvCreateOptions {
  mode_t mode = 0600;
  bool exclusive = true;  ///< false: an existing object of that key is taken
};

/// The object was removed (IPC_RMID) while, or before, the call waited.
struct Removed {};

struct SysvQueueStatistics {
  std::uint64_t messages = 0;
  Bytes used;
  Bytes capacity;  ///< msg_qbytes
  pid_t last_sender = 0;
  pid_t last_receiver = 0;
  std::int64_t last_send_time = 0;     ///< seconds since the epoch, 0: never
  std::int64_t last_receive_time = 0;  ///< seconds since the epoch, 0: never
  std::int64_t change_time = 0;        ///< seconds since the epoch
  uid_t owner = 0;
  gid_t group = 0;
  mode_t mode = 0;
};

struct SysvMessage {
  long type = 0;
  std::vector<std::byte> data;
};

/// Which message of the queue: any, the first of a type, the first not of a type, or the one with the lowest type not
/// above a number (types as priorities). Source: msgop(2).
struct SysvSelect {
  enum class Rule { any, of_type, not_of_type, lowest_up_to };
  Rule rule = Rule::any;
  long type = 0;
};

/// A System V message queue: messages with a positive type; lives until removed. Copyable: it is a name, the kernel keeps
/// no count of users. A wait with a deadline retries at growing intervals of at most 5 ms, since the kernel has no timed
/// form and knows nothing to poll; a wait without one sleeps in the kernel. Source: sysvipc(7), msgop(2), msgget(2).
class SysvQueue {
 public:
  /// Without a key the queue is private (IPC_PRIVATE) and found by its id only. Keys made by ftok(3) collide: choose one.
  /// Errors, each with the limit that was met: ENOSPC (MSGMNI), EEXIST, EACCES, ENOMEM. Source: msgget(2).
  [[nodiscard]] static Result<SysvQueue> create(std::optional<std::int32_t> key, SysvCreateOptions options = {});
  /// Errors: ENOENT, EACCES, EIDRM.
  [[nodiscard]] static Result<SysvQueue> open(const SysvName& name);

  /// Errors: EINVAL (type < 1, or over MSGMAX: tells both sizes), EACCES, ENOMEM.
  [[nodiscard]] Result<Outcome<Done, Removed, TimedOut>> send(long type, std::span<const std::byte> message,
                                                              Deadline deadline = Deadline::never());
  /// The message whole: one longer than expected is never cut short.
  [[nodiscard]] Result<Outcome<SysvMessage, Removed, TimedOut>> receive(SysvSelect select = {},
                                                                        Deadline deadline = Deadline::never());
  /// Copies the message at a position (0 is the oldest) and leaves it there; TimedOut when there are not so many.
  /// Errors: ENOSYS (a kernel without CONFIG_CHECKPOINT_RESTORE). Source: msgop(2), MSG_COPY.
  [[nodiscard]] Result<Outcome<SysvMessage, Removed, TimedOut>> peek(std::size_t position = 0) const;
  [[nodiscard]] Result<SysvQueueStatistics> statistics() const;
  /// Wakes all who wait, with Removed. Errors: EPERM, EINVAL (gone already).
  [[nodiscard]] Result<void> remove();
  [[nodiscard]] int id() const noexcept { return id_; }

 private:
  explicit SysvQueue(int id) noexcept : id_{id} {}
  int id_;
};

}  // namespace ginnel
