#include "ginnel/sys/robust_mutex.hpp"

#include <gtest/gtest.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "ginnel/sys/memfd.hpp"
#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/signal_storm.hpp"
#include "support/single_step.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<ReadWriteMapping> shared_memory(std::size_t bytes = 4096) {
  auto memory = ReadWriteMapping::anonymous(Bytes{bytes});
  if (!memory) throw std::runtime_error{memory.error().message()};
  return std::make_shared<ReadWriteMapping>(std::move(*memory));
}

/// What a mutex guards: whole only when both words are equal.
struct Pair {
  std::atomic<std::uint64_t> first;
  std::atomic<std::uint64_t> second;
  std::atomic<std::uint64_t> broken;  ///< how often somebody found them unequal under the lock
};

class RobustMutexTest : public ::testing::Test {
 protected:
  RobustMutexTest() {
    auto made = RobustMutex::create_in({.memory = memory_, .offset = 0});
    if (!made) throw std::runtime_error{made.error().message()};
    mutex_.emplace(std::move(*made));
  }
  RobustMutex& mutex() { return *mutex_; }
  Pair& pair() { return *reinterpret_cast<Pair*>(memory_->bytes().data() + 1024); }

  LockOutcome lock(Deadline deadline = Deadline::after(20s)) {
    auto outcome = mutex().lock(deadline);
    if (!outcome) throw std::runtime_error{outcome.error().message()};
    return std::move(*outcome);
  }
  bool is_free() { return lock(Deadline::immediately()).is<MutexGuard>(); }

  test::ChildProcess fork_holder() {
    auto holder = test::fork_child([this](test::Ready ready) {
      auto held = lock();
      ASSERT_TRUE(held.is<MutexGuard>());
      ready.say();
      ready.wait_for_release();
    });
    holder.wait_until_ready();
    return holder;
  }

  std::shared_ptr<ReadWriteMapping> memory_ = shared_memory();
  std::optional<RobustMutex> mutex_;
};

TEST_F(RobustMutexTest, ExcludesAnotherProcessUntilItIsReleased) {
  auto holder = fork_holder();
  EXPECT_FALSE(is_free());
  holder.release();
  EXPECT_TRUE(holder.wait().success());
  EXPECT_TRUE(is_free());
}

TEST_F(RobustMutexTest, NextLockerLearnsThatTheOwnerWasKilledAndOnlyTheNext) {
  for (const Deadline deadline : {Deadline::never(), Deadline::after(20s), Deadline::immediately()}) {
    auto holder = fork_holder();
    holder.kill_and_reap(SIGKILL);
    {
      auto outcome = lock(deadline);
      ASSERT_TRUE(outcome.is<OrphanedGuard>());
      const MutexGuard repaired = std::move(outcome).as<OrphanedGuard>().mark_consistent();
    }
    EXPECT_TRUE(is_free());
  }
}

// What a killed waiter leaves when another process took the lock between its wake-up and its death: a holder who does not
// know that somebody waits, and so will wake nobody.
TEST_F(RobustMutexTest, AWaiterWhoseWakeUpWasLostGetsTheLockAllTheSame) {
  for (const Deadline deadline : {Deadline::never(), Deadline::after(60s)}) {
    auto holder = fork_holder();
    auto waiter = test::fork_child([&](test::Ready ready) {
      ready.say();
      ASSERT_TRUE(lock(deadline).is<MutexGuard>());
    });
    waiter.wait_until_ready();
    test::wait_until_blocked_in(waiter.pid(), SYS_futex);
    std::atomic_ref{*reinterpret_cast<std::uint32_t*>(memory_->bytes().data())}.fetch_and(~FUTEX_WAITERS);
    holder.release();
    EXPECT_TRUE(holder.wait().success());
    EXPECT_TRUE(waiter.wait().success());
  }
}

