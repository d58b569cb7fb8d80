#include "ginnel/sys/sysv_queue.hpp"

#include <gtest/gtest.h>
#include <sys/msg.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <csignal>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/ipc_namespace.hpp"
#include "support/scratch.hpp"
#include "support/signal_storm.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;
using Rule = SysvSelect::Rule;

/// A private queue that goes with the test.
class SysvQueueTest : public ::testing::Test {
 protected:
  ~SysvQueueTest() override { ::msgctl(queue_.id(), IPC_RMID, nullptr); }

  SysvQueue& queue() { return queue_; }
  /// Fills the queue: the next send waits.
  void fill() {
    const auto capacity = queue_.statistics()->capacity.count();
    for (std::uint64_t used = 0; used + 4096 <= capacity; used += 4096)
      ASSERT_TRUE(queue_.send(1, test::test_pattern(4096), Deadline::immediately())->is<Done>());
    while (queue_.send(1, as_bytes("x"), Deadline::immediately())->is<Done>()) continue;
  }

 private:
  static SysvQueue make() {
    auto made = SysvQueue::create(std::nullopt);
    if (!made) throw std::runtime_error{made.error().message()};
    return *made;
  }
  SysvQueue queue_ = make();
};

template <class T>
bool is_removed(const Result<T>& outcome) {
  return outcome && outcome->template is<Removed>();
}

bool is_done(const Result<Outcome<Done, Removed, TimedOut>>& outcome) { return outcome && outcome->is<Done>(); }

/// Type and text of what came, or what there was instead.
std::string told(const Result<Outcome<SysvMessage, Removed, TimedOut>>& got) {
  if (!got) return got.error().message();
  if (got->is<TimedOut>()) return "(timed out)";
  if (got->is<Removed>()) return "(removed)";
  const auto& message = got->as<SysvMessage>();
  return std::to_string(message.type) + " " + std::string{as_text(message.data)};
}

std::string next(SysvQueue& queue, SysvSelect select = {}) {
  return told(queue.receive(select, Deadline::immediately()));
}

TEST_F(SysvQueueTest, GivesTheOldestMessageThatTheRuleSelects) {
  auto sender = test::fork_child([&](test::Ready) {
    for (const long type : {3, 5, 1, 3, 2, 5})
      EXPECT_TRUE(is_done(queue().send(type, as_bytes("of " + std::to_string(type)))));
  });
  ASSERT_TRUE(sender.wait().success());

  EXPECT_EQ(next(queue(), {Rule::of_type, 5}), "5 of 5");
  EXPECT_EQ(next(queue(), {Rule::not_of_type, 3}), "1 of 1");
  EXPECT_EQ(next(queue(), {Rule::lowest_up_to, 3}), "2 of 2");
  EXPECT_EQ(next(queue(), {Rule::lowest_up_to, 3}), "3 of 3");
  EXPECT_EQ(next(queue(), {Rule::lowest_up_to, 2}), "(timed out)");
  EXPECT_EQ(next(queue(), {Rule::of_type, 4}), "(timed out)");
  EXPECT_EQ(next(queue()), "3 of 3");
  EXPECT_EQ(next(queue()), "5 of 5");
  EXPECT_EQ(next(queue()), "(timed out)");
}

TEST_F(SysvQueueTest, CarriesEmptyMessagesAndEveryByteValue) {
  std::vector<std::byte> all_values(256);
  for (std::size_t i = 0; i < all_values.size(); ++i) all_values[i] = static_cast<std::byte>(i);
  ASSERT_TRUE(is_done(queue().send(1, {})));
  ASSERT_TRUE(is_done(queue().send(LONG_MAX, all_values)));

  EXPECT_EQ(next(queue()), "1 ");
  auto got = queue().receive();
  ASSERT_TRUE(got && got->is<SysvMessage>());
  EXPECT_EQ(got->as<SysvMessage>().type, LONG_MAX);
  EXPECT_EQ(got->as<SysvMessage>().data, all_values);
}

