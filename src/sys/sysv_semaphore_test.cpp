#include "ginnel/sys/sysv_semaphore.hpp"

#include <gtest/gtest.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <initializer_list>
#include <stdexcept>
#include <thread>

#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"
#include "support/signal_storm.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;
using Operated = Result<Outcome<Done, Removed, TimedOut>>;

/// A private set of two semaphores, 1 and 0, that goes with the test.
class SysvSemaphoreTest : public ::testing::Test {
 protected:
  ~SysvSemaphoreTest() override { ::semctl(set_.id(), 0, IPC_RMID); }

  SysvSemaphoreSet& set() { return set_; }
  unsigned value(unsigned short index) { return set_.status(index)->value; }
  Operated operate(std::initializer_list<SemaphoreStep> steps, Deadline deadline = Deadline::never()) {
    return set_.operate(std::span{steps.begin(), steps.size()}, deadline);
  }

 private:
  static SysvSemaphoreSet make() {
    auto made = SysvSemaphoreSet::create(std::nullopt, std::array<unsigned short, 2>{1, 0});
    if (!made) throw std::runtime_error{made.error().message()};
    return *made;
  }
  SysvSemaphoreSet set_ = make();
};

bool is_done(const Operated& outcome) { return outcome && outcome->is<Done>(); }
bool timed_out(const Operated& outcome) { return outcome && outcome->is<TimedOut>(); }
bool is_removed(const Operated& outcome) { return outcome && outcome->is<Removed>(); }

constexpr SemaphoreStep take_first{.index = 0, .change = -1};
constexpr SemaphoreStep take_second{.index = 1, .change = -1};
constexpr SemaphoreStep give_first{.index = 0, .change = 1};
constexpr SemaphoreStep give_second{.index = 1, .change = 1};

TEST_F(SysvSemaphoreTest, AnOperationOnTwoSemaphoresIsDoneWholeOrNotAtAll) {
  EXPECT_TRUE(timed_out(operate({take_first, take_second}, Deadline::immediately())));
  EXPECT_EQ(value(0), 1U);

  auto waiter = test::fork_child([&](test::Ready) { EXPECT_TRUE(is_done(operate({take_first, take_second}))); });
  test::wait_until_blocked_in(waiter.pid(), SYS_semtimedop);
  EXPECT_EQ(value(0), 1U);  // the one that is to be had is not held meanwhile
  EXPECT_TRUE(is_done(operate({take_first}, Deadline::immediately())));
  EXPECT_TRUE(is_done(operate({give_second})));
  EXPECT_EQ(value(1), 1U);  // still both or none
  EXPECT_TRUE(is_done(operate({give_first})));
  EXPECT_TRUE(waiter.wait().success());
  EXPECT_EQ(value(0), 0U);
  EXPECT_EQ(value(1), 0U);
}

TEST_F(SysvSemaphoreTest, WaitsForZero) {
  const SemaphoreStep first_is_zero{.index = 0, .change = 0};
  EXPECT_TRUE(timed_out(operate({first_is_zero}, Deadline::immediately())));
  auto waiter = test::fork_child([&](test::Ready) { EXPECT_TRUE(is_done(operate({first_is_zero, give_second}))); });
  test::wait_until_blocked_in(waiter.pid(), SYS_semtimedop);
  EXPECT_TRUE(is_done(operate({take_first})));
  EXPECT_TRUE(waiter.wait().success());
  EXPECT_EQ(value(1), 1U);
}

TEST_F(SysvSemaphoreTest, WhatAKilledHolderTookWithUndoComesBackAndWakesTheNext) {
  auto holder = test::fork_child([&](test::Ready ready) {
    ASSERT_TRUE(is_done(operate({{.index = 0, .change = -1, .undo = true}, {.index = 1, .change = 3, .undo = true}})));
    ready.say();
    ready.stay();
  });
  holder.wait_until_ready();
  auto next = test::fork_child([&](test::Ready) { EXPECT_TRUE(is_done(operate({take_first}))); });
  test::wait_until_blocked_in(next.pid(), SYS_semtimedop);
  EXPECT_EQ(value(1), 3U);

  holder.kill_and_reap(SIGKILL);
  EXPECT_TRUE(next.wait().success());
  EXPECT_EQ(value(1), 0U);
}

TEST_F(SysvSemaphoreTest, WhatAKilledHolderTookWithoutUndoIsLost) {
  auto holder = test::fork_child([&](test::Ready ready) {
    ASSERT_TRUE(is_done(operate({take_first})));
    ready.say();
    ready.stay();
  });
  holder.wait_until_ready();
  holder.kill_and_reap(SIGKILL);
  EXPECT_TRUE(timed_out(operate({take_first}, Deadline::after(20ms))));
}

TEST_F(SysvSemaphoreTest, TheOthersGoOnWhenAWaiterIsKilled) {
  const auto take = [&](test::Ready) { EXPECT_TRUE(is_done(operate({take_second}))); };
  auto victim = test::fork_child(take);
  test::wait_until_blocked_in(victim.pid(), SYS_semtimedop);
  auto survivor = test::fork_child(take);
  test::wait_until_blocked_in(survivor.pid(), SYS_semtimedop);

  victim.kill_and_reap(SIGKILL);
  EXPECT_TRUE(is_done(operate({give_second})));
  EXPECT_TRUE(survivor.wait().success());
  EXPECT_EQ(value(1), 0U);
}