TEST_F(RobustMutexTest, ARepairerThatDiesLeavesTheRepairToTheNext) {
  fork_holder().kill_and_reap(SIGKILL);
  auto repairer = test::fork_child([this](test::Ready ready) {
    auto outcome = lock();
    ASSERT_TRUE(outcome.is<OrphanedGuard>());
    ready.say();
    ready.stay();
  });
  repairer.wait_until_ready();
  repairer.kill_and_reap(SIGKILL);
  auto outcome = lock();
  ASSERT_TRUE(outcome.is<OrphanedGuard>());
  const MutexGuard repaired = std::move(outcome).as<OrphanedGuard>().mark_consistent();
}

TEST_F(RobustMutexTest, AWaiterIsWokenByTheDeathOfTheHolder) {
  auto holder = fork_holder();
  auto waiter = test::fork_child([this](test::Ready) {
    auto outcome = lock(Deadline::never());
    ASSERT_TRUE(outcome.is<OrphanedGuard>());
    const MutexGuard repaired = std::move(outcome).as<OrphanedGuard>().mark_consistent();
  });
  test::wait_until_blocked_in(waiter.pid(), SYS_futex);
  holder.kill_and_reap(SIGKILL);
  EXPECT_TRUE(waiter.wait().success());
  EXPECT_TRUE(is_free());
}

TEST_F(RobustMutexTest, AnOrphanDroppedUnrepairedIsLostInEveryProcessUntilItIsMadeAnew) {
  fork_holder().kill_and_reap(SIGKILL);
  {
    const auto dropped = lock();
  }
  const auto expect_lost = [this](Deadline deadline) {
    auto refused = mutex().lock(deadline);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ENOTRECOVERABLE);
    EXPECT_NE(refused.error().message().find("create_in()"), std::string::npos);
  };
  for (const Deadline deadline : {Deadline::never(), Deadline::after(1s), Deadline::immediately()})
    expect_lost(deadline);
  auto other = test::fork_child([&](test::Ready) { expect_lost(Deadline::never()); });
  EXPECT_TRUE(other.wait().success());

  auto anew = RobustMutex::create_in({.memory = memory_, .offset = 0});
  ASSERT_TRUE(anew);
  EXPECT_TRUE(is_free());
}

TEST_F(RobustMutexTest, AStoppedHolderIsNotTakenForDead) {
  auto holder = fork_holder();
  holder.stop();
  EXPECT_TRUE(lock(Deadline::after(30ms)).is<TimedOut>());
  holder.resume();
  holder.release();
  EXPECT_TRUE(holder.wait().success());
  EXPECT_TRUE(is_free());
}

TEST_F(RobustMutexTest, GivesUpAtItsDeadlineAndNotBefore) {
  auto holder = fork_holder();
  const test::SignalStorm storm;
  EXPECT_TRUE(lock(Deadline::immediately()).is<TimedOut>());
  const auto before = Deadline::Clock::now();
  EXPECT_TRUE(lock(Deadline::after(30ms)).is<TimedOut>());
  EXPECT_GE(Deadline::Clock::now() - before, 30ms);
  EXPECT_TRUE(lock(Deadline::at(before)).is<TimedOut>());
}

TEST_F(RobustMutexTest, WaitersThatAreKilledHarmNobody) {
  auto holder = fork_holder();
  std::vector<test::ChildProcess> doomed;
  for (int i = 0; i < 4; ++i)
    doomed.push_back(test::fork_child([this](test::Ready) { (void)lock(Deadline::never()); }));
  auto healthy = test::fork_child([this](test::Ready) { EXPECT_TRUE(lock(Deadline::never()).is<MutexGuard>()); });
  for (auto& waiter : doomed) test::wait_until_blocked_in(waiter.pid(), SYS_futex);
  test::wait_until_blocked_in(healthy.pid(), SYS_futex);

  for (auto& waiter : doomed) waiter.signal(SIGKILL);
  holder.release();  // while they die: the wake-up of one must not die with it
  EXPECT_TRUE(healthy.wait().success() || lock().is<OrphanedGuard>());
  EXPECT_TRUE(holder.wait().success());
}

