#include "ginnel/sys/futex.hpp"

#include <gtest/gtest.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <new>
#include <thread>
#include <vector>

#include "ginnel/sys/mapping.hpp"
#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/signal_storm.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

/// Words that this process and its children share.
class FutexTest : public ::testing::Test {
 protected:
  FutexWord& word(std::size_t index = 0) {
    return *reinterpret_cast<FutexWord*>(memory_->bytes().data() + index * sizeof(FutexWord));
  }
  Result<ReadWriteMapping> memory_ = ReadWriteMapping::anonymous(Bytes{4096});
};

using WaitAny = Result<Outcome<Woken, TimedOut>> (*)(std::span<const FutexWaiter>, Deadline);
constexpr std::array<WaitAny, 2> both_ways{&futex_wait_any, &detail::futex_wait_any_by_slices};

TEST_F(FutexTest, AWordThatDiffersAlreadyEndsTheWaitAtOnce) {
  word() = 1;
  for (const Deadline deadline : {Deadline::never(), Deadline::immediately(), Deadline::after(10s)}) {
    auto outcome = futex_wait(word(), 0, deadline);
    ASSERT_TRUE(outcome);
    EXPECT_TRUE(outcome->is<ValueChanged>());
  }
}

TEST_F(FutexTest, GivesUpAtItsDeadlineAndNotBefore) {
  auto at_once = futex_wait(word(), 0, Deadline::immediately());
  ASSERT_TRUE(at_once);
  EXPECT_TRUE(at_once->is<TimedOut>());

  const test::SignalStorm storm;
  const auto before = Deadline::Clock::now();
  auto late = futex_wait(word(), 0, Deadline::after(30ms));
  ASSERT_TRUE(late);
  EXPECT_TRUE(late->is<TimedOut>());
  EXPECT_GE(Deadline::Clock::now() - before, 30ms);
  EXPECT_GT(test::SignalStorm::handled(), 0);
}

TEST_F(FutexTest, WakesAsManyWaitersOfOtherProcessesAsAskedAndTellsHowMany) {
  std::vector<test::ChildProcess> waiters;
  for (int i = 0; i < 3; ++i)
    waiters.push_back(test::fork_child([&](test::Ready) {
      auto outcome = futex_wait(word(), 0);
      ASSERT_TRUE(outcome);
      EXPECT_TRUE(outcome->is<Done>());
    }));
  for (auto& waiter : waiters) test::wait_until_blocked_in(waiter.pid(), SYS_futex);
  EXPECT_EQ(futex_wake(word(), 0), 0);
  EXPECT_EQ(futex_wake(word(), 2), 2);
  EXPECT_EQ(futex_wake(word(), wake_all), 1);
  for (auto& waiter : waiters) EXPECT_TRUE(waiter.wait().success());
  EXPECT_EQ(futex_wake(word(), wake_all), 0);
}

TEST_F(FutexTest, ReachesAWaiterThatHasTheSameMemoryElsewhereAndMayOnlyReadIt) {
  const UniqueFd memfd{::memfd_create("ginnel-test", MFD_CLOEXEC)};
  ASSERT_EQ(::ftruncate(memfd.get(), 4096), 0);
  auto writable = ReadWriteMapping::map(memfd.get(), Bytes{4096});
  ASSERT_TRUE(writable);
  auto& shared = *reinterpret_cast<FutexWord*>(writable->bytes().data());

  auto waiter = test::fork_child([&](test::Ready) {
    auto readable = ReadOnlyMapping::map(memfd.get(), Bytes{4096});
    ASSERT_TRUE(readable);
    const auto& same = *reinterpret_cast<const FutexWord*>(readable->bytes().data());
    ASSERT_NE(&same, &shared);
    auto outcome = futex_wait(same, 0);
    ASSERT_TRUE(outcome) << outcome.error().message();
    EXPECT_TRUE(outcome->is<Done>());
  });
  test::wait_until_blocked_in(waiter.pid(), SYS_futex);
  shared = 1;
  EXPECT_EQ(futex_wake(shared, wake_all), 1);
  EXPECT_TRUE(waiter.wait().success());
}

TEST_F(FutexTest, AKilledWaiterTakesNoWakeWithIt) {
  auto doomed = test::fork_child([&](test::Ready) { (void)futex_wait(word(), 0); });
  auto healthy = test::fork_child([&](test::Ready) { EXPECT_TRUE(futex_wait(word(), 0)); });
  test::wait_until_blocked_in(doomed.pid(), SYS_futex);
  test::wait_until_blocked_in(healthy.pid(), SYS_futex);
  doomed.kill_and_reap(SIGKILL);
  EXPECT_EQ(futex_wake(word(), 1), 1);
  EXPECT_TRUE(healthy.wait().success());
}

