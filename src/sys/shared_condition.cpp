#include "ginnel/sys/shared_condition.hpp"

#include <cassert>

#include "shared_place.hpp"

namespace ginnel {
namespace {

struct Storage {
  FutexWord sequence;  ///< counts the notifies; it may wrap
  std::byte spare[FormatMark::offset - sizeof(FutexWord)];
  FormatMark mark;
};
static_assert(offsetof(Storage, mark) == FormatMark::offset);
static_assert(sizeof(Storage) == SharedCondition::storage_bytes && alignof(Storage) <= place_alignment);
constexpr std::uint64_t condition_mark = FormatMark::of(0x6763'6e64, 1, sizeof(FutexWord));

}  // namespace

Result<SharedCondition> SharedCondition::create_in(SharedPlace place) {
  auto address = address_of(place, storage_bytes, "create a shared condition");
  if (!address) return std::unexpected{address.error()};
  auto* storage = reinterpret_cast<Storage*>(*address);
  storage->mark.clear();
  storage->sequence.store(0, std::memory_order_relaxed);
  storage->mark.set(condition_mark);
  return SharedCondition{&storage->sequence, std::move(place.memory)};
}

Result<SharedCondition> SharedCondition::open_in(SharedPlace place) {
  auto address = address_of(place, storage_bytes, "open a shared condition");
  if (!address) return std::unexpected{address.error()};
  auto* storage = reinterpret_cast<Storage*>(*address);
  if (!storage->mark.is(condition_mark)) return std::unexpected{not_finished("open a shared condition")};
  return SharedCondition{&storage->sequence, std::move(place.memory)};
}

Result<SharedCondition::Waited> SharedCondition::wait(RobustMutex& mutex, MutexGuard guard, Deadline deadline) {
  assert(guard.mutex_ == mutex.mutex_ && "the guard is of this mutex");
  // Read under the lock: whoever changes what is waited for has to take the lock first, so his notify comes after this.
  const std::uint32_t seen = sequence_->load(std::memory_order_acquire);
  {
    const MutexGuard released = std::move(guard);
  }

  auto slept = futex_wait(*sequence_, seen, Deadline::after(look_again).sooner(deadline));
  if (!slept) return std::unexpected{slept.error()};
  const bool timed_out = slept->is<TimedOut>() && deadline.passed();

  auto locked = mutex.lock();
  if (!locked) return std::unexpected{locked.error()};
  if (locked->is<OrphanedGuard>()) return Waited{std::move(*locked).as<OrphanedGuard>(), timed_out};
  return Waited{std::move(*locked).as<MutexGuard>(), timed_out};
}

Result<void> SharedCondition::notify() {
  sequence_->fetch_add(1, std::memory_order_release);
  auto woken = futex_wake(*sequence_, wake_all);
  if (!woken) return std::unexpected{woken.error()};
  return {};
}

}  // namespace ginnel
