#pragma once

#include <sys/types.h>

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "ginnel/sys/robust_mutex.hpp"

namespace ginnel {

/// The lock, held for reading with others; released at destruction, by the thread that took it.
class [[nodiscard]] ReadGuard {
 private:
  friend class SharedRwlock;
  explicit ReadGuard(MutexGuard slot) noexcept : slot_{std::move(slot)} {}
  MutexGuard slot_;
};

namespace detail {

struct RwlockHeader;

/// All that a writer holds: the gate, which keeps other writers and new readers out, and then every slot.
class [[nodiscard]] WriterHold {
 public:
  WriterHold(RwlockHeader* header, MutexGuard gate);
  WriterHold(WriterHold&& other) noexcept;
  WriterHold& operator=(WriterHold&&) = delete;
  ~WriterHold();
  void add_slot(MutexGuard slot) { slots_.push_back(std::move(slot)); }
  /// A writer died inside. To be asked once all slots are held.
  [[nodiscard]] bool is_orphaned() const noexcept;
  /// From here to the destruction the death of this process leaves the lock orphaned.
  void enter() noexcept;

 private:
  RwlockHeader* header_;  ///< in the memory that the guards keep mapped
  MutexGuard gate_;
  std::vector<MutexGuard> slots_;
  pid_t holder_;
  bool inside_ = false;
};

}  // namespace detail

/// The lock, held alone; released at destruction, by the thread that took it.
class [[nodiscard]] WriteGuard {
 private:
  friend class SharedRwlock;
  friend class OrphanedWriteGuard;
  explicit WriteGuard(detail::WriterHold hold) noexcept : hold_{std::move(hold)} {}
  detail::WriterHold hold_;
};

/// The lock, held alone after a writer died mid-section. Repair the data, then mark_consistent(); dropping it leaves the
/// lock orphaned, for the next one to repair.
class [[nodiscard]] OrphanedWriteGuard {
 public:
  [[nodiscard]] WriteGuard mark_consistent() &&;

 private:
  friend class SharedRwlock;
  explicit OrphanedWriteGuard(detail::WriterHold hold) noexcept : hold_{std::move(hold)} {}
  detail::WriterHold hold_;
};

/// A writer died mid-section and nobody has repaired the data yet: a reader may not have it; lock for writing.
struct NeedsRepair {};

/// A reader-writer lock in shared memory that survives the death of any holder or waiter: pthread_rwlock_t has no robust
/// form, and a dead reader blocks everyone for ever.
/// Built of robust mutexes: one of `reader_slots` for each reader at a time, all of them for a writer. A dead reader's slot is
/// freed by the kernel; a dead writer leaves its mark. Reading costs one uncontended lock; writing costs `reader_slots` of
/// them, so it is for data that are read far more often than written. More readers than slots take turns.
/// A writer that waits stops new readers, so that it is not starved; one that gives up lets them in again. A stopped reader is
/// not a dead one: writers wait for it. Not recursive: a thread that reads already and locks again can wait for ever, behind
/// a writer that waits for it. Any thread; a child of fork(2) holds nothing of its parent's.
/// Source: pthread_mutexattr_setrobust(3), pthread_rwlock_rdlock(3).
class [[nodiscard]] SharedRwlock {
 public:
  static constexpr std::size_t reader_slots = 32;
  static constexpr std::size_t storage_bytes = 64 * (2 + reader_slots);  ///< at a multiple of 64

  /// Makes the lock; once, before anybody opens it. Errors: EINVAL (place: alignment or room).
  [[nodiscard]] static Result<SharedRwlock> create_in(const SharedPlace& place);
  /// Errors: EINVAL (place, or no finished lock of this format there).
  [[nodiscard]] static Result<SharedRwlock> open_in(const SharedPlace& place);

  /// Errors: ENOLCK (RobustMutex::held_max).
  [[nodiscard]] Result<Outcome<ReadGuard, NeedsRepair, TimedOut>> lock_shared(Deadline deadline = Deadline::never());
  /// A writer that times out has given back all it took. Errors: ENOLCK (RobustMutex::held_max; a writer holds
  /// reader_slots + 1).
  [[nodiscard]] Result<Outcome<WriteGuard, OrphanedWriteGuard, TimedOut>> lock_exclusive(
      Deadline deadline = Deadline::never());

 private:
  SharedRwlock(detail::RwlockHeader* header, std::vector<RobustMutex> gate_and_slots) noexcept
      : header_{header}, mutexes_{std::move(gate_and_slots)} {}
  [[nodiscard]] RobustMutex& gate() noexcept { return mutexes_.front(); }
  [[nodiscard]] std::span<RobustMutex> slots() noexcept { return std::span{mutexes_}.subspan(1); }
  [[nodiscard]] Result<std::optional<MutexGuard>> take_slot(Deadline deadline);
  [[nodiscard]] Result<std::optional<MutexGuard>> try_slots();
  [[nodiscard]] Result<std::optional<MutexGuard>> wait_for_slot(Deadline deadline);

  detail::RwlockHeader* header_;
  std::vector<RobustMutex> mutexes_;
};

}  // namespace ginnel
