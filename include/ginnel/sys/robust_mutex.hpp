#pragma once

#include <pthread.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/sys/mapping.hpp"

namespace ginnel {

/// Where something lies in memory that processes share. Shared ownership on purpose: a lock keeps its memory mapped for as
/// long as it is held, since a mutex unmapped while held stays locked for ever, and so does one whose unlock is still under
/// way (glibc bug 14485).
struct SharedPlace {
  std::shared_ptr<ReadWriteMapping> memory;
  std::size_t offset = 0;
};

/// The lock, held; released at destruction. To be released by the thread that took it; the copy that a forked child has
/// releases nothing.
class [[nodiscard]] MutexGuard {
 public:
  MutexGuard(MutexGuard&& other) noexcept;
  /// Releases what is held, if anything, and takes over the other's lock: for the loop around SharedCondition::wait.
  MutexGuard& operator=(MutexGuard&& other) noexcept;
  ~MutexGuard() { release(); }

 private:
  friend class RobustMutex;
  friend class OrphanedGuard;
  friend class SharedCondition;
  void release() noexcept;
  MutexGuard(pthread_mutex_t* mutex, std::shared_ptr<ReadWriteMapping> memory) noexcept;
  pthread_mutex_t* mutex_;
  std::shared_ptr<ReadWriteMapping> memory_;
  pthread_t taken_by_;
};

/// The lock, held after its last owner died mid-section. Repair the data, then mark_consistent().
/// Dropping this makes every later lock fail with ENOTRECOVERABLE, in every process. Source: pthread_mutex_consistent(3).
class [[nodiscard]] OrphanedGuard {
 public:
  [[nodiscard]] MutexGuard mark_consistent() &&;

 private:
  friend class RobustMutex;
  explicit OrphanedGuard(MutexGuard guard) noexcept : guard_{std::move(guard)} {}
  MutexGuard guard_;
};

using LockOutcome = Outcome<MutexGuard, OrphanedGuard, TimedOut>;

/// A mutex in shared memory that survives the death of its holder: the kernel marks it and the next locker learns of it.
/// Not recursive, and without error checking: thread numbers of two pid namespaces may be equal, and a recursive mutex would
/// then let two owners in. A stopped holder is not a dead one: it is waited for.
/// A waiter killed between its wake-up and its lock takes the wake-up along. When somebody else has slipped in meanwhile,
/// neither kernel nor libc wakes the next one; so each waiter looks again every `look_again`.
/// Between pid namespaces one thing is left: a waiter killed while its thread number equals that of the holder is taken by
/// the kernel for the holder, and the lock told as orphaned while it is held. Where that may happen, use a FileLock.
/// Any thread; a child of fork(2) holds nothing of its parent's. Source: pthread_mutexattr_setrobust(3).
class [[nodiscard]] RobustMutex {
 public:
  static constexpr std::size_t storage_bytes = 64;  ///< at a multiple of 64
  /// The kernel frees at most 2048 (ROBUST_LIST_LIMIT) of a dead thread's mutexes; a lock over this cap is refused.
  static constexpr std::size_t held_max = 1024;
  static constexpr auto look_again = std::chrono::milliseconds{50};

  /// Makes the mutex; once, before anybody opens it. Errors: EINVAL (place: alignment or room).
  [[nodiscard]] static Result<RobustMutex> create_in(SharedPlace place);
  /// Errors: EINVAL (place, or no finished mutex of this format there).
  [[nodiscard]] static Result<RobustMutex> open_in(SharedPlace place);

  /// Errors: ENOTRECOVERABLE (an OrphanedGuard was dropped without mark_consistent), ENOLCK (held_max).
  /// Source: pthread_mutex_clocklock on CLOCK_MONOTONIC.
  [[nodiscard]] Result<LockOutcome> lock(Deadline deadline = Deadline::never());

 private:
  friend class SharedCondition;
  friend class SharedRwlock;
  RobustMutex(pthread_mutex_t* mutex, std::shared_ptr<ReadWriteMapping> memory) noexcept
      : mutex_{mutex}, memory_{std::move(memory)} {}
  /// One try without a system call, for a mutex whose every OrphanedGuard is marked consistent.
  [[nodiscard]] Result<LockOutcome> try_recoverable();
  template <class Call>
  [[nodiscard]] Result<LockOutcome> lock_by(Call call);
  pthread_mutex_t* mutex_;
  std::shared_ptr<ReadWriteMapping> memory_;
};

}  // namespace ginnel
