#include "ginnel/sys/posix_semaphore.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <atomic>
#include <csignal>
#include <stdexcept>
#include <thread>

#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"
#include "support/signal_storm.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

class PosixSemaphoreTest : public ::testing::Test {
 protected:
  ~PosixSemaphoreTest() override { ::sem_unlink(name_.c_str()); }

  PosixSemaphore make(unsigned count) {
    auto made = PosixSemaphore::create(name_, {.count = count});
    if (!made) throw std::runtime_error{made.error().message()};
    return std::move(*made);
  }
  const std::string& name() const { return name_; }

 private:
  std::string name_ = test::unique_name();
};

std::shared_ptr<ReadWriteMapping> shared_memory(std::uint64_t size) {
  auto memory = ReadWriteMapping::anonymous(Bytes{size});
  if (!memory) throw std::runtime_error{memory.error().message()};
  return std::make_shared<ReadWriteMapping>(std::move(*memory));
}

bool is_done(const Result<Outcome<Done, TimedOut>>& outcome) { return outcome && outcome->is<Done>(); }
bool timed_out(const Result<Outcome<Done, TimedOut>>& outcome) { return outcome && outcome->is<TimedOut>(); }

TEST_F(PosixSemaphoreTest, ANamedOneCountsBetweenProcesses) {
  PosixSemaphore semaphore = make(1);
  EXPECT_TRUE(is_done(semaphore.wait(Deadline::immediately())));
  EXPECT_TRUE(timed_out(semaphore.wait(Deadline::immediately())));
  auto waiter = test::fork_child([&](test::Ready) {
    auto own = PosixSemaphore::open(name());
    ASSERT_TRUE(own) << own.error().message();
    EXPECT_TRUE(is_done(own->wait()));
  });
  test::wait_until_blocked_in(waiter.pid(), SYS_futex);
  EXPECT_TRUE(semaphore.post());
  EXPECT_TRUE(waiter.wait().success());
  EXPECT_EQ(semaphore.value(), 0U);
}

// What a waiter leaves that was killed between its wake-up and its taking one: a count that nobody is told of.
TEST_F(PosixSemaphoreTest, AWaiterWhoseWakeUpWasLostTakesOneAllTheSame) {
  auto memory = shared_memory(4096);
  auto semaphore = PosixSemaphore::create_in(memory, 0, 0);
  ASSERT_TRUE(semaphore) << semaphore.error().message();
  for (const Deadline deadline : {Deadline::never(), Deadline::after(60s)}) {
    auto waiter = test::fork_child([&](test::Ready) { EXPECT_TRUE(is_done(semaphore->wait(deadline))); });
    test::wait_until_blocked_in(waiter.pid(), SYS_futex);
    std::atomic_ref{*reinterpret_cast<std::uint32_t*>(memory->bytes().data())}.fetch_add(
        1);  // the count, in glibc's form
    EXPECT_TRUE(waiter.wait().success());
    EXPECT_EQ(semaphore->value(), 0U);
  }
}

TEST_F(PosixSemaphoreTest, OneInSharedMemoryCountsBetweenProcesses) {
  auto memory = shared_memory(4096);
  auto semaphore = PosixSemaphore::create_in(memory, 4096 - sizeof(sem_t), 0);
  ASSERT_TRUE(semaphore) << semaphore.error().message();
  auto waiter = test::fork_child([&](test::Ready) {
    auto own = PosixSemaphore::open_in(memory, 4096 - sizeof(sem_t));
    ASSERT_TRUE(own);
    EXPECT_TRUE(is_done(own->wait(Deadline::after(20s))));
  });
  test::wait_until_blocked_in(waiter.pid(), SYS_futex);
  EXPECT_TRUE(semaphore->post());
  EXPECT_TRUE(waiter.wait().success());
}