TEST_F(RobustMutexTest, TheGuardKeepsTheMemoryMapped) {
  auto memory = shared_memory();
  auto made = RobustMutex::create_in({.memory = memory, .offset = 64});
  ASSERT_TRUE(made);
  const std::weak_ptr<ReadWriteMapping> watched = memory;
  std::optional<LockOutcome> held;
  {
    RobustMutex elsewhere = std::move(*made);
    auto outcome = elsewhere.lock();
    ASSERT_TRUE(outcome && outcome->is<MutexGuard>());
    held.emplace(std::move(*outcome));
    made = std::unexpected{Error{0, "dropped"}};
  }
  memory.reset();
  EXPECT_FALSE(watched.expired());
  held.reset();  // unlocks, and only then unmaps
  EXPECT_TRUE(watched.expired());
}

TEST_F(RobustMutexTest, AForkedChildHoldsNothingOfItsParents) {
  std::optional<LockOutcome> held{lock()};
  auto child = test::fork_child([&](test::Ready) {
    held.reset();  // its copy of the guard
    EXPECT_TRUE(lock(Deadline::immediately()).is<TimedOut>());
  });
  EXPECT_TRUE(child.wait().success());
  auto other = test::fork_child([this](test::Ready) { EXPECT_FALSE(is_free()); });
  EXPECT_TRUE(other.wait().success());
  held.reset();
  EXPECT_TRUE(is_free());
}

// What glibc tells the kernel: where to look for a lock of this thread's at its death.
TEST_F(RobustMutexTest, ATimeoutLeavesNothingForTheKernelToLookAt) {
  auto holder = fork_holder();
  EXPECT_TRUE(lock(Deadline::after(1ms)).is<TimedOut>());
  EXPECT_TRUE(lock(Deadline::immediately()).is<TimedOut>());
  robust_list_head* head = nullptr;
  std::size_t size = 0;
  ASSERT_EQ(::syscall(SYS_get_robust_list, 0, &head, &size), 0);
  EXPECT_EQ(head->list_op_pending, nullptr);
  EXPECT_EQ(head->list.next, &head->list);
}

// The kernel walks 2048 entries of a dead thread's list and leaves the rest locked for ever: hence the cap.
TEST_F(RobustMutexTest, NoMoreAreHeldAtOnceThanADeathCanFree) {
  constexpr std::size_t count = RobustMutex::held_max + 1;
  auto memory = shared_memory(count * RobustMutex::storage_bytes);
  std::vector<RobustMutex> many;
  for (std::size_t i = 0; i < count; ++i) {
    auto made = RobustMutex::create_in({.memory = memory, .offset = i * RobustMutex::storage_bytes});
    ASSERT_TRUE(made);
    many.push_back(std::move(*made));
  }
  const auto lock_all = [&](test::Ready ready) {
    std::vector<LockOutcome> held;
    for (std::size_t i = 0; i < RobustMutex::held_max; ++i) {
      auto outcome = many[i].lock(Deadline::immediately());
      ASSERT_TRUE(outcome && outcome->is<MutexGuard>());
      held.push_back(std::move(*outcome));
    }
    auto refused = many.back().lock(Deadline::immediately());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ENOLCK);
    EXPECT_NE(refused.error().message().find("2048"), std::string::npos);

    // A child starts with the count of its parent, and with none of its locks.
    auto child = test::fork_child([&](test::Ready) {
      auto outcome = many.back().lock(Deadline::immediately());
      ASSERT_TRUE(outcome) << outcome.error().message();
      EXPECT_TRUE(outcome->is<MutexGuard>());
    });
    EXPECT_TRUE(child.wait().success());
    ready.say();
    ready.stay();
  };
  auto holder = test::fork_child(lock_all);
  holder.wait_until_ready();
  holder.kill_and_reap(SIGKILL);

  std::size_t orphaned = 0;
  for (auto& mutex : many) {
    auto outcome = mutex.lock(Deadline::immediately());
    ASSERT_TRUE(outcome);
    if (!outcome->is<OrphanedGuard>()) continue;
    ++orphaned;
    const MutexGuard repaired = std::move(*outcome).as<OrphanedGuard>().mark_consistent();
  }
  EXPECT_EQ(orphaned, RobustMutex::held_max);
}

