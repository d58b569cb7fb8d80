#include "ginnel/sys/posix_queue.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"
#include "support/signal_storm.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

class PosixQueueTest : public ::testing::Test {
 protected:
  ~PosixQueueTest() override { ::mq_unlink(name_.c_str()); }

  PosixQueue make(PosixQueueOptions options = {.messages = 4, .message_size = Bytes{64}}) {
    auto queue = PosixQueue::create(name_, options);
    if (!queue) throw std::runtime_error{queue.error().message()};
    return std::move(*queue);
  }
  const std::string& name() const { return name_; }

 private:
  std::string name_ = test::unique_name();
};

bool is_done(const Result<Outcome<Done, TimedOut>>& outcome) { return outcome && outcome->is<Done>(); }

/// The text of the next message, or what there was instead of one.
std::string next_text(PosixQueue& queue, Deadline deadline = Deadline::immediately()) {
  std::array<std::byte, 64> buffer{};
  auto got = queue.receive(buffer, deadline);
  if (!got) return got.error().message();
  if (got->is<TimedOut>()) return "(timed out)";
  return std::string{as_text(std::span{buffer}.first(got->as<ReceivedFromQueue>().bytes))};
}

TEST_F(PosixQueueTest, GivesTheHighestPriorityFirstAndKeepsTheOrderWithinOne) {
  PosixQueue queue = make({.messages = 6, .message_size = Bytes{64}});
  auto sender = test::fork_child([&](test::Ready) {
    auto own = PosixQueue::open(name(), PosixQueue::Access::send);
    ASSERT_TRUE(own) << own.error().message();
    const std::array<std::pair<const char*, unsigned>, 6> messages{
        {{"low 1", 0}, {"high 1", 9}, {"top", PosixQueue::priority_max}, {"low 2", 0}, {"high 2", 9}, {"middle", 4}}};
    for (const auto& [text, priority] : messages) EXPECT_TRUE(is_done(own->send(as_bytes(text), priority)));
  });
  ASSERT_TRUE(sender.wait().success());

  for (const char* expected : {"top", "high 1", "high 2", "middle", "low 1", "low 2"})
    EXPECT_EQ(next_text(queue), expected);
  EXPECT_EQ(next_text(queue), "(timed out)");
}

TEST_F(PosixQueueTest, CarriesEmptyAndLongestMessagesWithTheirPriority) {
  PosixQueue queue = make();
  const auto longest = test::test_pattern(64);
  ASSERT_TRUE(is_done(queue.send({}, 3)));
  ASSERT_TRUE(is_done(queue.send(longest, 2)));

  std::vector<std::byte> buffer(64);
  auto empty = queue.receive(buffer);
  ASSERT_TRUE(empty && empty->is<ReceivedFromQueue>());
  EXPECT_EQ(empty->as<ReceivedFromQueue>().bytes, 0U);
  EXPECT_EQ(empty->as<ReceivedFromQueue>().priority, 3U);
  auto whole = queue.receive(buffer);
  ASSERT_TRUE(whole && whole->is<ReceivedFromQueue>());
  EXPECT_EQ(whole->as<ReceivedFromQueue>().bytes, 64U);
  EXPECT_EQ(buffer, longest);
}

TEST_F(PosixQueueTest, TellsBothSizesOfWhatDoesNotFitAndTakesNothing) {
  PosixQueue queue = make();
  auto too_long = queue.send(test::test_pattern(65));
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code(), EMSGSIZE);
  EXPECT_EQ(too_long.error().message(),
            "mq_send " + name() + ": EMSGSIZE: the message has 65 bytes; this queue takes up to 64");

  ASSERT_TRUE(is_done(queue.send(as_bytes("kept"))));
  auto none = queue.receive({});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), EMSGSIZE);
  std::array<std::byte, 63> small{};
  auto too_small = queue.receive(small);
  ASSERT_FALSE(too_small);
  EXPECT_EQ(too_small.error().code(), EMSGSIZE);
  EXPECT_EQ(too_small.error().hint(), "the buffer has 63 bytes; it must hold the queue's longest message, 64");
  EXPECT_EQ(next_text(queue), "kept");
}

TEST_F(PosixQueueTest, RefusesAPriorityOverTheHighest) {
  PosixQueue queue = make();
  auto refused = queue.send({}, PosixQueue::priority_max + 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), EINVAL);
  EXPECT_EQ(refused.error().hint(), "priority 32768 is over the highest, 32767");
  EXPECT_EQ(queue.attributes()->messages_queued, 0);
  EXPECT_EQ(::sysconf(_SC_MQ_PRIO_MAX), static_cast<long>(PosixQueue::priority_max) + 1);
}

