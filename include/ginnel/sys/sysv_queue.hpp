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
  mode_t mode = 0600;  ///< exactly: the umask has no say in System V objects; permission bits only
  /// False: an existing object of that key is taken, if its owner and creator are the caller or root. Its mode stays.
  bool exclusive = true;
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
/// form and knows nothing to poll; a wait without one sleeps in the kernel. A waiter that is killed takes nothing along.
/// Threads may share it, and processes after fork. Source: sysvipc(7), msgop(2), msgget(2).
class SysvQueue {
 public:
  /// Without a key the queue is private (IPC_PRIVATE) and found by its id only. Keys made by ftok(3) collide: choose one.
  /// Errors, each with the limit that was met: ENOSPC (MSGMNI), EEXIST (there is one, or it has a foreign owner), EACCES,
  /// EINVAL (key 0, mode), ENOMEM. Source: msgget(2).
  [[nodiscard]] static Result<SysvQueue> create(std::optional<std::int32_t> key, SysvCreateOptions options = {});
  /// Checks that the queue exists; what its mode allows is told at use. Exactly one of key and id is set.
  /// Errors: ENOENT (also where msgctl(2) says EINVAL or EIDRM for an id that is no more), EINVAL (key 0).
  [[nodiscard]] static Result<SysvQueue> open(const SysvName& name);

  /// Waits while the queue is full. Errors: EINVAL (type < 1; or over MSGMAX: tells both sizes), EMSGSIZE (longer than the
  /// whole queue may ever hold, where msgsnd(2) would wait for ever), EACCES, ENOMEM. Source: msgop(2).
  [[nodiscard]] Result<Outcome<Done, Removed, TimedOut>> send(long type, std::span<const std::byte> message,
                                                              Deadline deadline = Deadline::never());
  /// The message whole: one longer than expected is never cut short (no MSG_NOERROR), but fetched with more room.
  /// Errors: EINVAL (a rule that needs a type has one below 1), EACCES. Source: msgop(2).
  [[nodiscard]] Result<Outcome<SysvMessage, Removed, TimedOut>> receive(SysvSelect select = {},
                                                                        Deadline deadline = Deadline::never());
  /// Copies the message at a position (0 is the oldest) and leaves it there; TimedOut when there are not so many.
  /// Errors: ENOSYS (a kernel without CONFIG_CHECKPOINT_RESTORE), EINVAL (longer than MSGMAX, lowered since), EACCES.
  /// Source: msgop(2), MSG_COPY.
  [[nodiscard]] Result<Outcome<SysvMessage, Removed, TimedOut>> peek(std::size_t position = 0) const;
  /// Errors: EINVAL, EIDRM (gone), EACCES. Source: msgctl(2).
  [[nodiscard]] Result<SysvQueueStatistics> statistics() const;
  /// Wakes all who wait, with Removed. Errors: EPERM, EINVAL and EIDRM (gone already). Source: msgctl(2).
  [[nodiscard]] Result<void> remove();
  [[nodiscard]] int id() const noexcept { return id_; }

 private:
  explicit SysvQueue(int id) noexcept : id_{id} {}
  [[nodiscard]] Error send_error(int code, std::size_t size) const;
  [[nodiscard]] Error receive_error(int code) const;
  int id_;
};

}  // namespace ginnel
