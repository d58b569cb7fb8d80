#include "ginnel/sys/shared_rwlock.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <optional>
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

using Read = Outcome<ReadGuard, NeedsRepair, TimedOut>;
using Write = Outcome<WriteGuard, OrphanedWriteGuard, TimedOut>;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error{result.error().message()};
  return std::move(*result);
}

std::shared_ptr<ReadWriteMapping> shared_memory() {
  return std::make_shared<ReadWriteMapping>(must(ReadWriteMapping::anonymous(Bytes{8192})));
}

/// What the lock guards: whole only when both words are equal.
struct Pair {
  std::atomic<std::uint64_t> first;
  std::atomic<std::uint64_t> second;
  std::atomic<std::uint64_t> broken;  ///< how often somebody found them unequal under the lock
  std::atomic<std::uint64_t> reads;
};

class SharedRwlockTest : public ::testing::Test {
 protected:
  Read read(Deadline deadline = Deadline::after(20s)) { return must(lock_.lock_shared(deadline)); }
  Write write(Deadline deadline = Deadline::after(20s)) { return must(lock_.lock_exclusive(deadline)); }
  bool readable() { return read(Deadline::immediately()).is<ReadGuard>(); }
  bool writable() { return write(Deadline::immediately()).is<WriteGuard>(); }
  Pair& pair() { return *reinterpret_cast<Pair*>(memory_->bytes().data() + 4096); }

  test::ChildProcess fork_reader() {
    auto reader = test::fork_child([this](test::Ready ready) {
      const Read held = read();
      ASSERT_TRUE(held.is<ReadGuard>());
      ready.say();
      ready.wait_for_release();
    });
    reader.wait_until_ready();
    return reader;
  }
  test::ChildProcess fork_writer() {
    auto writer = test::fork_child([this](test::Ready ready) {
      const Write held = write();
      ASSERT_FALSE(held.is<TimedOut>());
      ready.say();
      ready.wait_for_release();
    });
    writer.wait_until_ready();
    return writer;
  }

  void check_pair() {
    if (pair().first.load() != pair().second.load()) pair().broken.fetch_add(1);
  }
  /// Reads, as long as nobody has to repair first.
  void read_pair() {
    const Read held = read(Deadline::never());
    if (held.is<ReadGuard>()) check_pair();
    pair().reads.fetch_add(1);
  }
  /// Adds 1 to both words, and puts right what a dead writer left unequal.
  void write_pair() {
    Write held = write(Deadline::never());
    std::optional<WriteGuard> guard;
    if (held.is<OrphanedWriteGuard>()) {
      pair().second = pair().first.load();
      guard.emplace(std::move(held).as<OrphanedWriteGuard>().mark_consistent());
    } else {
      guard.emplace(std::move(held).as<WriteGuard>());
    }
    check_pair();
    pair().first.fetch_add(1);
    pair().second.fetch_add(1);
  }

  std::shared_ptr<ReadWriteMapping> memory_ = shared_memory();
  SharedRwlock lock_ = must(SharedRwlock::create_in({.memory = memory_, .offset = 0}));
};

TEST_F(SharedRwlockTest, AsManyReadersAsSlotsReadAtOnceAndKeepWritersOut) {
  std::vector<test::ChildProcess> readers;
  for (std::size_t i = 0; i < SharedRwlock::reader_slots; ++i) readers.push_back(fork_reader());
  EXPECT_FALSE(writable());
  for (auto& reader : readers) reader.release();
  for (auto& reader : readers) EXPECT_TRUE(reader.wait().success());
  EXPECT_TRUE(writable());
}

TEST_F(SharedRwlockTest, AReaderMoreThanSlotsTakesThePlaceOfWhoeverLeavesFirst) {
  std::vector<test::ChildProcess> readers;
  for (std::size_t i = 0; i < SharedRwlock::reader_slots; ++i) readers.push_back(fork_reader());
  EXPECT_TRUE(read(Deadline::immediately()).is<TimedOut>());
  EXPECT_TRUE(read(Deadline::after(10ms)).is<TimedOut>());
  auto waiting = test::fork_child([this](test::Ready) { EXPECT_TRUE(read(Deadline::never()).is<ReadGuard>()); });
  test::wait_until_blocked_in(waiting.pid(), SYS_futex);
  for (auto& reader : readers) reader.stop();
  auto& leaver = readers[readers.size() / 2];
  leaver.release();
  leaver.resume();
  EXPECT_TRUE(waiting.wait().success());
}

TEST_F(SharedRwlockTest, AWriterKeepsEverybodyOut) {
  auto writer = fork_writer();
  EXPECT_FALSE(readable());
  EXPECT_FALSE(writable());
  writer.release();
  EXPECT_TRUE(writer.wait().success());
  EXPECT_TRUE(readable());
  EXPECT_TRUE(writable());
}

TEST_F(SharedRwlockTest, AKilledReaderBlocksNobodyAndOrphansNothing) {
  auto reader = fork_reader();
  auto waiting = test::fork_child([this](test::Ready) { EXPECT_TRUE(write(Deadline::never()).is<WriteGuard>()); });
  test::wait_until_blocked_in(waiting.pid(), SYS_futex);
  reader.kill_and_reap(SIGKILL);
  EXPECT_TRUE(waiting.wait().success());
  EXPECT_TRUE(readable());
  EXPECT_TRUE(writable());
}

