#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <regex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "ginnel/sys/file_lock.hpp"
#include "ginnel/sys/futex.hpp"
#include "ginnel/sys/posix_semaphore.hpp"
#include "ginnel/sys/robust_mutex.hpp"
#include "ginnel/sys/shared_condition.hpp"
#include "ginnel/sys/shared_rwlock.hpp"
#include "ginnel/sys/sysv_semaphore.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"

// A wait with a deadline is on the monotonic clock, whatever it waits for: somebody who sets the wall clock neither prolongs it nor
// cuts it short. For what carries messages the conformance suite proves that; here it is proven for locks, semaphores and futexes.

namespace ginnel {
namespace {

using namespace std::chrono_literals;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error{result.error().message()};
  return std::move(*result);
}

std::shared_ptr<ReadWriteMapping> shared_memory() {
  return std::make_shared<ReadWriteMapping>(must(ReadWriteMapping::anonymous(Bytes{8192})));
}

/// Has another thread take what `hold` gives, for as long as `wait` is at it.
template <class Hold, class Wait>
void while_another_holds(Hold hold, Wait wait) {
  std::atomic<bool> held{false};
  std::atomic<bool> over{false};
  std::thread holder{[&] {
    const auto guard = hold();
    held = true;
    held.notify_one();
    over.wait(false);
  }};
  held.wait(false);
  wait();
  over = true;
  over.notify_one();
  holder.join();
}

void wait_for_futex(Deadline deadline) {
  FutexWord word{0};
  EXPECT_TRUE(must(futex_wait(word, 0, deadline)).is<TimedOut>());
}

void wait_for_robust_mutex(Deadline deadline) {
  auto mutex = must(RobustMutex::create_in({.memory = shared_memory(), .offset = 0}));
  while_another_holds([&] { return must(mutex.lock()); },
                      [&] { EXPECT_TRUE(must(mutex.lock(deadline)).is<TimedOut>()); });
}

void wait_for_rwlock(Deadline deadline) {
  auto lock = must(SharedRwlock::create_in({.memory = shared_memory(), .offset = 0}));
  while_another_holds([&] { return must(lock.lock_exclusive()); },
                      [&] { EXPECT_TRUE(must(lock.lock_shared(deadline)).is<TimedOut>()); });
}

void wait_for_readers_of_rwlock(Deadline deadline) {
  auto lock = must(SharedRwlock::create_in({.memory = shared_memory(), .offset = 0}));
  while_another_holds([&] { return must(lock.lock_shared()); },
                      [&] { EXPECT_TRUE(must(lock.lock_exclusive(deadline)).is<TimedOut>()); });
}

void wait_for_condition(Deadline deadline) {
  const auto memory = shared_memory();
  auto mutex = must(RobustMutex::create_in({.memory = memory, .offset = 0}));
  auto condition = must(SharedCondition::create_in({.memory = memory, .offset = 64}));
  auto guard = must(mutex.lock()).as<MutexGuard>();
  for (bool timed_out = false; !timed_out;) {
    auto waited = must(condition.wait(mutex, std::move(guard), deadline));
    timed_out = waited.timed_out;
    guard = std::move(waited.lock).as<MutexGuard>();
  }
}

void wait_for_sysv_semaphore(Deadline deadline) {
  auto set = must(SysvSemaphoreSet::create(std::nullopt, std::array<unsigned short, 1>{0}));
  constexpr std::array take{SemaphoreStep{.index = 0, .change = -1}};
  const auto outcome = set.operate(take, deadline);
  EXPECT_TRUE(set.remove());
  EXPECT_TRUE(outcome && outcome->is<TimedOut>());
}

void wait_for_posix_semaphore(Deadline deadline) {
  auto semaphore = must(PosixSemaphore::create_in(shared_memory(), 0, 0));
  EXPECT_TRUE(must(semaphore.wait(deadline)).is<TimedOut>());
}

void wait_for_file_lock(Deadline deadline) {
  const test::ScratchDirectory scratch;
  const auto held = must(FileLock::acquire(scratch.file("lock"), LockMode::exclusive));
  EXPECT_TRUE(must(FileLock::acquire(scratch.file("lock"), LockMode::shared, deadline)).is<TimedOut>());
}

void wait_for_range_locks(Deadline deadline) {
  const test::ScratchDirectory scratch;
  auto holder = must(RangeLocks::open(scratch.file("lock")));
  EXPECT_TRUE(must(holder.lock({}, LockMode::exclusive)).is<Done>());
  auto waiter = must(RangeLocks::open(scratch.file("lock")));
  EXPECT_TRUE(must(waiter.lock({}, LockMode::shared, deadline)).is<TimedOut>());
}

struct TimedWait {
  std::string_view name;
  void (*wait)(Deadline deadline);
};
std::ostream& operator<<(std::ostream& out, const TimedWait& wait) { return out << wait.name; }

constexpr std::array timed_waits{TimedWait{"Futex", wait_for_futex},
                                 TimedWait{"RobustMutex", wait_for_robust_mutex},
                                 TimedWait{"SharedRwlockOfAWriter", wait_for_rwlock},
                                 TimedWait{"SharedRwlockOfAReader", wait_for_readers_of_rwlock},
                                 TimedWait{"SharedCondition", wait_for_condition},
                                 TimedWait{"SysvSemaphoreSet", wait_for_sysv_semaphore},
                                 TimedWait{"PosixSemaphore", wait_for_posix_semaphore},
                                 TimedWait{"FileLock", wait_for_file_lock},
                                 TimedWait{"RangeLocks", wait_for_range_locks}};

class TimedWaits : public ::testing::TestWithParam<TimedWait> {};

TEST_P(TimedWaits, EndAtTheDeadlineAndNotBefore) {
  const auto start = Deadline::Clock::now();
  GetParam().wait(Deadline::after(30ms));
  EXPECT_GE(Deadline::Clock::now() - start, 30ms);
}

TEST_P(TimedWaits, AreOnTheMonotonicClockOnly) {
  if (!std::filesystem::exists("/usr/bin/strace")) GTEST_SKIP() << "needs strace";
  // AddressSanitizer's leak check and strace exclude each other.
  const auto traced =
      test::run_program({"env", "ASAN_OPTIONS=detect_leaks=0", "strace", "-f", "-qq", "-e", "signal=none", "-e",
                         "trace=futex,futex_waitv,semtimedop,semtimedop_time64,clock_nanosleep,nanosleep,ppoll,poll,"
                         "pselect6,timerfd_settime",
                         std::filesystem::read_symlink("/proc/self/exe").string(),
                         "--gtest_filter=*TimedWaits.EndAtTheDeadlineAndNotBefore/" + std::string{GetParam().name}});
  EXPECT_TRUE(traced.status.success()) << traced.output;
  EXPECT_NE(traced.output.find("[  PASSED  ] 1 test"), std::string::npos) << traced.output;
  // Without a time the clock is of no account: so does libc wait for a thread's end.
  EXPECT_FALSE(std::regex_search(traced.errors, std::regex{R"(CLOCK_REALTIME[^\n]*\{tv_sec)"})) << traced.errors;
  // Something did wait, with a time; else the trace proves nothing.
  EXPECT_NE(traced.errors.find("tv_nsec="), std::string::npos) << traced.errors;
}

INSTANTIATE_TEST_SUITE_P(All, TimedWaits, ::testing::ValuesIn(timed_waits),
                         [](const auto& wait) { return std::string{wait.param.name}; });

}  // namespace
}  // namespace ginnel
