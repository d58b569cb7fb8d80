#include <array>
#include <memory>

#include "ginnel/sys/file_lock.hpp"
#include "ginnel/sys/futex.hpp"
#include "ginnel/sys/robust_mutex.hpp"
#include "ginnel/sys/shared_condition.hpp"
#include "ginnel/sys/shared_rwlock.hpp"
#include "operations.hpp"
#include "support/child_process.hpp"

namespace ginnel::fault {
namespace {

constexpr ByteRange some_bytes{.start = 10, .length = 20};

SharedPlace ready_place() {
  return {.memory = std::make_shared<ReadWriteMapping>(must(ReadWriteMapping::anonymous(Bytes::kib(16)))), .offset = 0};
}

Attempt wait_for_condition(RobustMutex& mutex, SharedCondition& condition) {
  auto locked = mutex.lock();
  if (!locked) return {report(locked)};
  auto waited =
      condition.wait(mutex, std::move(*locked).as<MutexGuard>(), Deadline::after(std::chrono::milliseconds{2}));
  return {report(waited)};
}

/// A process that holds the mutex for as long as the operation exists.
std::shared_ptr<test::ChildProcess> holder_of(const std::shared_ptr<RobustMutex>& mutex) {
  auto holder = std::make_shared<test::ChildProcess>(test::fork_child([&](test::Ready ready) {
    const auto held = must(mutex->lock());
    ready.say();
    ready.stay();
  }));
  holder->wait_until_ready();
  return holder;
}

}  // namespace

std::vector<Operation> lock_operations() {
  return {
      {"futex_wait",
       [] {
         return [word = std::make_shared<FutexWord>(0U)] {
           return Attempt{report(futex_wait(*word, 1, Deadline::after(patience)))};
         };
       }},
      {"futex_wake",
       [] { return [word = std::make_shared<FutexWord>(0U)] { return Attempt{report(futex_wake(*word, 1))}; }; }},
      {"futex_wait_any",
       [] {
         return [word = std::make_shared<FutexWord>(0U)] {
           const std::array waiters{FutexWaiter{word.get(), 1}};
           return Attempt{report(futex_wait_any(waiters, Deadline::after(patience)))};
         };
       }},
      {"futex_wait_any_by_slices",
       [] {
         return [word = std::make_shared<FutexWord>(0U)] {
           const std::array waiters{FutexWaiter{word.get(), 1}};
           return Attempt{report(detail::futex_wait_any_by_slices(waiters, Deadline::after(patience)))};
         };
       }},
      {"futex_wait_any that times out",
       [] {
         return [word = std::make_shared<FutexWord>(1U)] {
           const std::array waiters{FutexWaiter{word.get(), 1}};
           auto waited = futex_wait_any(waiters, Deadline::after(std::chrono::milliseconds{2}));
           return Attempt{waited && waited->is<TimedOut>() ? "done" : report(waited)};
         };
       }},
      {"futex_wait that times out",
       [] {
         return [word = std::make_shared<FutexWord>(1U)] {
           auto waited = futex_wait(*word, 1, Deadline::after(std::chrono::milliseconds{2}));
           return Attempt{waited && waited->is<TimedOut>() ? "done" : report(waited)};
         };
       }},
      {"RobustMutex::create_in",
       [] { return [place = ready_place()] { return Attempt{report(RobustMutex::create_in(place))}; }; }},
      {"RobustMutex::lock",
       [] {
         auto mutex = std::make_shared<RobustMutex>(must(RobustMutex::create_in(ready_place())));
         return [mutex] { return Attempt{report(mutex->lock(Deadline::after(patience)))}; };
       }},
      {"RobustMutex::lock that times out",
       [] {
         auto mutex = std::make_shared<RobustMutex>(must(RobustMutex::create_in(ready_place())));
         return [mutex, holder = holder_of(mutex)] {
           auto locked = mutex->lock(Deadline::after(std::chrono::milliseconds{2}));
           if (!locked) return Attempt{report(locked)};
           return Attempt{locked->is<TimedOut>() ? "done" : "outcome Locked"};
         };
       }},
      {"RobustMutex::open_in",
       [] {
         const SharedPlace place = ready_place();
         (void)must(RobustMutex::create_in(place));
         return [place] { return Attempt{report(RobustMutex::open_in(place))}; };
       }},
      {"SharedCondition::create_in and open_in",
       [] {
         return [place = ready_place()] {
           auto made = SharedCondition::create_in(place);
           if (!made) return Attempt{report(made)};
           return Attempt{report(SharedCondition::open_in(place))};
         };
       }},
      {"SharedCondition::wait",
       [] {
         auto mutex = std::make_shared<RobustMutex>(must(RobustMutex::create_in(ready_place())));
         auto condition = std::make_shared<SharedCondition>(must(SharedCondition::create_in(ready_place())));
         return [mutex, condition] { return wait_for_condition(*mutex, *condition); };
       }},
      {"SharedRwlock::create_in and open_in",
       [] {
         return [place = ready_place()] {
           auto made = SharedRwlock::create_in(place);
           if (!made) return Attempt{report(made)};
           return Attempt{report(SharedRwlock::open_in(place))};
         };
       }},
      {"SharedCondition::notify",
       [] {
         auto condition = std::make_shared<SharedCondition>(must(SharedCondition::create_in(ready_place())));
         return [condition] { return Attempt{report(condition->notify())}; };
       }},
      {"SharedRwlock::lock_shared",
       [] {
         auto lock = std::make_shared<SharedRwlock>(must(SharedRwlock::create_in(ready_place())));
         return [lock] { return Attempt{report(lock->lock_shared(Deadline::after(patience)))}; };
       }},
      {"SharedRwlock::lock_exclusive",
       [] {
         auto lock = std::make_shared<SharedRwlock>(must(SharedRwlock::create_in(ready_place())));
         return [lock] { return Attempt{report(lock->lock_exclusive(Deadline::after(patience)))}; };
       }},
      {"FileLock::acquire",
       [] {
         (void)must(FileLock::acquire(scratch_file("lock"), LockMode::shared));
         return [] { return Attempt{report(FileLock::acquire(scratch_file("lock"), LockMode::exclusive))}; };
       }},
      {"FileLock::acquire with a deadline",
       [] {
         (void)must(FileLock::acquire(scratch_file("lock"), LockMode::shared));
         return [] {
           return Attempt{report(FileLock::acquire(scratch_file("lock"), LockMode::shared, Deadline::after(patience)))};
         };
       }},
      {"FileLock::convert",
       [] {
         auto lock =
             std::make_shared<FileLock>(must(FileLock::acquire(scratch_file("lock"), LockMode::shared)).as<FileLock>());
         return [lock] {
           auto converted = lock->convert(LockMode::exclusive, Deadline::after(patience));
           if (!converted) return Attempt{report(converted)};
           return Attempt{report(lock->convert(LockMode::shared))};
         };
       }},
      {"RangeLocks::open and lock",
       [] {
         (void)must(RangeLocks::open(scratch_file("lock")));
         return [] {
           auto locks = RangeLocks::open(scratch_file("lock"));
           if (!locks) return Attempt{report(locks)};
           return Attempt{report(locks->lock(some_bytes, LockMode::exclusive))};
         };
       }},
      {"RangeLocks::conflict",
       [] {
         auto locks = std::make_shared<RangeLocks>(must(RangeLocks::open(scratch_file("lock"))));
         return [locks] { return Attempt{report(locks->conflict(some_bytes, LockMode::exclusive))}; };
       }},
      {"RangeLocks::unlock",
       [] {
         auto locks = std::make_shared<RangeLocks>(must(RangeLocks::open(scratch_file("lock"))));
         return [locks] { return Attempt{report(locks->unlock(some_bytes))}; };
       }},
      {"lock_holders",
       [] {
         auto lock =
             std::make_shared<FileLock>(must(FileLock::acquire(scratch_file("lock"), LockMode::shared)).as<FileLock>());
         return [lock] { return Attempt{report(lock_holders(scratch_file("lock")))}; };
       }},
  };
}

}  // namespace ginnel::fault