TEST_F(PosixQueueTest, LooksAtTheAttributesWithoutTakingAnything) {
  PosixQueue queue = make({.messages = 5, .message_size = Bytes{100}});
  ASSERT_TRUE(is_done(queue.send(as_bytes("one"))));
  for (int times = 0; times < 2; ++times) {
    auto attributes = queue.attributes();
    ASSERT_TRUE(attributes);
    EXPECT_EQ(attributes->messages_max, 5);
    EXPECT_EQ(attributes->message_size, Bytes{100});
    EXPECT_EQ(attributes->messages_queued, 1);
  }
}

TEST_F(PosixQueueTest, AccessIsKeptToWhatItWasOpenedFor) {
  PosixQueue queue = make();
  auto receiver = PosixQueue::open(name(), PosixQueue::Access::receive);
  ASSERT_TRUE(receiver);
  auto sent = receiver->send(as_bytes("no"));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code(), EBADF);
  EXPECT_EQ(sent.error().hint(), "the queue was opened for receiving only");

  auto sender = PosixQueue::open(name(), PosixQueue::Access::send);
  ASSERT_TRUE(sender);
  std::array<std::byte, 64> buffer{};
  auto got = sender->receive(buffer);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code(), EBADF);
  EXPECT_EQ(got.error().hint(), "the queue was opened for sending only");
}

TEST_F(PosixQueueTest, WaitsEndAtTheirDeadlineOnTheMonotonicClock) {
  PosixQueue queue = make({.messages = 1, .message_size = Bytes{64}});
  const auto before_empty = Deadline::Clock::now();
  EXPECT_EQ(next_text(queue, Deadline::after(20ms)), "(timed out)");
  EXPECT_GE(Deadline::Clock::now() - before_empty, 20ms);

  ASSERT_TRUE(is_done(queue.send(as_bytes("fills it"))));
  for (const Deadline deadline : {Deadline::immediately(), Deadline::after(-1s), Deadline::after(20ms)}) {
    auto full = queue.send(as_bytes("too many"), 0, deadline);
    ASSERT_TRUE(full);
    EXPECT_TRUE(full->is<TimedOut>());
  }
  EXPECT_GE(Deadline::Clock::now() - before_empty, 40ms);
  EXPECT_EQ(next_text(queue), "fills it");
}

TEST_F(PosixQueueTest, ASenderWaitsForRoomAndAReceiverForAMessage) {
  PosixQueue queue = make({.messages = 1, .message_size = Bytes{64}});
  ASSERT_TRUE(is_done(queue.send(as_bytes("first"))));
  auto sender = test::fork_child([&](test::Ready) { EXPECT_TRUE(is_done(queue.send(as_bytes("second")))); });
  test::wait_until_blocked_in(sender.pid(), SYS_ppoll);
  EXPECT_EQ(next_text(queue), "first");
  EXPECT_TRUE(sender.wait().success());
  EXPECT_EQ(next_text(queue), "second");

  auto receiver = test::fork_child([&](test::Ready) { EXPECT_EQ(next_text(queue, Deadline::never()), "third"); });
  test::wait_until_blocked_in(receiver.pid(), SYS_ppoll);
  ASSERT_TRUE(is_done(queue.send(as_bytes("third"))));
  EXPECT_TRUE(receiver.wait().success());
}

TEST_F(PosixQueueTest, TheOthersGoOnWhenAWaitingReceiverIsKilled) {
  PosixQueue queue = make();
  const auto receive_one = [&](test::Ready) { EXPECT_EQ(next_text(queue, Deadline::never()), "job"); };
  auto victim = test::fork_child(receive_one);
  test::wait_until_blocked_in(victim.pid(), SYS_ppoll);
  auto survivor = test::fork_child(receive_one);
  test::wait_until_blocked_in(survivor.pid(), SYS_ppoll);

  victim.kill_and_reap(SIGKILL);
  ASSERT_TRUE(is_done(queue.send(as_bytes("job"))));
  EXPECT_TRUE(survivor.wait().success());
  EXPECT_EQ(queue.attributes()->messages_queued, 0);
}

TEST_F(PosixQueueTest, TheOthersGoOnWhenAWaitingSenderIsKilled) {
  PosixQueue queue = make({.messages = 1, .message_size = Bytes{64}});
  ASSERT_TRUE(is_done(queue.send(as_bytes("fills it"))));
  auto victim = test::fork_child([&](test::Ready) { (void)queue.send(as_bytes("never sent")); });
  test::wait_until_blocked_in(victim.pid(), SYS_ppoll);
  auto survivor = test::fork_child([&](test::Ready) { EXPECT_TRUE(is_done(queue.send(as_bytes("sent")))); });
  test::wait_until_blocked_in(survivor.pid(), SYS_ppoll);

  victim.kill_and_reap(SIGKILL);
  EXPECT_EQ(next_text(queue), "fills it");
  EXPECT_TRUE(survivor.wait().success());
  EXPECT_EQ(next_text(queue), "sent");
  EXPECT_EQ(next_text(queue), "(timed out)");
}