TEST_F(RobustMutexTest, PlacesWithoutAFinishedMutexAreRefused) {
  const auto code_of = [](const Result<RobustMutex>& result) { return result ? 0 : result.error().code(); };
  EXPECT_EQ(code_of(RobustMutex::create_in({.memory = memory_, .offset = 8})), EINVAL);
  EXPECT_EQ(code_of(RobustMutex::create_in({.memory = memory_, .offset = 4096})), EINVAL);
  EXPECT_EQ(code_of(RobustMutex::create_in({.memory = memory_, .offset = ~std::size_t{63}})), EINVAL);
  EXPECT_EQ(code_of(RobustMutex::create_in({.memory = nullptr, .offset = 0})), EINVAL);
  EXPECT_EQ(code_of(RobustMutex::open_in({.memory = memory_, .offset = 128})), EINVAL);
  auto opened = RobustMutex::open_in({.memory = memory_, .offset = 0});
  ASSERT_TRUE(opened);
  auto held = opened->lock();
  EXPECT_FALSE(is_free());
}

/// Runs the body as process 1 of a new pid namespace; its exit code, or nullopt where that is not allowed.
test::ChildProcess fork_init(std::function<void(test::Ready)> body) {
  return test::fork_child([body = std::move(body)](test::Ready ready) {
    if (::unshare(CLONE_NEWPID) < 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWPID) < 0) {
      ready.say("forbidden");
      return;
    }
    const pid_t init = ::fork();
    ASSERT_GE(init, 0);
    if (init == 0) {
      body(ready);
      ::_exit(::testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(init, &status, 0), init);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  });
}

TEST_F(RobustMutexTest, TwoProcessesThatAreBothNumberOneExcludeEachOther) {
  auto holder = fork_init([this](test::Ready ready) {
    EXPECT_EQ(::getpid(), 1);
    auto held = lock();
    ready.say();
    ready.wait_for_release();
  });
  if (holder.next_line() == "forbidden") GTEST_SKIP() << "no new pid namespaces here";
  auto other = fork_init([this](test::Ready ready) {
    EXPECT_EQ(::getpid(), 1);
    EXPECT_TRUE(lock(Deadline::immediately()).is<TimedOut>());
    EXPECT_TRUE(lock(Deadline::after(20ms)).is<TimedOut>());
    ready.say();
    EXPECT_TRUE(lock(Deadline::never()).is<MutexGuard>());
  });
  other.wait_until_ready();
  holder.release();
  EXPECT_TRUE(holder.wait().success());
  EXPECT_TRUE(other.wait().success());
}

/// Adds 1 to both words, and puts right what a dead one left unequal.
void add_one(Pair& pair, LockOutcome outcome) {
  std::optional<MutexGuard> guard;
  if (outcome.is<OrphanedGuard>()) {
    pair.second = pair.first.load();
    guard.emplace(std::move(outcome).as<OrphanedGuard>().mark_consistent());
  } else {
    ASSERT_TRUE(outcome.is<MutexGuard>());
    guard.emplace(std::move(outcome).as<MutexGuard>());
  }
  if (pair.first.load() != pair.second.load()) pair.broken.fetch_add(1);
  pair.first.fetch_add(1);
  pair.second.fetch_add(1);
}

TEST_F(RobustMutexTest, WhateverInstructionKillsTheHolderTheNextOneCanGoOn) {
  const auto body = [this] { add_one(pair(), lock(Deadline::never())); };
  body();  // or the children would walk through the dynamic linker
  const auto total = test::count_steps(body);
  if (!total) GTEST_SKIP() << "ptrace is forbidden here";
  const long stride = std::max(1L, *total / 20);
  long orphaned = 0;
  for (long steps = std::random_device{}() % stride; steps < *total; steps += stride) {  // other ones in each run
    const auto killed = test::kill_after_steps(steps, body);
    ASSERT_TRUE(killed);
    auto outcome = lock();
    orphaned += outcome.is<OrphanedGuard>() ? 1 : 0;
    add_one(pair(), std::move(outcome));
  }
  EXPECT_GT(orphaned, 0) << *total;
  EXPECT_EQ(pair().broken.load(), 0U);
}