TEST_F(SysvQueueTest, PeeksAtAnyPositionAndTakesNothing) {
  for (const long type : {7, 8, 9}) ASSERT_TRUE(is_done(queue().send(type, as_bytes("m"))));
  auto first = queue().peek();
  if (!first && first.error().code() == ENOSYS) GTEST_SKIP() << first.error().message();

  EXPECT_EQ(told(first), "7 m");
  EXPECT_EQ(told(queue().peek(2)), "9 m");
  EXPECT_EQ(told(queue().peek(3)), "(timed out)");
  EXPECT_EQ(told(queue().peek(~std::size_t{0})), "(timed out)");
  EXPECT_EQ(queue().statistics()->messages, 3U);
  EXPECT_EQ(next(queue()), "7 m");
}

TEST_F(SysvQueueTest, TellsItsStatistics) {
  auto fresh = queue().statistics();
  ASSERT_TRUE(fresh);
  EXPECT_EQ(fresh->last_send_time, 0);
  EXPECT_EQ(fresh->last_sender, 0);
  EXPECT_EQ(fresh->owner, ::geteuid());
  EXPECT_EQ(fresh->mode, 0600U);
  EXPECT_NE(fresh->change_time, 0);

  auto sender = test::fork_child([&](test::Ready) { ASSERT_TRUE(is_done(queue().send(1, as_bytes("12345")))); });
  ASSERT_TRUE(sender.wait().success());
  auto one_queued = queue().statistics();
  EXPECT_EQ(one_queued->messages, 1U);
  EXPECT_EQ(one_queued->used, Bytes{5});
  EXPECT_EQ(one_queued->last_sender, sender.pid());
  EXPECT_NE(one_queued->last_send_time, 0);
  EXPECT_EQ(next(queue()), "1 12345");
  EXPECT_EQ(queue().statistics()->last_receiver, ::getpid());
  EXPECT_EQ(queue().statistics()->messages, 0U);
}

TEST_F(SysvQueueTest, TypesBelowOneAreRefusedAsSuch) {
  for (const long type : {0L, -1L, LONG_MIN}) {
    auto sent = queue().send(type, as_bytes("x"));
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code(), EINVAL);
    EXPECT_EQ(sent.error().hint(), "the type of a message is at least 1, not " + std::to_string(type));
    for (const Rule rule : {Rule::of_type, Rule::not_of_type, Rule::lowest_up_to}) {
      auto got = queue().receive({rule, type});
      ASSERT_FALSE(got);
      EXPECT_EQ(got.error().code(), EINVAL);
    }
  }
}

TEST_F(SysvQueueTest, WaitsEndAtTheirDeadline) {
  const auto before = Deadline::Clock::now();
  EXPECT_EQ(told(queue().receive({}, Deadline::after(20ms))), "(timed out)");
  EXPECT_GE(Deadline::Clock::now() - before, 20ms);

  fill();
  const auto before_full = Deadline::Clock::now();
  auto full = queue().send(1, as_bytes("one too many"), Deadline::after(20ms));
  ASSERT_TRUE(full);
  EXPECT_TRUE(full->is<TimedOut>());
  EXPECT_GE(Deadline::Clock::now() - before_full, 20ms);
}

TEST_F(SysvQueueTest, AMessageThatComesBeforeTheDeadlineIsReceived) {
  auto receiver = test::fork_child(
      [&](test::Ready) { EXPECT_EQ(told(queue().receive({Rule::of_type, 2}, Deadline::after(20s))), "2 in time"); });
  test::wait_until_blocked_in(receiver.pid(), SYS_clock_nanosleep);
  ASSERT_TRUE(is_done(queue().send(2, as_bytes("in time"))));
  EXPECT_TRUE(receiver.wait().success());
}