// Each passes the turn to the other; a single wake lost would leave both asleep.
TEST_F(FutexTest, TwoProcessesPassATurnToAndFroInAStormOfSignals) {
  constexpr std::uint32_t turns = 20'000;
  const auto play = [&](std::uint32_t mine) {
    const test::SignalStorm storm;
    while (true) {
      const std::uint32_t now = word().load();
      if (now >= turns) return;
      if (now % 2 == mine) {
        word().store(now + 1);
        ASSERT_TRUE(futex_wake(word(), wake_all));
      } else {
        ASSERT_TRUE(futex_wait(word(), now));
      }
    }
  };
  auto other = test::fork_child([&](test::Ready) { play(1); });
  play(0);
  EXPECT_TRUE(other.wait().success());
  EXPECT_GE(word().load(), turns);
}

TEST_F(FutexTest, ThreadsPassATurnToAndFro) {
  constexpr std::uint32_t turns = 5'000;
  std::uint64_t guarded = 0;  // by the turn: a race here is one that TSan sees
  const auto play = [&](std::uint32_t mine) {
    for (std::uint32_t now = 0; (now = word().load()) < turns;) {
      if (now % 2 == mine) {
        ++guarded;
        word().store(now + 1);
        (void)futex_wake(word(), wake_all);
      } else {
        (void)futex_wait(word(), now);
      }
    }
  };
  std::thread other{play, 1};
  play(0);
  other.join();
  EXPECT_EQ(guarded, turns);
}

TEST_F(FutexTest, AnyOfManyWordsWakesAndIsNamed) {
  for (const WaitAny wait_any : both_ways) {
    std::vector<FutexWaiter> waiters;
    for (std::size_t i = 0; i < futex_wait_many_max; ++i) {
      word(i) = 7;
      waiters.push_back({.word = &word(i), .expected = 7});
    }
    for (const std::size_t chosen : {std::size_t{0}, std::size_t{1}, futex_wait_many_max - 1}) {
      auto waiter = test::fork_child([&](test::Ready) {
        auto outcome = wait_any(waiters, Deadline::never());
        ASSERT_TRUE(outcome && outcome->is<Woken>());
        EXPECT_EQ(outcome->as<Woken>().index, chosen);
      });
      test::wait_until_blocked_in(waiter.pid(), wait_any == &futex_wait_any ? SYS_futex_waitv : SYS_futex);
      word(chosen) = 8;
      ASSERT_TRUE(futex_wake(word(chosen), wake_all));
      EXPECT_TRUE(waiter.wait().success());
      word(chosen) = 7;
    }
  }
}

TEST_F(FutexTest, AnyTellsWhatHasChangedAlreadyAndKeepsDeadlines) {
  const std::array waiters{FutexWaiter{&word(0), 0}, FutexWaiter{&word(1), 0}};
  for (const WaitAny wait_any : both_ways) {
    word(1) = 0;
    auto nothing = wait_any(waiters, Deadline::immediately());
    ASSERT_TRUE(nothing);
    EXPECT_TRUE(nothing->is<TimedOut>());

    const auto before = Deadline::Clock::now();
    auto late = wait_any(waiters, Deadline::after(20ms));
    ASSERT_TRUE(late);
    EXPECT_TRUE(late->is<TimedOut>());
    EXPECT_GE(Deadline::Clock::now() - before, 20ms);

    word(1) = 9;
    auto changed = wait_any(waiters, Deadline::immediately());
    ASSERT_TRUE(changed && changed->is<Woken>());
    EXPECT_EQ(changed->as<Woken>().index, 1U);
  }
}

TEST_F(FutexTest, AnyOfNoneOrOfTooManyIsRefused) {
  const std::vector<FutexWaiter> too_many(futex_wait_many_max + 1, FutexWaiter{&word(), 0});
  for (const WaitAny wait_any : both_ways) {
    EXPECT_EQ(wait_any({}, Deadline::never()).error().code(), EINVAL);
    auto refused = wait_any(too_many, Deadline::never());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EINVAL);
    EXPECT_NE(refused.error().message().find("129"), std::string::npos);
  }
}

TEST_F(FutexTest, MemoryThatIsNotThereIsAnError) {
  FutexWord* gone = nullptr;
  {
    auto memory = ReadWriteMapping::anonymous(Bytes{4096});
    ASSERT_TRUE(memory);
    gone = reinterpret_cast<FutexWord*>(memory->bytes().data());
  }
  EXPECT_EQ(futex_wait(*gone, 0, Deadline::immediately()).error().code(), EFAULT);
  EXPECT_EQ(futex_wake(*gone, 1).error().code(), EFAULT);
}

}  // namespace
}  // namespace ginnel
