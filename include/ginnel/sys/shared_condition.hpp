#pragma once

#include <chrono>

#include "ginnel/sys/futex.hpp"
#include "ginnel/sys/robust_mutex.hpp"

namespace ginnel {

/// A condition to wait for under a RobustMutex, by a futex sequence word: a pthread_cond_t in shared memory hangs its
/// signallers once a waiter has been killed, so none is used.
/// Nothing is kept about waiters, so nothing is left behind by a dead one. notify() wakes all: a single waiter chosen by the
/// kernel might be dying, and the wake-up would die with it. A notifier that dies between its change and its notify() is
/// made good by waiters' looking again at least every `look_again`: a wait ends then without a notify, and its caller tests
/// once more what he waits for, in a loop, as with every condition variable. Any thread; a child of fork(2) may wait and
/// notify through what it has inherited. Source: futex(2), pthread_cond_wait(3).
class [[nodiscard]] SharedCondition {
 public:
  static constexpr std::size_t storage_bytes = 64;  ///< at a multiple of 64
  static constexpr auto look_again = std::chrono::milliseconds{50};

  /// Makes the condition; once, before anybody opens it. Errors: EINVAL (place: alignment or room).
  [[nodiscard]] static Result<SharedCondition> create_in(SharedPlace place);
  /// Errors: EINVAL (place, or no finished condition of this format there).
  [[nodiscard]] static Result<SharedCondition> open_in(SharedPlace place);

  /// Releases the lock, waits for a notify, a spurious wake-up or the deadline, and takes the lock again. The lock is taken
  /// again also after the deadline, for which it waits as long as it takes: the guard comes back in every outcome.
  struct Waited {
    Outcome<MutexGuard, OrphanedGuard> lock;  ///< OrphanedGuard: a holder died meanwhile
    bool timed_out = false;
  };
  /// `guard` is of this mutex. Errors: ENOTRECOVERABLE (and the lock is not held then).
  [[nodiscard]] Result<Waited> wait(RobustMutex& mutex, MutexGuard guard, Deadline deadline = Deadline::never());
  /// Wakes all waiters. Call it with the lock held or not; without, a waiter may look before the change.
  [[nodiscard]] Result<void> notify();

 private:
  SharedCondition(FutexWord* sequence, std::shared_ptr<ReadWriteMapping> memory) noexcept
      : sequence_{sequence}, memory_{std::move(memory)} {}
  FutexWord* sequence_;
  std::shared_ptr<ReadWriteMapping> memory_;
};

}  // namespace ginnel
