#pragma once

#include "ginnel/sys/robust_mutex.hpp"

namespace ginnel {

/// The lock, held for reading with others.
class [[nodiscard]] ReadGuard;
/// The lock, held alone.
class [[nodiscard]] WriteGuard;
/// The lock, held alone after a writer died mid-section. Repair the data, then mark_consistent(); dropping it leaves the
/// lock orphaned, for the next one to repair.
class [[nodiscard]] OrphanedWriteGuard;
/// A writer died mid-section and nobody has repaired the data yet: a reader may not have it; lock for writing.
struct NeedsRepair {};

/// A reader-writer lock in shared memory that survives the death of any holder or waiter: pthread_rwlock_t has no robust
/// form, and a dead reader blocks everyone for ever.
/// Built of robust futex locks: one of `reader_slots` for each reader at a time, all of them for a writer. A dead reader's
/// slot is freed by the kernel; a dead writer leaves its mark. Reading costs one uncontended lock; writing costs
/// `reader_slots` of them, so it is for data that are read far more often than written. More readers than slots take turns.
/// A writer that waits stops new readers, so that it is not starved. Not recursive.
class [[nodiscard]] SharedRwlock {
 public:
  static constexpr std::size_t reader_slots = 32;
  static constexpr std::size_t storage_bytes = 64 * (2 + reader_slots);  ///< at a multiple of 64

  [[nodiscard]] static Result<SharedRwlock> create_in(SharedPlace place);
  [[nodiscard]] static Result<SharedRwlock> open_in(SharedPlace place);

  [[nodiscard]] Result<Outcome<ReadGuard, NeedsRepair, TimedOut>> lock_shared(Deadline deadline = Deadline::never());
  [[nodiscard]] Result<Outcome<WriteGuard, OrphanedWriteGuard, TimedOut>> lock_exclusive(
      Deadline deadline = Deadline::never());

 private:
  explicit SharedRwlock(SharedPlace place) noexcept : place_{std::move(place)} {}
  SharedPlace place_;
};

}  // namespace ginnel
