#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "ginnel/sys/robust_mutex.hpp"
#include "ginnel/sys/shared_condition.hpp"
#include "ginnel/sys/shared_rwlock.hpp"
#include "tour/shared_words.hpp"
#include "tour/stops.hpp"

// Locks in shared memory, all of which survive the death of whoever holds them.

namespace ginnel::cli::tour {
namespace {

/// Where the locks of a stop lie, and a page further on what they guard.
struct Guarded {
  std::shared_ptr<ReadWriteMapping> memory =
      std::make_shared<ReadWriteMapping>(must(ReadWriteMapping::anonymous(Bytes::kib(8))));
  [[nodiscard]] SharedPlace place(std::size_t offset = 0) const { return {memory, offset}; }
  [[nodiscard]] FutexWord& word(std::size_t number) const { return word_at(memory->bytes().subspan(4096), number); }
  [[nodiscard]] FutexWord& counter() const { return word(0); }
  /// Load and store apart lose counts where no lock is held.
  void count_apart() const {
    const std::uint32_t now = counter().load(std::memory_order_relaxed);
    counter().store(now + 1, std::memory_order_relaxed);
  }
};

constexpr std::uint32_t counts_each = 10'000;

}  // namespace

void visit_robust_mutex(Visit& visit) {
  const Guarded guarded;
  auto mutex = must(RobustMutex::create_in(guarded.place()));
  const auto count_under_lock = [&] {
    for (std::uint32_t i = 0; i < counts_each; ++i) {
      const auto guard = must_be<MutexGuard>(mutex.lock(patience()));
      guarded.count_apart();
    }
  };
  {
    Partner other{visit, [&](Line&) { count_under_lock(); }};
    count_under_lock();
    other.finish();
    visit.guarantee("one holder at a time: no count lost of 20,000",
                    judge_number("counted", std::uint64_t{2} * counts_each, guarded.counter().load()));
  }
  time_hand_overs(visit, [&]() -> WithLock {
    return [&](const std::function<void()>& inside) {
      const auto guard = must_be<MutexGuard>(mutex.lock());
      inside();
    };
  });
  Partner holder{visit, [&](Line& line) {
                   const auto guard = must_be<MutexGuard>(mutex.lock(patience()));
                   line.ready();
                   line.stay();
                 }};
  holder.wait_until_ready();
  visit.guarantee("a wait ends at its deadline", judge_is<TimedOut>(mutex.lock(a_moment())));
  holder.kill();
  {
    auto orphaned = must_be<OrphanedGuard>(mutex.lock(patience()));
    const auto repaired = std::move(orphaned).mark_consistent();
  }
  visit.at_peer_death("the next to lock is told that the owner died, and may repair",
                      judge_is<MutexGuard>(mutex.lock(patience())));
}

void visit_rwlock(Visit& visit) {
  const Guarded guarded;
  auto lock = must(SharedRwlock::create_in(guarded.place()));
  {
    const auto mine = must_be<ReadGuard>(lock.lock_shared(patience()));
    Partner other{visit, [&](Line&) {
                    (void)must_be<ReadGuard>(lock.lock_shared(Deadline::immediately()));
                    (void)must_be<TimedOut>(lock.lock_exclusive(a_moment()));
                  }};
    other.finish();
    visit.guarantee("readers together, a writer alone", std::nullopt);
  }
  time_hand_overs(visit, [&]() -> WithLock {
    return [&](const std::function<void()>& inside) {
      const auto guard = must_be<WriteGuard>(lock.lock_exclusive());
      inside();
    };
  });
  const auto hold_until_killed = [&](auto take) {
    Partner holder{visit, [&](Line& line) {
                     const auto guard = take();
                     line.ready();
                     line.stay();
                   }};
    holder.wait_until_ready();
    holder.kill();
  };
  hold_until_killed([&] { return must_be<ReadGuard>(lock.lock_shared(patience())); });
  visit.at_peer_death("a reader's share is freed", judge_is<WriteGuard>(lock.lock_exclusive(patience())));
  hold_until_killed([&] { return must_be<WriteGuard>(lock.lock_exclusive(patience())); });
  visit.at_peer_death("after a writer's, readers are sent away until it is repaired",
                      judge_is<NeedsRepair>(lock.lock_shared(patience())));
  {
    auto orphaned = must_be<OrphanedWriteGuard>(lock.lock_exclusive(patience()));
    const auto repaired = std::move(orphaned).mark_consistent();
  }
  (void)must_be<ReadGuard>(lock.lock_shared(patience()));
}

namespace {

/// One that was killed while it held the lock left nothing half done here.
template <class LockedOrOrphaned>
MutexGuard repaired(LockedOrOrphaned lock) {
  if (lock.template is<OrphanedGuard>()) return std::move(lock).template as<OrphanedGuard>().mark_consistent();
  return std::move(lock).template as<MutexGuard>();
}

/// Waits under the lock until the word has a value.
void await_word(RobustMutex& mutex, SharedCondition& changed, const FutexWord& word, std::uint32_t value,
                Deadline deadline) {
  std::optional guard{repaired(must(mutex.lock()))};
  while (word.load(std::memory_order_relaxed) != value) {
    auto waited = must(changed.wait(mutex, std::move(*guard), deadline));
    guard.emplace(repaired(std::move(waited.lock)));
    if (waited.timed_out) throw Broken{"no notification came"};
  }
}

void set_word(RobustMutex& mutex, SharedCondition& changed, FutexWord& word, std::uint32_t value) {
  const MutexGuard guard = repaired(must(mutex.lock()));
  word.store(value, std::memory_order_relaxed);
  must(changed.notify());
}

}  // namespace

void visit_condition(Visit& visit) {
  const Guarded guarded;
  auto mutex = must(RobustMutex::create_in(guarded.place(0)));
  auto changed = must(SharedCondition::create_in(guarded.place(RobustMutex::storage_bytes)));
  FutexWord& asked = guarded.word(0);
  FutexWord& answered = guarded.word(1);
  Partner partner{visit, [&](Line&) {
                    for (std::uint32_t round = 1;; ++round) {
                      await_word(mutex, changed, asked, round, Deadline::never());
                      set_word(mutex, changed, answered, round);
                    }
                  }};
  std::uint32_t round = 0;
  const auto ask = [&] {
    set_word(mutex, changed, asked, ++round);
    await_word(mutex, changed, answered, round, patience());
  };
  visit.time_round_trips(ask);
  visit.guarantee("waiting frees the lock; each change under it wakes the waiter",
                  judge_number("answered", round, answered.load()));
  {
    auto waited = must(changed.wait(mutex, repaired(must(mutex.lock())), a_moment()));
    visit.guarantee("the lock comes back also after the deadline",
                    judge_outcome("the lock", waited.lock.is<MutexGuard>()));
  }
  Partner waiter{visit, [&](Line& line) {
                   std::optional guard{repaired(must(mutex.lock()))};
                   line.ready();
                   while (true) guard.emplace(repaired(must(changed.wait(mutex, std::move(*guard))).lock));
                 }};
  waiter.wait_until_ready();
  {
    const MutexGuard it_waits = repaired(must(mutex.lock()));
  }
  waiter.kill();
  constexpr std::uint32_t more = 4;
  const std::uint32_t before = round;
  for (std::uint32_t i = 0; i < more; ++i) ask();
  visit.at_peer_death("a killed waiter spoils nothing: the live ones are still woken",
                      judge_number("answered", before + more, answered.load()));
}

}  // namespace ginnel::cli::tour