// glibc bug 14485: a thread that dies between an unlock and the end of its book-keeping, or (2.36) after a lock that timed
// out, makes the kernel write where the mutex was. Something else may lie there by then, and look like a lock of that thread.
TEST_F(RobustMutexTest, WhateverInstructionKillsItsThreadNothingIsWrittenIntoWhatIsMappedThereNext) {
  auto next = Memfd::create("next", Bytes::kib(4));
  ASSERT_TRUE(next);
  auto view = next->map_read_write();
  ASSERT_TRUE(view);
  const std::span words{reinterpret_cast<pid_t*>(view->bytes().data()), RobustMutex::storage_bytes / sizeof(pid_t)};
  const auto make_anew = [&] {
    memory_ = shared_memory();
    auto made = RobustMutex::create_in({.memory = memory_, .offset = 0});
    ASSERT_TRUE(made);
    mutex_.emplace(std::move(*made));
  };
  const auto body = [&] {
    std::fill(words.begin(), words.end(), ::gettid());
    void* const place = memory_->bytes().data();
    {
      const auto outcome = lock(Deadline::immediately());
      mutex_.reset();
      memory_.reset();
    }  // a guard was the last that kept it mapped
    const void* mapped = ::mmap(place, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, next->descriptor(), 0);
    if (mapped == MAP_FAILED) std::abort();
  };
  body();  // or the children would walk through the dynamic linker
  for (const bool busy : {false, true}) {
    make_anew();
    std::optional<test::ChildProcess> holder;
    if (busy) holder.emplace(fork_holder());
    const auto total = test::count_steps(body);
    if (!total) GTEST_SKIP() << "ptrace is forbidden here";
    constexpr long each_of_the_last = 100;
    for (long steps = 1; steps < *total; steps += steps < *total - each_of_the_last ? std::max(1L, *total / 20) : 1) {
      if (!busy) make_anew();  // the one before was left by a death
      std::fill(words.begin(), words.end(), 0);
      ASSERT_TRUE(test::kill_after_steps(steps, body));
      for (const pid_t word : words)
        ASSERT_EQ(static_cast<std::uint32_t>(word) & FUTEX_OWNER_DIED, 0U) << steps << " of " << *total;
    }
  }
}

TEST_F(RobustMutexTest, ThirtyTwoProcessesKeepTheDataWholeThroughRandomDeaths) {
  std::vector<test::ChildProcess> workers;
  const auto start_one = [this] {
    return test::fork_child([this](test::Ready ready) {
      ready.say();
      while (true) add_one(pair(), lock(Deadline::never()));
    });
  };
  for (int i = 0; i < 32; ++i) workers.push_back(start_one());
  for (auto& worker : workers) worker.wait_until_ready();
  std::minstd_rand random{std::random_device{}()};
  for (int death = 0; death < 40; ++death) {
    const auto seen = pair().first.load();
    const Deadline watchdog = Deadline::after(20s);
    while (pair().first.load() < seen + 20) {  // they go on after every death
      ASSERT_FALSE(watchdog.passed());
      ::sched_yield();
    }
    workers[random() % workers.size()].signal(SIGKILL);
    if (death % 2 == 0) workers.push_back(start_one());
  }
  for (auto& worker : workers) worker.kill_and_reap(SIGKILL);
  EXPECT_EQ(pair().broken.load(), 0U);
  add_one(pair(), lock());
  EXPECT_EQ(pair().broken.load(), 0U);
}

TEST_F(RobustMutexTest, ThreadsCountExactly) {
  constexpr int threads = 4;
  constexpr int rounds = 2'000;
  long count = 0;  // no atomic: what the mutex does not order is a race that TSan sees
  std::vector<std::thread> workers;
  for (int i = 0; i < threads; ++i)
    workers.emplace_back([&, i] {
      for (int round = 0; round < rounds; ++round) {
        auto held = lock(i % 2 == 0 ? Deadline::never() : Deadline::after(20s));
        ASSERT_TRUE(held.is<MutexGuard>());
        ++count;
      }
    });
  for (auto& worker : workers) worker.join();
  EXPECT_EQ(count, threads * rounds);
}

}  // namespace
}  // namespace ginnel