TEST_F(SysvQueueTest, ASenderWaitsForRoomAndAReceiverForItsType) {
  fill();
  auto sender = test::fork_child([&](test::Ready) { EXPECT_TRUE(is_done(queue().send(9, as_bytes("fits now")))); });
  test::wait_until_blocked_in(sender.pid(), SYS_msgsnd);
  ASSERT_TRUE(queue().receive({Rule::of_type, 1}, Deadline::immediately())->is<SysvMessage>());
  EXPECT_TRUE(sender.wait().success());

  auto receiver =
      test::fork_child([&](test::Ready) { EXPECT_EQ(told(queue().receive({Rule::of_type, 4})), "4 mine"); });
  test::wait_until_blocked_in(receiver.pid(), SYS_msgrcv);
  while (!next(queue()).starts_with("(")) continue;  // the queue is full of others
  ASSERT_TRUE(is_done(queue().send(5, as_bytes("not yours"))));
  ASSERT_TRUE(is_done(queue().send(4, as_bytes("mine"))));
  EXPECT_TRUE(receiver.wait().success());
  EXPECT_EQ(next(queue()), "5 not yours");
}

TEST_F(SysvQueueTest, RemovalWakesAllWhoWaitAndIsToldToTheLateOnes) {
  std::vector<test::ChildProcess> waiters;
  waiters.push_back(
      test::fork_child([&](test::Ready) { EXPECT_EQ(told(queue().receive({Rule::of_type, 7})), "(removed)"); }));
  test::wait_until_blocked_in(waiters.back().pid(), SYS_msgrcv);
  fill();
  waiters.push_back(test::fork_child([&](test::Ready) { EXPECT_TRUE(is_removed(queue().send(1, as_bytes("x")))); }));
  test::wait_until_blocked_in(waiters.back().pid(), SYS_msgsnd);
  waiters.push_back(test::fork_child(
      [&](test::Ready) { EXPECT_EQ(told(queue().receive({Rule::of_type, 7}, Deadline::after(20s))), "(removed)"); }));
  waiters.push_back(test::fork_child(
      [&](test::Ready) { EXPECT_TRUE(is_removed(queue().send(1, as_bytes("x"), Deadline::after(20s)))); }));
  for (std::size_t i = 2; i < 4; ++i) test::wait_until_blocked_in(waiters[i].pid(), SYS_clock_nanosleep);

  ASSERT_TRUE(queue().remove());
  for (auto& waiter : waiters) EXPECT_TRUE(waiter.wait().success());
  EXPECT_TRUE(is_removed(queue().send(1, as_bytes("x"))));
  EXPECT_EQ(next(queue()), "(removed)");
  EXPECT_EQ(told(queue().peek()), "(removed)");
  EXPECT_FALSE(queue().statistics());
  auto again = queue().remove();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().hint(), "the queue is gone already");
}

TEST_F(SysvQueueTest, TheOthersGoOnWhenAWaitingReceiverIsKilled) {
  const auto receive_one = [&](test::Ready) { EXPECT_EQ(told(queue().receive()), "1 job"); };
  auto victim = test::fork_child(receive_one);
  test::wait_until_blocked_in(victim.pid(), SYS_msgrcv);
  auto survivor = test::fork_child(receive_one);
  test::wait_until_blocked_in(survivor.pid(), SYS_msgrcv);

  victim.kill_and_reap(SIGKILL);
  ASSERT_TRUE(is_done(queue().send(1, as_bytes("job"))));
  EXPECT_TRUE(survivor.wait().success());
  EXPECT_EQ(next(queue()), "(timed out)");
}