TEST_F(SysvSemaphoreTest, WaitsEndAtTheirDeadline) {
  EXPECT_TRUE(timed_out(operate({take_second}, Deadline::immediately())));
  EXPECT_TRUE(timed_out(operate({take_second}, Deadline::after(-1s))));
  const auto before = Deadline::Clock::now();
  EXPECT_TRUE(timed_out(operate({take_second}, Deadline::after(20ms))));
  EXPECT_GE(Deadline::Clock::now() - before, 20ms);
}

TEST_F(SysvSemaphoreTest, ASignalStormLosesAndDoublesNothingAndProlongsNoWait) {
  for (const Deadline deadline : {Deadline::never(), Deadline::after(30s)}) {
    ASSERT_TRUE(is_done(operate({take_first})));
    constexpr int rounds = 5000;
    auto peer = test::fork_child([&](test::Ready) {
      test::SignalStorm storm;
      for (int i = 0; i < rounds; ++i) ASSERT_TRUE(is_done(operate({take_first, give_second}, deadline)));
    });
    {
      test::SignalStorm storm;
      for (int i = 0; i < rounds; ++i) {
        ASSERT_TRUE(is_done(operate({give_first}, deadline)));
        ASSERT_TRUE(is_done(operate({take_second}, deadline)));
      }
      EXPECT_TRUE(timed_out(operate({take_second}, Deadline::after(20ms))));
      EXPECT_GT(test::SignalStorm::handled(), 10);
    }
    EXPECT_TRUE(peer.wait().success());
    EXPECT_EQ(value(0), 0U);
    EXPECT_EQ(value(1), 0U);
    ASSERT_TRUE(is_done(operate({give_first})));
  }
}

TEST_F(SysvSemaphoreTest, ThreadsThatTakeTheOnlyCountExcludeEachOther) {
  std::atomic<int> inside{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < 500; ++round) {
        ASSERT_TRUE(is_done(operate({{.index = 0, .change = -1, .undo = true}})));
        EXPECT_EQ(inside.fetch_add(1), 0);
        inside.fetch_sub(1);
        ASSERT_TRUE(is_done(operate({{.index = 0, .change = 1, .undo = true}})));
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(value(0), 1U);
}

TEST_F(SysvSemaphoreTest, RemovalWakesAllWhoWaitAndIsToldToTheLateOnes) {
  std::vector<test::ChildProcess> waiters;
  for (const Deadline deadline : {Deadline::never(), Deadline::after(20s)})
    waiters.push_back(
        test::fork_child([&](test::Ready) { EXPECT_TRUE(is_removed(operate({take_second}, deadline))); }));
  for (auto& waiter : waiters) test::wait_until_blocked_in(waiter.pid(), SYS_semtimedop);

  ASSERT_TRUE(set().remove());
  for (auto& waiter : waiters) EXPECT_TRUE(waiter.wait().success());
  EXPECT_TRUE(is_removed(operate({take_first})));
  EXPECT_TRUE(is_removed(operate({take_first}, Deadline::immediately())));
  EXPECT_FALSE(set().status(0));
  EXPECT_FALSE(set().statistics());
  auto again = set().remove();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().hint(), "the set is gone already");
}

TEST_F(SysvSemaphoreTest, TellsValueLastUserAndWaitersOfEach) {
  auto taker = test::fork_child([&](test::Ready) { ASSERT_TRUE(is_done(operate({give_first}))); });
  ASSERT_TRUE(taker.wait().success());
  auto for_increase = test::fork_child([&](test::Ready) { (void)operate({take_second}); });
  auto for_zero = test::fork_child([&](test::Ready) { (void)operate({{.index = 0, .change = 0}}); });
  for (auto* waiter : {&for_increase, &for_zero}) test::wait_until_blocked_in(waiter->pid(), SYS_semtimedop);

  auto first = set().status(0);
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(first->value, 2U);
  EXPECT_EQ(first->last_pid, taker.pid());
  EXPECT_EQ(first->waiting_for_zero, 1U);
  EXPECT_EQ(first->waiting_for_increase, 0U);
  auto second = set().status(1);
  EXPECT_EQ(second->waiting_for_increase, 1U);
  EXPECT_EQ(second->waiting_for_zero, 0U);
  EXPECT_EQ(set().waiting().value(), 2U);

  auto beyond = set().status(2);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().hint(), "semaphore 2 of a set of 2, which are counted from 0");
}

TEST_F(SysvSemaphoreTest, TellsItsStatistics) {
  auto statistics = set().statistics();
  ASSERT_TRUE(statistics);
  EXPECT_EQ(statistics->count, 2U);
  EXPECT_NE(statistics->operation_time, 0);
  EXPECT_NE(statistics->change_time, 0);
  EXPECT_EQ(statistics->owner, ::geteuid());
  EXPECT_EQ(statistics->mode, 0600U);
}

TEST_F(SysvSemaphoreTest, WhatNoSetCanDoIsRefusedWithTheReason) {
  const auto hint = [](const Operated& refused, int code) {
    if (refused) return std::string{"(not refused)"};
    EXPECT_EQ(errno_name(refused.error().code()), errno_name(code));
    return refused.error().hint();
  };
  EXPECT_EQ(hint(operate({}), EINVAL), "there are no steps to do");
  EXPECT_EQ(hint(operate({{.index = 2, .change = 1}}), EFBIG),
            "a step names a semaphore that the set has not; it has 2, counted from 0");
  EXPECT_EQ(hint(operate({{.index = 0, .change = SysvSemaphoreSet::value_max}}), ERANGE),
            "a value, or what is to be undone at exit, would go over SEMVMX 32767");
  EXPECT_EQ(value(0), 1U);
}

}  // namespace
}  // namespace ginnel
