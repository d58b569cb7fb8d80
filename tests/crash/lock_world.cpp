#include <array>
#include <atomic>
#include <optional>

#include "crash/tables.hpp"
#include "ginnel/sys/robust_mutex.hpp"
#include "ginnel/sys/shared_condition.hpp"
#include "ginnel/sys/shared_rwlock.hpp"

// The locks in shared memory. Under them two numbers are changed together, one after the other: whoever gets a lock and is not told that
// its holder has died must find them equal.

namespace ginnel::crash {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t page = 4096;
constexpr std::size_t mutex_at = 0;
constexpr std::size_t condition_at = 64;
constexpr std::size_t rwlock_at = 128;
constexpr std::size_t data_at = 3072;
static_assert(rwlock_at + SharedRwlock::storage_bytes <= data_at);

struct Data {
  std::uint64_t under_mutex[2];
  std::uint64_t under_rwlock[2];
};

class LockWorld : public World {
 public:
  explicit LockWorld(const Course& course)
      : World{course},
        memory_{std::make_shared<ReadWriteMapping>(must(ReadWriteMapping::anonymous(Bytes{page}), "mmap"))},
        mutex_{must(RobustMutex::create_in(at(mutex_at)), "a mutex")},
        condition_{must(SharedCondition::create_in(at(condition_at)), "a condition")},
        rwlock_{must(SharedRwlock::create_in(at(rwlock_at)), "a lock")} {
    if (course.has("lock.mutex-repair")) {
      let_die([this] {
        new auto(must(mutex_.lock(), "lock"));
        ++data().under_mutex[0];
      });
    }
    if (course.has("lock.rwlock-repair"))
      let_die([this] {
        new auto(must(rwlock_.lock_exclusive(), "lock"));
        ++data().under_rwlock[0];
      });
    if (course.has("lock.mutex-wait")) held_.emplace(must(mutex_.lock(), "lock").as<MutexGuard>());
  }

  // --- what the actors do

  void mutex(Actor& actor) { change_under_mutex(actor, Deadline::never()); }
  void mutex_wait(Actor& actor) { change_under_mutex(actor, actor.patient ? Deadline::never() : Deadline::after(1ms)); }
  void read(Actor& actor) {
    auto outcome = must(rwlock_.lock_shared(actor.patient ? Deadline::never() : Deadline::after(5s)), "lock");
    if (outcome.is<ReadGuard>())
      require(data().under_rwlock[0] == data().under_rwlock[1], "it read what was half changed");
  }
  void write(Actor&) {
    auto outcome = must(rwlock_.lock_exclusive(Deadline::after(5s)), "lock");
    require(!outcome.is<TimedOut>(), "it could not have the lock");
    change_under_rwlock(std::move(outcome));
  }
  void notify(Actor& actor) {
    change_under_mutex(actor, Deadline::never());
    must(condition_.notify(), "notify");
  }
  void wait(Actor& actor) {
    auto outcome = must(mutex_.lock(), "lock");
    MutexGuard guard = repaired(std::move(outcome));
    const std::uint64_t before = data().under_mutex[1];
    const Deadline deadline = actor.patient ? Deadline::never() : Deadline::after(1ms);
    while (data().under_mutex[1] == before && !actor.notes->timed_out) {
      auto waited = must(condition_.wait(mutex_, std::move(guard), deadline), "wait");
      actor.notes->timed_out = waited.timed_out;
      guard = waited.lock.is<MutexGuard>() ? std::move(waited.lock).as<MutexGuard>()
                                           : repair(std::move(waited.lock).as<OrphanedGuard>());
    }
    require(data().under_mutex[0] == data().under_mutex[1], "it found what was half changed");
  }
  /// One that lives on has and gives the lock as before.
  void afterwards(Actor& actor) {
    if (held_) return;
    change_under_mutex(actor, Deadline::after(5s));
    write(actor);
  }

  // --- what the survivors do