TEST_F(PosixSemaphoreTest, APlaceInMemoryMustBeAlignedAndHaveRoom) {
  auto memory = shared_memory(4096);
  const std::size_t too_late = 4096 - sizeof(sem_t) + alignof(sem_t);
  for (const std::size_t offset : {std::size_t{4}, too_late, std::size_t{4096}, ~std::size_t{0} - 7}) {
    auto made = PosixSemaphore::create_in(memory, offset, 0);
    ASSERT_FALSE(made) << offset;
    EXPECT_EQ(made.error().code(), EINVAL);
    EXPECT_FALSE(PosixSemaphore::open_in(memory, offset)) << offset;
  }
  EXPECT_FALSE(PosixSemaphore::create_in(memory, 0, PosixSemaphore::count_max + 1));
}

TEST_F(PosixSemaphoreTest, WaitsEndAtTheirDeadlineOnTheMonotonicClock) {
  PosixSemaphore semaphore = make(0);
  EXPECT_TRUE(timed_out(semaphore.wait(Deadline::immediately())));
  EXPECT_TRUE(timed_out(semaphore.wait(Deadline::after(-1s))));
  EXPECT_TRUE(timed_out(semaphore.wait(Deadline::at(Deadline::Clock::time_point{-5s}))));
  const auto before = Deadline::Clock::now();
  EXPECT_TRUE(timed_out(semaphore.wait(Deadline::after(20ms))));
  EXPECT_GE(Deadline::Clock::now() - before, 20ms);
}

TEST_F(PosixSemaphoreTest, PostingOverTheHighestCountIsRefused) {
  PosixSemaphore semaphore = make(PosixSemaphore::count_max);
  EXPECT_EQ(semaphore.value(), PosixSemaphore::count_max);
  auto refused = semaphore.post();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), EOVERFLOW);
  EXPECT_EQ(refused.error().hint(), "the count is at SEM_VALUE_MAX 2147483647 already");
  EXPECT_EQ(semaphore.value(), PosixSemaphore::count_max);
}

// sem_open(3) gives one address to all who open a name in a process; here each has a handle that ends alone.
TEST_F(PosixSemaphoreTest, HandlesOfOneNameInOneProcessAreIndependent) {
  PosixSemaphore first = make(0);
  {
    auto second = PosixSemaphore::open(name());
    ASSERT_TRUE(second);
    EXPECT_TRUE(second->post());
    PosixSemaphore moved = std::move(*second);
    EXPECT_EQ(moved.value(), 1U);
  }
  EXPECT_TRUE(is_done(first.wait(Deadline::immediately())));
  EXPECT_TRUE(first.post());
}

// The mechanism's known weakness, which its description points out.
TEST_F(PosixSemaphoreTest, AHolderThatIsKilledNeverPosts) {
  PosixSemaphore semaphore = make(1);
  auto holder = test::fork_child([&](test::Ready ready) {
    ASSERT_TRUE(is_done(semaphore.wait()));
    ready.say();
    ready.stay();
  });
  holder.wait_until_ready();
  holder.kill_and_reap(SIGKILL);
  EXPECT_TRUE(timed_out(semaphore.wait(Deadline::after(20ms))));
  EXPECT_EQ(semaphore.value(), 0U);
}

TEST_F(PosixSemaphoreTest, TheOthersGoOnWhenAWaiterIsKilled) {
  PosixSemaphore semaphore = make(0);
  const auto wait_once = [&](test::Ready) { EXPECT_TRUE(is_done(semaphore.wait())); };
  auto victim = test::fork_child(wait_once);
  test::wait_until_blocked_in(victim.pid(), SYS_futex);
  auto survivor = test::fork_child(wait_once);
  test::wait_until_blocked_in(survivor.pid(), SYS_futex);

  victim.kill_and_reap(SIGKILL);
  EXPECT_TRUE(semaphore.post());
  EXPECT_TRUE(survivor.wait().success());
  EXPECT_EQ(semaphore.value(), 0U);
}

