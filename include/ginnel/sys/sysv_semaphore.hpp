#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "ginnel/core/address.hpp"
#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/sys/sysv_queue.hpp"

namespace ginnel {

/// One step of an atomic operation: add to a semaphore (a negative change waits until it fits), or wait for zero.
struct SemaphoreStep {
  unsigned short index = 0;
  short change = 0;  ///< 0 waits until the value is 0
  /// Taken back by the kernel when the process ends, however it ends (SEM_UNDO): kept over exec(2), shared by its threads,
  /// not inherited by a child of fork(2).
  bool undo = false;
};

struct SysvSemaphoreStatus {
  unsigned short value = 0;
  pid_t last_pid = 0;  ///< who changed it last; 0: nobody, or a process of a pid namespace that is not seen from here
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

/// A set of System V semaphores; lives until removed. Copyable: it is a name. A waiter that is killed takes nothing along.
/// Values are set at creation only: SETVAL later would cancel the pending undo of every process.
/// Threads may share it, and processes after fork. Source: sysvipc(7), semget(2), semop(2).
class SysvSemaphoreSet {
 public:
  static constexpr unsigned short value_max = 32767;  ///< SEMVMX

  /// Makes a set with these values; `exclusive == false` takes an existing one instead, after waiting until its creator
  /// has given it its values (sem_otime is set), so that nobody ever works with a half-made set.
  /// The values appear in one atomic semop that sets sem_otime as well. Of a set of more than SEMOPM semaphores they
  /// appear by SETALL with one unit held back, which a semop then adds: ready is the set only after that.
  /// A creator killed between semget(2) and its semop leaves a set that is never ready. Nobody may finish or remove it on
  /// suspicion, since it may only be stopped: who joins gives up at `initialised_by`.
  /// The mode holds exactly, and must allow the owner to read and alter.
  /// Errors, each with the limit that was met: ENOSPC (SEMMNI sets or SEMMNS semaphores), EINVAL (over SEMMSL; none; an
  /// existing set is smaller; key 0; mode), ERANGE (a value over SEMVMX), EEXIST (there is one, or it has a foreign owner),
  /// EACCES; ETIMEDOUT (an existing set whose creator never finished: hint says how to remove it). Source: semget(2).
  [[nodiscard]] static Result<SysvSemaphoreSet> create(
      std::optional<std::int32_t> key, std::span<const unsigned short> values, SysvCreateOptions options = {},
      Deadline initialised_by = Deadline::after(std::chrono::seconds{10}));
  /// Checks that the set exists, not that it has its values: create() with `exclusive == false` does that. What its mode
  /// allows is told at use. Exactly one of key and id is set.
  /// Errors: ENOENT (also where semctl(2) says EINVAL or EIDRM for an id that is no more), EINVAL (key 0).
  [[nodiscard]] static Result<SysvSemaphoreSet> open(const SysvName& name);

  /// All steps or none. Errors: E2BIG (over SEMOPM steps), EFBIG (index), ERANGE (over SEMVMX), EINVAL (no steps), EACCES,
  /// ENOMEM, ENOSPC (undo structures). Source: semtimedop(2).
  [[nodiscard]] Result<Outcome<Done, Removed, TimedOut>> operate(std::span<const SemaphoreStep> steps,
                                                                 Deadline deadline = Deadline::never());
  /// Four looks, one after the other: between them others may have changed it.
  /// Errors: EINVAL (index; gone), EIDRM (gone), EACCES. Source: semctl(2).
  [[nodiscard]] Result<SysvSemaphoreStatus> status(unsigned short index) const;
  /// Errors: EINVAL, EIDRM (gone), EACCES. Source: semctl(2).
  [[nodiscard]] Result<SysvSemaphoreSetStatistics> statistics() const;
  /// How many threads wait for any semaphore of the set now, of which the kernel is asked one by one: a thread that waits
  /// with several steps is counted once, at the one that is in its way. Errors: as statistics(). Source: semctl(2).
  [[nodiscard]] Result<std::size_t> waiting() const;
  /// Wakes all who wait, with Removed. Errors: EPERM, EINVAL and EIDRM (gone already). Source: semctl(2).
  [[nodiscard]] Result<void> remove();
  [[nodiscard]] int id() const noexcept { return id_; }

 private:
  explicit SysvSemaphoreSet(int id) noexcept : id_{id} {}
  [[nodiscard]] Error operate_error(int code, std::size_t steps) const;
  int id_;
};

}  // namespace ginnel