TEST_F(SharedRwlockTest, AWriterKilledInsideIsToldToReadersAndToTheNextWriterUntilItIsRepaired) {
  fork_writer().kill_and_reap(SIGKILL);
  EXPECT_TRUE(read().is<NeedsRepair>());
  EXPECT_TRUE(write().is<OrphanedWriteGuard>());  // and dropped at once: still orphaned
  EXPECT_TRUE(read().is<NeedsRepair>());
  fork_writer().kill_and_reap(SIGKILL);  // died while it repaired
  EXPECT_TRUE(read().is<NeedsRepair>());
  {
    const WriteGuard repaired = write().as<OrphanedWriteGuard>().mark_consistent();
    auto other = test::fork_child([this](test::Ready) { EXPECT_FALSE(readable()); });
    EXPECT_TRUE(other.wait().success());
  }
  EXPECT_TRUE(readable());
  EXPECT_TRUE(writable());
}

TEST_F(SharedRwlockTest, ARepairerThatDiesAfterItsRepairButInsideIsADeadWriterAgain) {
  fork_writer().kill_and_reap(SIGKILL);
  auto repairer = test::fork_child([this](test::Ready ready) {
    const WriteGuard repaired = write().as<OrphanedWriteGuard>().mark_consistent();
    ready.say();
    ready.stay();
  });
  repairer.wait_until_ready();
  repairer.kill_and_reap(SIGKILL);
  EXPECT_TRUE(read().is<NeedsRepair>());
  EXPECT_TRUE(write().is<OrphanedWriteGuard>());
}

TEST_F(SharedRwlockTest, ReadersThatWaitAreToldOfTheDeathOfTheWriter) {
  auto writer = fork_writer();
  std::vector<test::ChildProcess> readers;
  for (int i = 0; i < 4; ++i)
    readers.push_back(
        test::fork_child([this](test::Ready) { EXPECT_TRUE(read(Deadline::never()).is<NeedsRepair>()); }));
  for (auto& reader : readers) test::wait_until_blocked_in(reader.pid(), SYS_futex);
  writer.kill_and_reap(SIGKILL);
  for (auto& reader : readers) EXPECT_TRUE(reader.wait().success());
}

TEST_F(SharedRwlockTest, AWriterKilledBeforeItWasInsideHasTouchedNothing) {
  auto reader = fork_reader();
  auto writer = test::fork_child([this](test::Ready) { (void)write(Deadline::never()); });
  test::wait_until_blocked_in(writer.pid(), SYS_futex);
  EXPECT_FALSE(readable());  // a writer that waits stops new readers
  writer.kill_and_reap(SIGKILL);
  EXPECT_TRUE(readable());
  reader.release();
  EXPECT_TRUE(reader.wait().success());
  EXPECT_TRUE(writable());
}

TEST_F(SharedRwlockTest, WaitersThatAreKilledHarmNobody) {
  auto writer = fork_writer();
  std::vector<test::ChildProcess> doomed;
  for (int i = 0; i < 4; ++i)
    doomed.push_back(test::fork_child([this, i](test::Ready) {
      if (i % 2 == 0) {
        (void)read(Deadline::never());
      } else {
        (void)write(Deadline::never());
      }
    }));
  for (auto& waiter : doomed) test::wait_until_blocked_in(waiter.pid(), SYS_futex);
  for (auto& waiter : doomed) waiter.kill_and_reap(SIGKILL);
  writer.release();
  EXPECT_TRUE(writer.wait().success());
  EXPECT_TRUE(readable());
  EXPECT_TRUE(writable());
}

TEST_F(SharedRwlockTest, AStoppedReaderIsNotTakenForDead) {
  auto reader = fork_reader();
  reader.stop();
  EXPECT_TRUE(write(Deadline::after(30ms)).is<TimedOut>());
  EXPECT_TRUE(readable());  // the writer that gave up lets readers in again
  reader.resume();
  reader.release();
  EXPECT_TRUE(reader.wait().success());
  EXPECT_TRUE(writable());
}

TEST_F(SharedRwlockTest, DeadlinesAreKeptInAStormOfSignals) {
  const test::SignalStorm storm;
  auto writer = fork_writer();
  const auto before = Deadline::Clock::now();
  EXPECT_TRUE(read(Deadline::after(20ms)).is<TimedOut>());
  EXPECT_GE(Deadline::Clock::now() - before, 20ms);
  EXPECT_TRUE(write(Deadline::after(20ms)).is<TimedOut>());
  EXPECT_GE(Deadline::Clock::now() - before, 40ms);
  EXPECT_TRUE(read(Deadline::immediately()).is<TimedOut>());
  EXPECT_TRUE(write(Deadline::immediately()).is<TimedOut>());
}

