#include "ginnel/sys/eventfd.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include <numeric>
#include <vector>

#include "ginnel/sys/io.hpp"
#include "ginnel/sys/pipe.hpp"
#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"
#include "support/signal_storm.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

Eventfd make_eventfd(EventfdOptions options = {}) {
  auto counter = Eventfd::create(options);
  EXPECT_TRUE(counter) << counter.error().message();
  return std::move(*counter);
}

/// What take() gives, with 0 for TimedOut.
std::uint64_t taken(Eventfd& counter, Deadline deadline = Deadline::immediately()) {
  auto got = counter.take(deadline);
  EXPECT_TRUE(got) << got.error().message();
  if (!got || got->is<TimedOut>()) return 0;
  return got->as<EventCount>().count;
}

bool added(Eventfd& counter, std::uint64_t count, Deadline deadline = Deadline::immediately()) {
  auto put = counter.add(count, deadline);
  EXPECT_TRUE(put) << put.error().message();
  return put && put->is<Done>();
}

bool polls(const Eventfd& counter, short events) {
  pollfd waiting{.fd = counter.pollable(), .events = events, .revents = 0};
  return ::poll(&waiting, 1, 0) == 1 && (waiting.revents & events) == events;
}

TEST(Eventfd, CounterGivesTheWholeCountAtOnce) {
  Eventfd counter = make_eventfd({.initial = 2});
  EXPECT_TRUE(added(counter, 40));
  EXPECT_TRUE(polls(counter, POLLIN));
  EXPECT_EQ(taken(counter), 42U);
  EXPECT_FALSE(polls(counter, POLLIN));
  EXPECT_EQ(taken(counter), 0U);
}

TEST(Eventfd, SemaphoreGivesOneAtATime) {
  Eventfd counter = make_eventfd({.initial = 3, .semaphore = true});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(taken(counter), 1U);
  EXPECT_EQ(taken(counter), 0U);
}

TEST(Eventfd, InitialCountMayBeLargerThanTheSystemCallTakes) {
  for (const std::uint64_t initial : {std::uint64_t{0xffff'ffff}, std::uint64_t{1} << 40, Eventfd::count_max}) {
    Eventfd counter = make_eventfd({.initial = initial});
    EXPECT_EQ(taken(counter), initial);
  }
}

TEST(Eventfd, AddWaitsWhileTheSumWouldPassTheLimitAndGivesUpAtItsDeadline) {
  Eventfd counter = make_eventfd({.initial = Eventfd::count_max});
  EXPECT_FALSE(polls(counter, POLLOUT));
  EXPECT_FALSE(added(counter, 1));
  const auto before = Deadline::Clock::now();
  EXPECT_FALSE(added(counter, 1, Deadline::after(20ms)));
  EXPECT_GE(Deadline::Clock::now() - before, 20ms);
  EXPECT_EQ(taken(counter), Eventfd::count_max);

  // Writable for poll, since a 1 fits, and yet too full for a 2.
  EXPECT_TRUE(added(counter, Eventfd::count_max - 1));
  EXPECT_FALSE(added(counter, 2));
  EXPECT_FALSE(added(counter, 2, Deadline::after(20ms)));
  EXPECT_TRUE(added(counter, 1));
}

TEST(Eventfd, AFullCounterTakesMoreAsSoonAsAnotherProcessHasEmptiedIt) {
  Eventfd counter = make_eventfd({.initial = Eventfd::count_max - 1});
  auto adder = test::fork_child([&](test::Ready ready) {
    ready.say();
    EXPECT_TRUE(added(counter, 7, Deadline::never()));
  });
  adder.wait_until_ready();
  EXPECT_EQ(taken(counter), Eventfd::count_max - 1);
  EXPECT_EQ(taken(counter, Deadline::never()), 7U);
  EXPECT_TRUE(adder.wait().success());
}

TEST(Eventfd, OneNumberCannotBeAddedAndTheErrorSaysWhich) {
  Eventfd counter = make_eventfd();
  auto refused = counter.add(~std::uint64_t{0}, Deadline::immediately());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), EINVAL);
  EXPECT_NE(refused.error().message().find("count_max"), std::string::npos);
  EXPECT_FALSE(Eventfd::create({.initial = ~std::uint64_t{0}}));
  EXPECT_TRUE(added(counter, 0));
}

TEST(Eventfd, TakeGivesUpAtItsDeadlineAndWakesForAnAddOfAnotherProcess) {
  Eventfd counter = make_eventfd();
  const auto before = Deadline::Clock::now();
  EXPECT_EQ(taken(counter, Deadline::after(20ms)), 0U);
  EXPECT_GE(Deadline::Clock::now() - before, 20ms);

  auto taker = test::fork_child([&](test::Ready) { EXPECT_EQ(taken(counter, Deadline::never()), 5U); });
  test::wait_until_blocked_in(taker.pid(), SYS_ppoll);
  EXPECT_TRUE(added(counter, 5));
  EXPECT_TRUE(taker.wait().success());
}

TEST(Eventfd, AdoptTakesNothingElseAndLeaksNothing) {
  const auto before = test::open_descriptor_count();
  {
    auto pipe = Pipe::create();
    ASSERT_TRUE(pipe);
    auto refused = Eventfd::adopt(std::move(pipe->read_end));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EINVAL);
    EXPECT_NE(refused.error().message().find("it is a pipe"), std::string::npos);
    EXPECT_EQ(Eventfd::adopt(UniqueFd{}).error().code(), EBADF);
  }
  EXPECT_EQ(test::open_descriptor_count(), before);
}

TEST(Eventfd, AnAdoptedBlockingOneKeepsDeadlines) {
  auto adopted = Eventfd::adopt(UniqueFd{::eventfd(0, 0)});
  ASSERT_TRUE(adopted) << adopted.error().message();
  EXPECT_EQ(taken(*adopted), 0U);
  EXPECT_TRUE(added(*adopted, Eventfd::count_max));
  EXPECT_FALSE(added(*adopted, 1));
  EXPECT_EQ(::fcntl(adopted->pollable(), F_GETFD), FD_CLOEXEC);
}

TEST(Eventfd, NothingIsLostOrDoubledBetweenProcessesInAStormOfSignals) {
  constexpr int writers = 4;
  constexpr std::uint64_t rounds = 20'000;
  for (const bool semaphore : {false, true}) {
    Eventfd counter = make_eventfd({.semaphore = semaphore});
    std::vector<test::ChildProcess> children;
    for (int i = 0; i < writers; ++i)
      children.push_back(test::fork_child([&](test::Ready) {
        test::SignalStorm storm;
        for (std::uint64_t round = 0; round < rounds; ++round) ASSERT_TRUE(added(counter, 1, Deadline::never()));
        EXPECT_GT(test::SignalStorm::handled(), 0);
      }));

    test::SignalStorm storm;
    std::uint64_t sum = 0;
    while (sum < writers * rounds) sum += taken(counter, Deadline::never());
    EXPECT_EQ(sum, writers * rounds);
    for (auto& child : children) EXPECT_TRUE(child.wait().success());
    EXPECT_EQ(taken(counter), 0U);
  }
}

TEST(Eventfd, IsClosedOnExec) { EXPECT_EQ(::fcntl(make_eventfd().pollable(), F_GETFD), FD_CLOEXEC); }

}  // namespace
}  // namespace ginnel
