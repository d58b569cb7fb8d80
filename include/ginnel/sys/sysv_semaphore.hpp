#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ginnel/core/address.hpp"
#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/sys/sysv_queue.hpp"

namespace ginnel {

/// One step of an atomic operation: add to a semaphore (a negative change waits until it fits), or wait for zero.
struct SemaphoreStep {
  unsigned short index = 0;
  short change = 0;   ///< 0 waits until the value is 0
  bool undo = false;  ///< taken back by the kernel when the process ends, however it ends (SEM_UNDO)
};

struct SysvSemaphoreStatus {
  unsigned short value = 0;
  pid_t last_pid = 0;
  unsigned waiting_for_increase = 0;
  unsigned waiting_for_zero = 0;
};

struct SysvSemaphoreSetStatistics {
  std::size_t count = 0;
  std::int64_t operation_time = 0;  ///< seconds since the epoch, 0: never, and so perhaps not initialised yet
  std::int64_t change_time = 0;     ///< seconds since the epoch
  uid_t owner = 0;
  gid_t group = 0;
  mode_t mode = 0;
};

/// A set of System V semaphores; lives until removed. Copyable: it is a name.
/// Values are set at creation only: SETVAL later would cancel the pending undo of every process. Source: semop(2).
class SysvSemaphoreSet {
 public:
  static constexpr unsigned short value_max = 32767;  ///< SEMVMX

  /// Makes a set with these values; `exclusive == false` takes an existing one instead, after waiting until its creator
  /// has given it its values (sem_otime is set), so that nobody ever works with a half-made set. The values become visible
  /// in one atomic semop.
  /// Errors, each with the limit that was met: ENOSPC (SEMMNI sets or SEMMNS semaphores), EINVAL (over SEMMSL; none; an
  /// existing set is smaller), ERANGE (a value over SEMVMX), EEXIST, EACCES; ETIMEDOUT (an existing set whose
  /// creator never finished: hint says how to remove it). Source: semget(2).
  [[nodiscard]] static Result<SysvSemaphoreSet> create(std::optional<std::int32_t> key,
                                                       std::span<const unsigned short> values,
                                                       SysvCreateOptions options = {},
                                                       Deadline initialised_by = Deadline::never());
  /// Errors: ENOENT, EACCES, EIDRM.
  [[nodiscard]] static Result<SysvSemaphoreSet> open(const SysvName& name);

  /// All steps or none. Errors: E2BIG (over SEMOPM steps), EFBIG (index), ERANGE (over SEMVMX), EACCES,
  /// ENOSPC (undo structures). Source: semtimedop(2).
  [[nodiscard]] Result<Outcome<Done, Removed, TimedOut>> operate(std::span<const SemaphoreStep> steps,
                                                                 Deadline deadline = Deadline::never());
  [[nodiscard]] Result<SysvSemaphoreStatus> status(unsigned short index) const;
  [[nodiscard]] Result<SysvSemaphoreSetStatistics> statistics() const;
  /// Wakes all who wait, with Removed. Errors: EPERM, EINVAL (gone already).
  [[nodiscard]] Result<void> remove();
  [[nodiscard]] int id() const noexcept { return id_; }

 private:
  explicit SysvSemaphoreSet(int id) noexcept : id_{id} {}
  int id_;
};

}  // namespace ginnel