TEST_F(SharedRwlockTest, AWriterIsNotStarvedByAStreamOfReaders) {
  std::vector<test::ChildProcess> readers;
  for (int i = 0; i < 4; ++i)
    readers.push_back(test::fork_child([this](test::Ready ready) {
      std::optional<Read> held{read(Deadline::never())};
      ready.say();
      while (true) {
        held.reset();
        held.emplace(read(Deadline::never()));
      }
    }));
  for (auto& reader : readers) reader.wait_until_ready();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(write(Deadline::never()).is<WriteGuard>());
}

TEST_F(SharedRwlockTest, AForkedChildHoldsNothingOfItsParents) {
  auto writer = test::fork_child([this](test::Ready ready) {
    std::optional<Write> held{write()};
    auto child = test::fork_child([&](test::Ready) {
      held.reset();  // its copy of the guard
      EXPECT_FALSE(readable());
    });
    EXPECT_TRUE(child.wait().success());
    ready.say(testing::Test::HasFailure() ? "failed" : "ready");
    ready.stay();
  });
  EXPECT_EQ(writer.next_line(), "ready");
  EXPECT_FALSE(readable());
  writer.kill_and_reap(SIGKILL);
  EXPECT_TRUE(write().is<OrphanedWriteGuard>());
}

TEST_F(SharedRwlockTest, WhateverInstructionKillsAReaderTheLockIsFree) {
  const auto body = [this] { read_pair(); };
  body();  // or the children would walk through the dynamic linker
  const auto total = test::count_steps(body);
  if (!total) GTEST_SKIP() << "ptrace is forbidden here";
  const long stride = std::max(1L, *total / 10);
  for (long steps = std::random_device{}() % stride; steps < *total; steps += stride) {
    ASSERT_TRUE(test::kill_after_steps(steps, body));
    ASSERT_TRUE(writable()) << steps;
    ASSERT_TRUE(readable()) << steps;
  }
}

TEST_F(SharedRwlockTest, WhateverInstructionKillsAWriterTheDataAreWholeOrTold) {
  const auto body = [this] { write_pair(); };
  body();
  const auto total = test::count_steps(body);
  if (!total) GTEST_SKIP() << "ptrace is forbidden here";
  const long stride = std::max(1L, *total / 2);
  for (long steps = std::random_device{}() % stride; steps < *total; steps += stride) {
    ASSERT_TRUE(test::kill_after_steps(steps, body));
    const bool told = read(Deadline::immediately()).is<NeedsRepair>();
    ASSERT_NE(told, readable()) << steps;
    write_pair();
    ASSERT_TRUE(readable()) << steps;
    ASSERT_EQ(pair().broken.load(), 0U) << steps;
  }
}

TEST_F(SharedRwlockTest, ReadersAndWritersKeepTheDataWholeThroughRandomDeaths) {
  std::vector<test::ChildProcess> workers;
  const auto start_one = [this](std::size_t number) {
    return test::fork_child([this, number](test::Ready ready) {
      ready.say();
      while (true) number % 3 == 0 ? write_pair() : read_pair();
    });
  };
  for (std::size_t i = 0; i < 12; ++i) workers.push_back(start_one(i));
  for (auto& worker : workers) worker.wait_until_ready();
  std::minstd_rand random{std::random_device{}()};
  for (int death = 0; death < 30; ++death) {
    const auto written = pair().first.load();
    const auto read = pair().reads.load();
    const Deadline watchdog = Deadline::after(20s);
    while (pair().first.load() < written + 3 || pair().reads.load() < read + 3) {  // both go on after every death
      ASSERT_FALSE(watchdog.passed());
      ::sched_yield();
    }
    workers[random() % workers.size()].signal(SIGKILL);
    workers.push_back(start_one(static_cast<std::size_t>(death)));
  }
  for (auto& worker : workers) worker.kill_and_reap(SIGKILL);
  EXPECT_EQ(pair().broken.load(), 0U);
  write_pair();
  EXPECT_EQ(pair().broken.load(), 0U);
  EXPECT_TRUE(readable());
}

TEST_F(SharedRwlockTest, PlacesWithoutAFinishedLockAreRefused) {
  EXPECT_EQ(SharedRwlock::create_in({.memory = memory_, .offset = 8192 - 64}).error().code(), EINVAL);
  EXPECT_EQ(SharedRwlock::create_in({.memory = memory_, .offset = 32}).error().code(), EINVAL);
  EXPECT_EQ(SharedRwlock::open_in({.memory = memory_, .offset = 64}).error().code(), EINVAL);
  auto opened = SharedRwlock::open_in({.memory = memory_, .offset = 0});
  ASSERT_TRUE(opened);
  const auto held = opened->lock_exclusive();
  EXPECT_FALSE(readable());
}

TEST_F(SharedRwlockTest, ThreadsReadAndWriteWithoutARace) {
  long first = 0;  // no atomics: what the lock does not order is a race that TSan sees
  long second = 0;
  std::atomic<int> broken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 200; ++round) {
        if (i == 0) {
          const Write held = write(Deadline::never());
          ++first;
          ++second;
        } else {
          const Read held = read(Deadline::never());
          if (first != second) broken.fetch_add(1);
        }
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(broken.load(), 0);
  EXPECT_EQ(first, 200);
}

}  // namespace
}  // namespace ginnel
