#include "ginnel/sys/shared_condition.hpp"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/signal_storm.hpp"
#include "support/single_step.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<ReadWriteMapping> shared_memory() {
  auto memory = ReadWriteMapping::anonymous(Bytes{4096});
  if (!memory) throw std::runtime_error{memory.error().message()};
  return std::make_shared<ReadWriteMapping>(std::move(*memory));
}

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error{result.error().message()};
  return std::move(*result);
}

class SharedConditionTest : public ::testing::Test {
 protected:
  std::atomic<int>& value() { return *reinterpret_cast<std::atomic<int>*>(memory_->bytes().data() + 1024); }

  MutexGuard lock() { return must(mutex_.lock(Deadline::after(20s))).as<MutexGuard>(); }

  /// Waits until the value is at least that.
  void wait_for(int least) {
    MutexGuard guard = lock();
    while (value().load() < least) {
      auto waited = must(condition_.wait(mutex_, std::move(guard), Deadline::never()));
      guard = std::move(waited.lock).as<MutexGuard>();
    }
  }
  void set(int number) {
    {
      const MutexGuard guard = lock();
      value() = number;
    }
    ASSERT_TRUE(condition_.notify());
  }
  /// A process that answers each odd number with the next even one, up to `last`.
  test::ChildProcess fork_answerer(int last) {
    return test::fork_child([this, last](test::Ready ready) {
      ready.say();
      for (int number = 1; number < last; number += 2) {
        wait_for(number);
        set(number + 1);
      }
    });
  }

  std::shared_ptr<ReadWriteMapping> memory_ = shared_memory();
  RobustMutex mutex_ = must(RobustMutex::create_in({.memory = memory_, .offset = 0}));
  SharedCondition condition_ = must(SharedCondition::create_in({.memory = memory_, .offset = 64}));
};

// So many turns that looking again every 50 ms instead of waking would run into the watchdog.
constexpr int many_turns = 2'000;

TEST_F(SharedConditionTest, EachNotifyWakesTheOtherProcessAlsoInAStormOfSignals) {
  auto answerer = fork_answerer(many_turns);
  const test::SignalStorm storm;
  for (int number = 1; number < many_turns; number += 2) {
    set(number);
    wait_for(number + 1);
  }
  EXPECT_TRUE(answerer.wait().success());
}

// A pthread_cond_t loses the second signal after this and hangs in the third.
TEST_F(SharedConditionTest, AKilledWaiterSpoilsNoLaterNotify) {
  std::vector<test::ChildProcess> doomed;
  for (int i = 0; i < 3; ++i) doomed.push_back(test::fork_child([this](test::Ready) { wait_for(1'000'000); }));
  for (auto& waiter : doomed) test::wait_until_blocked_in(waiter.pid(), SYS_futex);
  auto answerer = fork_answerer(many_turns);
  answerer.wait_until_ready();
  for (auto& waiter : doomed) waiter.kill_and_reap(SIGKILL);
  if (auto outcome = must(mutex_.lock()); outcome.is<OrphanedGuard>()) {  // one died while it looked again
    const MutexGuard repaired = std::move(outcome).as<OrphanedGuard>().mark_consistent();
  }

  for (int number = 1; number < many_turns; number += 2) {
    set(number);
    wait_for(number + 1);
  }
  EXPECT_TRUE(answerer.wait().success());
}

TEST_F(SharedConditionTest, WakesEveryWaiter) {
  std::vector<test::ChildProcess> waiters;
  for (int i = 0; i < 8; ++i) waiters.push_back(test::fork_child([this](test::Ready) { wait_for(1); }));
  for (auto& waiter : waiters) test::wait_until_blocked_in(waiter.pid(), SYS_futex);
  set(1);
  for (auto& waiter : waiters) EXPECT_TRUE(waiter.wait().success());
}

TEST_F(SharedConditionTest, ANotifierKilledBetweenItsChangeAndTheNotifyIsMadeGood) {
  auto waiter = test::fork_child([this](test::Ready) { wait_for(1); });
  test::wait_until_blocked_in(waiter.pid(), SYS_futex);
  auto notifier = test::fork_child([this](test::Ready ready) {
    {
      const MutexGuard guard = lock();
      value() = 1;
    }
    ready.say();
    ready.stay();
  });
  notifier.wait_until_ready();
  notifier.kill_and_reap(SIGKILL);
  EXPECT_TRUE(waiter.wait().success());
}

TEST_F(SharedConditionTest, ANotifierThatDiesWithTheLockLeavesItOrphanedToTheWaiter) {
  auto waiter = test::fork_child([this](test::Ready) {
    MutexGuard guard = lock();
    while (true) {
      auto waited = must(condition_.wait(mutex_, std::move(guard), Deadline::never()));
      if (waited.lock.is<OrphanedGuard>()) {
        EXPECT_EQ(value().load(), 1);
        const MutexGuard repaired = std::move(waited.lock).as<OrphanedGuard>().mark_consistent();
        return;
      }
      guard = std::move(waited.lock).as<MutexGuard>();  // looked again before the notify
    }
  });
  test::wait_until_blocked_in(waiter.pid(), SYS_futex);
  auto notifier = test::fork_child([this](test::Ready ready) {
    const MutexGuard guard = lock();
    value() = 1;
    ASSERT_TRUE(condition_.notify());
    ready.say();
    ready.stay();
  });
  notifier.wait_until_ready();
  notifier.kill_and_reap(SIGKILL);
  EXPECT_TRUE(waiter.wait().success());
}

