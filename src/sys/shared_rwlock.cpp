#include "ginnel/sys/shared_rwlock.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "shared_place.hpp"

namespace ginnel {
namespace detail {

struct RwlockHeader {
  /// 1 while a writer has the gate: readers pass through the gate then, and so behind him. Only whoever holds the gate writes
  /// it. Left behind by a dead writer it sends the next reader to the gate, who clears it there. A hint: the mutexes exclude.
  std::atomic<std::uint32_t> writer_at_gate;
  /// 1 from the moment when a writer has all slots until, whole, it gives them back. Whoever holds a slot and reads 1 knows
  /// that the writer is dead, for a living one would hold that slot.
  std::atomic<std::uint32_t> writer_inside;
  std::byte spare[FormatMark::offset - 2 * sizeof(std::uint32_t)];
  FormatMark mark;
};
static_assert(offsetof(RwlockHeader, mark) == FormatMark::offset);
static_assert(sizeof(RwlockHeader) == place_alignment);

WriterHold::WriterHold(RwlockHeader* header, MutexGuard gate)
    : header_{header}, gate_{std::move(gate)}, holder_{::getpid()} {
  slots_.reserve(SharedRwlock::reader_slots);
  header_->writer_at_gate.store(1, std::memory_order_relaxed);
}

WriterHold::WriterHold(WriterHold&& other) noexcept
    : header_{std::exchange(other.header_, nullptr)},
      gate_{std::move(other.gate_)},
      slots_{std::move(other.slots_)},
      holder_{other.holder_},
      inside_{other.inside_} {}

WriterHold::~WriterHold() {
  if (header_ == nullptr || holder_ != ::getpid()) return;  // moved from, or the copy of a forked child
  if (inside_) header_->writer_inside.store(0, std::memory_order_release);
  slots_.clear();
  header_->writer_at_gate.store(0, std::memory_order_relaxed);
}

bool WriterHold::is_orphaned() const noexcept { return header_->writer_inside.load(std::memory_order_acquire) != 0; }

void WriterHold::enter() noexcept {
  header_->writer_inside.store(1, std::memory_order_release);
  inside_ = true;
}

}  // namespace detail

namespace {

using detail::RwlockHeader;

constexpr std::uint64_t rwlock_mark = FormatMark::of(0x6772'776c, 1, SharedRwlock::storage_bytes);

/// The slot that this thread had last: nobody else's, as long as there are slots enough.
thread_local std::size_t preferred_slot = static_cast<std::size_t>(::gettid()) % SharedRwlock::reader_slots;

SharedPlace line(const SharedPlace& place, std::size_t index) {
  return {.memory = place.memory, .offset = place.offset + index * place_alignment};
}

/// The gate and the slots say nothing about the data: when their holder died they are simply free.
Result<std::optional<MutexGuard>> free_or_taken(Result<LockOutcome> outcome) {
  if (!outcome) return std::unexpected{outcome.error()};
  if (outcome->is<TimedOut>()) return std::nullopt;
  if (outcome->is<OrphanedGuard>()) return std::move(*outcome).as<OrphanedGuard>().mark_consistent();
  return std::move(*outcome).as<MutexGuard>();
}

/// Both makers of a handle: the gate lies behind the header, the slots behind the gate.
template <class Make>
Result<std::vector<RobustMutex>> gate_and_slots(const SharedPlace& place, Make make) {
  std::vector<RobustMutex> mutexes;
  for (std::size_t i = 1; i <= 1 + SharedRwlock::reader_slots; ++i) {
    auto mutex = make(line(place, i));
    if (!mutex) return std::unexpected{mutex.error()};
    mutexes.push_back(std::move(*mutex));
  }
  return mutexes;
}

}  // namespace

Result<SharedRwlock> SharedRwlock::create_in(const SharedPlace& place) {
  auto address = address_of(place, storage_bytes, "create a shared rwlock");
  if (!address) return std::unexpected{address.error()};
  auto* header = reinterpret_cast<RwlockHeader*>(*address);
  header->mark.clear();
  auto mutexes = gate_and_slots(place, &RobustMutex::create_in);
  if (!mutexes) return std::unexpected{mutexes.error()};
  header->writer_at_gate.store(0, std::memory_order_relaxed);
  header->writer_inside.store(0, std::memory_order_relaxed);
  header->mark.set(rwlock_mark);
  return SharedRwlock{header, std::move(*mutexes)};
}

Result<SharedRwlock> SharedRwlock::open_in(const SharedPlace& place) {
  auto address = address_of(place, storage_bytes, "open a shared rwlock");
  if (!address) return std::unexpected{address.error()};
  auto* header = reinterpret_cast<RwlockHeader*>(*address);
  if (!header->mark.is(rwlock_mark)) return std::unexpected{not_finished("open a shared rwlock")};
  auto mutexes = gate_and_slots(place, &RobustMutex::open_in);
  if (!mutexes) return std::unexpected{mutexes.error()};
  return SharedRwlock{header, std::move(*mutexes)};
}

Result<std::optional<MutexGuard>> SharedRwlock::try_slots() {
  for (std::size_t i = 0; i < reader_slots; ++i) {
    const std::size_t slot = (preferred_slot + i) % reader_slots;
    auto taken = free_or_taken(slots()[slot].try_recoverable());
    if (taken && !*taken) continue;
    preferred_slot = slot;
    return taken;
  }
  return std::nullopt;
}

Result<std::optional<MutexGuard>> SharedRwlock::wait_for_slot(Deadline deadline) {
  // Whichever comes free: waits on one after the other, for so short a time that one whose reader is stopped holds nobody up.
  for (std::size_t i = 0;; ++i) {
    auto taken = try_slots();
    if (!taken || *taken || deadline.passed()) return taken;
    const Deadline slice = Deadline::after(std::chrono::milliseconds{1}).sooner(deadline);
    auto waited = free_or_taken(slots()[(preferred_slot + i) % reader_slots].lock(slice));
    if (!waited || *waited) return waited;
  }
}

Result<std::optional<MutexGuard>> SharedRwlock::take_slot(Deadline deadline) {
  if (header_->writer_at_gate.load(std::memory_order_relaxed) == 0) {
    auto taken = try_slots();
    if (!taken || *taken) return taken;
  }
  auto at_gate = free_or_taken(gate().lock(deadline));
  if (!at_gate || !*at_gate) return at_gate;
  header_->writer_at_gate.store(0, std::memory_order_relaxed);  // no writer is there: the gate is ours
  return wait_for_slot(deadline);
}

Result<Outcome<ReadGuard, NeedsRepair, TimedOut>> SharedRwlock::lock_shared(Deadline deadline) {
  auto slot = take_slot(deadline);
  if (!slot) return std::unexpected{slot.error()};
  if (!*slot) return TimedOut{};
  if (header_->writer_inside.load(std::memory_order_acquire) != 0) return NeedsRepair{};
  return ReadGuard{std::move(**slot)};
}

Result<Outcome<WriteGuard, OrphanedWriteGuard, TimedOut>> SharedRwlock::lock_exclusive(Deadline deadline) {
  auto at_gate = free_or_taken(gate().lock(deadline));
  if (!at_gate) return std::unexpected{at_gate.error()};
  if (!*at_gate) return TimedOut{};

  detail::WriterHold hold{header_, std::move(**at_gate)};
  for (RobustMutex& slot : slots()) {
    auto taken = free_or_taken(slot.lock(deadline));
    if (!taken) return std::unexpected{taken.error()};
    if (!*taken) return TimedOut{};
    hold.add_slot(std::move(**taken));
  }
  if (hold.is_orphaned()) return OrphanedWriteGuard{std::move(hold)};
  hold.enter();
  return WriteGuard{std::move(hold)};
}

WriteGuard OrphanedWriteGuard::mark_consistent() && {
  hold_.enter();
  return WriteGuard{std::move(hold_)};
}

}  // namespace ginnel