TEST_F(PosixSemaphoreTest, ASignalStormLosesAndDoublesNothing) {
  auto memory = shared_memory(4096);
  auto ping = PosixSemaphore::create_in(memory, 0, 0);
  auto pong = PosixSemaphore::create_in(memory, 64, 0);
  ASSERT_TRUE(ping && pong);
  constexpr int rounds = 5000;
  auto peer = test::fork_child([&](test::Ready) {
    test::SignalStorm storm;
    for (int i = 0; i < rounds; ++i) {
      ASSERT_TRUE(is_done(ping->wait(Deadline::after(30s))));
      ASSERT_TRUE(pong->post());
    }
  });
  {
    test::SignalStorm storm;
    for (int i = 0; i < rounds; ++i) {
      ASSERT_TRUE(ping->post());
      ASSERT_TRUE(is_done(pong->wait()));
    }
    while (test::SignalStorm::handled() == 0) continue;
  }
  EXPECT_TRUE(peer.wait().success());
  EXPECT_EQ(ping->value(), 0U);
  EXPECT_EQ(pong->value(), 0U);
}

TEST_F(PosixSemaphoreTest, ThreadsThatTakeTheOnlyCountExcludeEachOther) {
  PosixSemaphore semaphore = make(1);
  int unprotected = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < 1000; ++round) {
        ASSERT_TRUE(is_done(semaphore.wait()));
        ++unprotected;
        ASSERT_TRUE(semaphore.post());
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(unprotected, 4000);
  EXPECT_EQ(semaphore.value(), 1U);
}

TEST_F(PosixSemaphoreTest, UnlinkedItStaysForThoseWhoHaveItAndTheNextOfTheNameIsAnother) {
  PosixSemaphore old_one = make(0);
  ASSERT_TRUE(PosixSemaphore::unlink(name()));
  PosixSemaphore new_one = make(0);
  EXPECT_TRUE(old_one.post());
  EXPECT_EQ(new_one.value(), 0U);
  EXPECT_EQ(old_one.value(), 1U);
}

TEST_F(PosixSemaphoreTest, WorksWithAProgramThatUsesThePlainCalls) {
  PosixSemaphore semaphore = make(0);
  auto plain = test::fork_child([&](test::Ready) {
    sem_t* own = ::sem_open(name().c_str(), 0);
    ASSERT_NE(own, SEM_FAILED);
    EXPECT_EQ(::sem_wait(own), 0);
    EXPECT_EQ(::sem_post(own), 0);
    EXPECT_EQ(::sem_post(own), 0);
    ::sem_close(own);
  });
  test::wait_until_blocked_in(plain.pid(), SYS_futex);
  EXPECT_TRUE(semaphore.post());
  EXPECT_TRUE(plain.wait().success());
  EXPECT_EQ(semaphore.value(), 2U);
}

TEST_F(PosixSemaphoreTest, OpensWhatThePlainCallsMade) {
  sem_t* plain = ::sem_open(name().c_str(), O_CREAT | O_EXCL, 0600, 3);
  ASSERT_NE(plain, SEM_FAILED);
  auto semaphore = PosixSemaphore::create(name(), {.count = 7, .exclusive = false});
  ASSERT_TRUE(semaphore) << semaphore.error().message();
  EXPECT_EQ(semaphore->value(), 3U);
  auto waiter = test::fork_child([&](test::Ready) {
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(is_done(semaphore->wait()));
  });
  test::wait_until_blocked_in(waiter.pid(), SYS_futex);
  EXPECT_EQ(::sem_post(plain), 0);
  EXPECT_TRUE(waiter.wait().success());
  ::sem_close(plain);
}

TEST_F(PosixSemaphoreTest, KeepsNoDescriptorOpen) {
  const auto before = test::open_descriptors();
  PosixSemaphore semaphore = make(0);
  EXPECT_FALSE(PosixSemaphore::create(name()));
  EXPECT_FALSE(PosixSemaphore::open("/no" + name().substr(1)));
  EXPECT_EQ(test::open_descriptors(), before);
}

}  // namespace
}  // namespace ginnel