TEST_F(SharedConditionTest, TheLockComesBackAlsoAfterTheDeadline) {
  for (const Deadline deadline : {Deadline::immediately(), Deadline::after(20ms)}) {
    MutexGuard guard = lock();
    bool timed_out = false;
    while (!timed_out) {
      auto waited = must(condition_.wait(mutex_, std::move(guard), deadline));
      timed_out = waited.timed_out;
      guard = std::move(waited.lock).as<MutexGuard>();
    }
    EXPECT_TRUE(deadline.passed());
    auto other = test::fork_child(
        [this](test::Ready) { EXPECT_TRUE(must(mutex_.lock(Deadline::immediately())).is<TimedOut>()); });
    EXPECT_TRUE(other.wait().success());
  }
}

TEST_F(SharedConditionTest, AWaitLooksAgainWithoutANotifyBeforeItsDeadline) {
  auto waited = must(condition_.wait(mutex_, lock(), Deadline::never()));
  EXPECT_FALSE(waited.timed_out);
  EXPECT_TRUE(waited.lock.is<MutexGuard>());
}

TEST_F(SharedConditionTest, AMutexThatIsLostIsAnErrorOfTheWait) {
  auto waiter = test::fork_child([this](test::Ready ready) {
    ready.say();
    MutexGuard guard = lock();
    while (true) {
      auto waited = condition_.wait(mutex_, std::move(guard), Deadline::never());
      if (!waited) {
        EXPECT_EQ(waited.error().code(), ENOTRECOVERABLE);
        return;
      }
      guard = std::move(waited->lock).as<MutexGuard>();  // looked again before the loss
    }
  });
  waiter.wait_until_ready();
  test::wait_until_blocked_in(waiter.pid(), SYS_futex);
  waiter.stop();  // or it might itself be the one who learns of the death
  auto holder = test::fork_child([this](test::Ready ready) {
    const MutexGuard guard = lock();
    ready.say();
    ready.stay();
  });
  holder.wait_until_ready();
  holder.kill_and_reap(SIGKILL);
  {
    const auto dropped = must(mutex_.lock());
  }
  waiter.resume();
  EXPECT_TRUE(waiter.wait().success());
}

TEST_F(SharedConditionTest, WhateverInstructionKillsAWaiterOrANotifierTheOthersGoOn) {
  const auto body = [this] {
    {
      const auto waited = must(condition_.wait(mutex_, lock(), Deadline::immediately()));
    }
    (void)condition_.notify();
  };
  body();  // or the children would walk through the dynamic linker
  const auto total = test::count_steps(body);
  if (!total) GTEST_SKIP() << "ptrace is forbidden here";
  auto answerer = fork_answerer(1'000'000);
  answerer.wait_until_ready();
  const long stride = std::max(1L, *total / 10);
  int number = 1;
  for (long steps = std::random_device{}() % stride; steps < *total; steps += stride, number += 2) {
    // The answerer stays asleep on the condition meanwhile: with the mutex in the hands of a dead one it would be told.
    answerer.stop();
    ASSERT_TRUE(test::kill_after_steps(steps, body));
    if (auto outcome = must(mutex_.lock(Deadline::after(20s))); outcome.is<OrphanedGuard>()) {
      const MutexGuard repaired = std::move(outcome).as<OrphanedGuard>().mark_consistent();
    }
    answerer.resume();
    set(number);
    wait_for(number + 1);
  }
}

TEST_F(SharedConditionTest, PlacesWithoutAFinishedConditionAreRefused) {
  EXPECT_EQ(SharedCondition::open_in({.memory = memory_, .offset = 0}).error().code(), EINVAL);  // the mutex
  EXPECT_EQ(SharedCondition::open_in({.memory = memory_, .offset = 128}).error().code(), EINVAL);
  EXPECT_EQ(SharedCondition::create_in({.memory = memory_, .offset = 4}).error().code(), EINVAL);
  EXPECT_TRUE(SharedCondition::open_in({.memory = memory_, .offset = 64}));
}

TEST_F(SharedConditionTest, ThreadsHandOverWithoutARace) {
  constexpr int turns = 500;
  int turn = 0;  // no atomic: guarded by the mutex alone
  const auto play = [&](int mine) {
    MutexGuard guard = lock();
    while (turn < turns) {
      if (turn % 2 == mine) {
        ++turn;
        ASSERT_TRUE(condition_.notify());
      } else {
        auto waited = must(condition_.wait(mutex_, std::move(guard), Deadline::never()));
        guard = std::move(waited.lock).as<MutexGuard>();
      }
    }
  };
  std::thread other{play, 1};
  play(0);
  other.join();
  EXPECT_EQ(turn, turns);
}

}  // namespace
}  // namespace ginnel