  void meanwhile(Meanwhile what) override {
    if (what == Meanwhile::nothing || held_) return;
    // One who stands may hold it: it is not taken away.
    auto outcome = must(mutex_.lock(Deadline::after(1ms)), "lock");
    if (!outcome.is<TimedOut>()) {
      MutexGuard guard = repaired(std::move(outcome));
      require(data().under_mutex[0] == data().under_mutex[1], "a lock was had in the middle of a change");
      ++data().under_mutex[0];
      ++data().under_mutex[1];
    }
    auto other = must(rwlock_.lock_exclusive(Deadline::after(1ms)), "lock");
    if (!other.is<TimedOut>()) change_under_rwlock(std::move(other));
  }
  void rouse() override {
    if (course().second_is("lock.mutex-wait")) {
      held_.reset();
      return;
    }
    // A change by the first, or by one who comes, is to be found; the dead may not have told of it.
    MutexGuard guard = repaired(survivor("a lock", [&] { return must(mutex_.lock(), "lock"); }));
    if (data().under_mutex[1] > 0) return;
    ++data().under_mutex[0];
    ++data().under_mutex[1];
    must(condition_.notify(), "notify");
  }
  void judge() override {
    held_.reset();
    for (int i = 0; i < 2; ++i) {
      auto outcome = survivor("a mutex is locked", [&] { return must(mutex_.lock(), "lock"); });
      require(i == 0 || outcome.is<MutexGuard>(), "a repaired mutex is orphaned again");
      MutexGuard guard = repaired(std::move(outcome));
      require(data().under_mutex[0] == data().under_mutex[1], "the data is half changed, and nobody was told");
      if (i == 0) require(data().under_mutex[0] >= notes(0).done + notes(1).done, "a change was lost");
    }
    for (int i = 0; i < 2; ++i) {
      auto outcome = survivor("a lock is had for writing", [&] { return must(rwlock_.lock_exclusive(), "lock"); });
      require(i == 0 || outcome.is<WriteGuard>(), "a repaired lock is orphaned again");
      change_under_rwlock(std::move(outcome));
    }
    auto first = survivor("a lock is had for reading", [&] { return must(rwlock_.lock_shared(), "lock"); });
    auto second = survivor("a lock is shared", [&] { return must(rwlock_.lock_shared(), "lock"); });
    require(first.is<ReadGuard>() && second.is<ReadGuard>(), "a repaired lock cannot be had for reading");
    require(must(rwlock_.lock_exclusive(Deadline::immediately()), "lock").is<TimedOut>(),
            "a lock that is read was had alone");
  }

 private:
  [[nodiscard]] SharedPlace at(std::size_t offset) const { return {.memory = memory_, .offset = offset}; }
  [[nodiscard]] Data& data() const { return *reinterpret_cast<Data*>(memory_->bytes().data() + data_at); }

  /// So that many instructions lie between the two changes.
  static void dwell() {
    for (int i = 0; i < 100; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  MutexGuard repair(OrphanedGuard orphaned) {
    data().under_mutex[1] = data().under_mutex[0];
    return std::move(orphaned).mark_consistent();
  }
  MutexGuard repaired(LockOutcome outcome) {
    require(!outcome.is<TimedOut>(), "the mutex cannot be had");
    if (outcome.is<MutexGuard>()) return std::move(outcome).as<MutexGuard>();
    return repair(std::move(outcome).as<OrphanedGuard>());
  }
  void change_under_mutex(Actor& actor, Deadline deadline) {
    auto outcome = must(mutex_.lock(deadline), "lock");
    actor.notes->timed_out = outcome.is<TimedOut>();
    if (outcome.is<TimedOut>()) return;
    const MutexGuard guard = repaired(std::move(outcome));
    require(data().under_mutex[0] == data().under_mutex[1], "it found what was half changed");
    actor.notes->begun = 1;
    ++data().under_mutex[0];
    dwell();
    ++data().under_mutex[1];
    actor.notes->done = 1;
  }
  void change_under_rwlock(Outcome<WriteGuard, OrphanedWriteGuard, TimedOut> outcome) {
    std::optional<WriteGuard> guard;
    if (outcome.is<OrphanedWriteGuard>()) {
      data().under_rwlock[1] = data().under_rwlock[0];
      guard.emplace(std::move(outcome).as<OrphanedWriteGuard>().mark_consistent());
    } else {
      guard.emplace(std::move(outcome).as<WriteGuard>());
    }
    require(data().under_rwlock[0] == data().under_rwlock[1], "the data is half changed, and nobody was told");
    ++data().under_rwlock[0];
    dwell();
    ++data().under_rwlock[1];
  }

  std::shared_ptr<ReadWriteMapping> memory_;
  RobustMutex mutex_;
  SharedCondition condition_;
  SharedRwlock rwlock_;
  std::optional<MutexGuard> held_;
};

constexpr auto make = make_world<LockWorld>;
constexpr auto after = part<&LockWorld::afterwards>;
// What is killed while another stands with the lock would wait for it: so those that lock without a deadline do not meet.
constexpr std::array operations{
    Operation{
        .name = "lock.mutex", .make = make, .run = part<&LockWorld::mutex>, .afterwards = after, .exclusive = true},
    Operation{.name = "lock.mutex-wait",
              .make = make,
              .run = part<&LockWorld::mutex_wait>,
              .woken_by = "lock.read",
              .sleeps_in = futex_call,
              .alone = true},
    Operation{.name = "lock.mutex-repair",
              .make = make,
              .run = part<&LockWorld::mutex>,
              .afterwards = after,
              .exclusive = true},
    Operation{.name = "lock.read", .make = make, .run = part<&LockWorld::read>, .exclusive = true},
    Operation{.name = "lock.write", .make = make, .run = part<&LockWorld::write>, .exclusive = true},
    Operation{.name = "lock.rwlock-repair", .make = make, .run = part<&LockWorld::write>, .exclusive = true},
    Operation{.name = "lock.wait",
              .make = make,
              .run = part<&LockWorld::wait>,
              .woken_by = "lock.notify",
              .sleeps_in = futex_call,
              .exclusive = true},
    Operation{
        .name = "lock.notify", .make = make, .run = part<&LockWorld::notify>, .afterwards = after, .exclusive = true},
};

}  // namespace

std::span<const Operation> lock_operations() { return operations; }

}  // namespace ginnel::crash