TEST_F(PosixQueueTest, ASignalStormOnBothSidesLosesAndDoublesNothing) {
  PosixQueue queue = make();
  constexpr std::uint64_t messages = 20'000;
  auto sender = test::fork_child([&](test::Ready) {
    test::SignalStorm storm;
    for (std::uint64_t i = 0; i < messages; ++i) ASSERT_TRUE(is_done(queue.send(std::as_bytes(std::span{&i, 1}))));
  });
  auto receiver = test::fork_child([&](test::Ready) {
    test::SignalStorm storm;
    for (std::uint64_t i = 0; i < messages; ++i) {
      std::array<std::byte, 64> buffer{};
      auto got = queue.receive(buffer);
      ASSERT_TRUE(got && got->is<ReceivedFromQueue>());
      std::uint64_t number = 0;
      ASSERT_EQ(got->as<ReceivedFromQueue>().bytes, sizeof number);
      std::memcpy(&number, buffer.data(), sizeof number);
      ASSERT_EQ(number, i);
    }
    EXPECT_GT(test::SignalStorm::handled(), 10);
  });
  EXPECT_TRUE(sender.wait().success());
  EXPECT_TRUE(receiver.wait().success());
  EXPECT_EQ(queue.attributes()->messages_queued, 0);
}

TEST_F(PosixQueueTest, ThreadsSharingOneHandleGetEachMessageOnce) {
  PosixQueue queue = make();
  constexpr int each = 500;
  std::array<int, std::size_t{4} * each> seen{};
  std::mutex seen_mutex;
  std::vector<std::thread> threads;
  for (int sender = 0; sender < 4; ++sender)
    threads.emplace_back([&, sender] {
      for (int i = 0; i < each; ++i) {
        const int number = sender * each + i;
        EXPECT_TRUE(is_done(queue.send(std::as_bytes(std::span{&number, 1}))));
      }
    });
  for (int receiver = 0; receiver < 4; ++receiver)
    threads.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        std::array<std::byte, 64> buffer{};
        auto got = queue.receive(buffer);
        ASSERT_TRUE(got && got->is<ReceivedFromQueue>());
        int number = 0;
        std::memcpy(&number, buffer.data(), sizeof number);
        const std::lock_guard lock{seen_mutex};
        ++seen.at(static_cast<std::size_t>(number));
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), 4 * each);
}

TEST_F(PosixQueueTest, ItsDescriptorTellsPollWhenThereIsAMessageOrRoom) {
  PosixQueue queue = make({.messages = 1, .message_size = Bytes{64}});
  const auto ready_for = [&] {
    pollfd waiting{.fd = queue.pollable(), .events = POLLIN | POLLOUT, .revents = 0};
    EXPECT_EQ(::poll(&waiting, 1, 0), 1);
    return static_cast<int>(waiting.revents);
  };
  EXPECT_EQ(ready_for(), POLLOUT);
  ASSERT_TRUE(is_done(queue.send(as_bytes("fills it"))));
  EXPECT_EQ(ready_for(), POLLIN);
}

TEST_F(PosixQueueTest, ItsDescriptorIsClosedOnExecAndIsTheOnlyOne) {
  const auto before = test::open_descriptor_count();
  {
    PosixQueue queue = make();
    EXPECT_EQ(::fcntl(queue.pollable(), F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(test::open_descriptor_count(), before + 1);
    auto opened = PosixQueue::open(name());
    ASSERT_TRUE(opened);
    EXPECT_EQ(::fcntl(opened->pollable(), F_GETFD), FD_CLOEXEC);
  }
  EXPECT_EQ(test::open_descriptor_count(), before);
}

TEST_F(PosixQueueTest, UnlinkedItStaysForThoseWhoHaveItAndTheNextOfTheNameIsAnother) {
  PosixQueue old_one = make();
  ASSERT_TRUE(PosixQueue::unlink(name()));
  PosixQueue new_one = make();

  ASSERT_TRUE(is_done(old_one.send(as_bytes("to the old"))));
  EXPECT_EQ(next_text(new_one), "(timed out)");
  EXPECT_EQ(next_text(old_one), "to the old");
}

TEST_F(PosixQueueTest, WorksWithAProgramThatUsesThePlainCalls) {
  PosixQueue queue = make();
  auto plain = test::fork_child([&](test::Ready) {
    const mqd_t own = ::mq_open(name().c_str(), O_RDWR);
    ASSERT_GE(own, 0);
    std::array<char, 64> buffer{};
    unsigned priority = 0;
    ASSERT_EQ(::mq_receive(own, buffer.data(), buffer.size(), &priority), 5);
    EXPECT_EQ(priority, 7U);
    ASSERT_EQ(::mq_send(own, buffer.data(), 5, 8), 0);
  });
  // It waits inside mq_timedreceive, without polling.
  test::wait_until_blocked_in(plain.pid(), SYS_mq_timedreceive);
  ASSERT_TRUE(is_done(queue.send(as_bytes("there"), 7)));
  EXPECT_TRUE(plain.wait().success());
  EXPECT_EQ(next_text(queue), "there");
}

}  // namespace
}  // namespace ginnel