TEST_F(SysvQueueTest, ASignalStormOnBothSidesLosesAndDoublesNothing) {
  for (const Deadline deadline : {Deadline::never(), Deadline::after(30s)}) {
    constexpr std::uint64_t messages = 20'000;
    auto sender = test::fork_child([&](test::Ready) {
      test::SignalStorm storm;
      for (std::uint64_t i = 0; i < messages; ++i)
        ASSERT_TRUE(is_done(queue().send(1, std::as_bytes(std::span{&i, 1}), deadline)));
    });
    auto receiver = test::fork_child([&](test::Ready) {
      test::SignalStorm storm;
      for (std::uint64_t i = 0; i < messages; ++i) {
        auto got = queue().receive({}, deadline);
        ASSERT_TRUE(got && got->is<SysvMessage>());
        std::uint64_t number = 0;
        ASSERT_EQ(got->as<SysvMessage>().data.size(), sizeof number);
        std::memcpy(&number, got->as<SysvMessage>().data.data(), sizeof number);
        ASSERT_EQ(number, i);
      }
      EXPECT_GT(test::SignalStorm::handled(), 10);
    });
    EXPECT_TRUE(sender.wait().success());
    EXPECT_TRUE(receiver.wait().success());
    EXPECT_EQ(queue().statistics()->messages, 0U);
  }
}

TEST_F(SysvQueueTest, ThreadsSharingItGetEachMessageOnce) {
  constexpr int each = 500;
  std::array<int, std::size_t{4} * each> seen{};
  std::mutex seen_mutex;
  std::vector<std::thread> threads;
  for (int sender = 0; sender < 4; ++sender)
    threads.emplace_back([&, sender] {
      for (int i = 0; i < each; ++i) {
        const int number = sender * each + i;
        EXPECT_TRUE(is_done(queue().send(1 + number % 3, std::as_bytes(std::span{&number, 1}))));
      }
    });
  for (int receiver = 0; receiver < 4; ++receiver)
    threads.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        auto got = queue().receive();
        ASSERT_TRUE(got && got->is<SysvMessage>());
        int number = 0;
        std::memcpy(&number, got->as<SysvMessage>().data.data(), sizeof number);
        EXPECT_EQ(got->as<SysvMessage>().type, 1 + number % 3);
        const std::lock_guard lock{seen_mutex};
        ++seen.at(static_cast<std::size_t>(number));
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), 4 * each);
}

TEST_F(SysvQueueTest, MessagesLongerThanTheFirstBufferComeWhole) {
  GINNEL_REQUIRE_IPC_NAMESPACE();
  auto child = test::fork_child([](test::Ready) {
    test::enter_new_ipc_namespace();
    test::set_kernel_setting("kernel.msgmax", "300000");
    test::set_kernel_setting("kernel.msgmnb", "600000");
    auto large = SysvQueue::create(std::nullopt);
    ASSERT_TRUE(large);
    for (const std::size_t size : {std::size_t{8192}, std::size_t{8193}, std::size_t{300'000}}) {
      const auto sent = test::test_pattern(size);
      ASSERT_TRUE(is_done(large->send(1, sent)));
      auto seen = large->peek();
      ASSERT_TRUE((seen && seen->is<SysvMessage>()) || seen.error().code() == ENOSYS);
      if (seen) {
        EXPECT_EQ(seen->as<SysvMessage>().data, sent);
      }
      auto got = large->receive();
      ASSERT_TRUE(got && got->is<SysvMessage>());
      EXPECT_EQ(got->as<SysvMessage>().data, sent);
    }

    // One that comes while the receiver sleeps in the kernel with too little room.
    auto receiver = test::fork_child([&](test::Ready) {
      auto got = large->receive();
      ASSERT_TRUE(got && got->is<SysvMessage>());
      EXPECT_EQ(got->as<SysvMessage>().data, test::test_pattern(300'000));
    });
    test::wait_until_blocked_in(receiver.pid(), SYS_msgrcv);
    ASSERT_TRUE(is_done(large->send(1, test::test_pattern(300'000))));
    EXPECT_TRUE(receiver.wait().success());
  });
  EXPECT_TRUE(child.wait().success());
}

}  // namespace
}  // namespace ginnel
