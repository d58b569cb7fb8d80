#include <sys/syscall.h>

#include <array>

#include "conformance/mechanism.hpp"
#include "support/blocked_in.hpp"
#include "support/child_process.hpp"

namespace ginnel::test {
namespace {

using namespace std::chrono_literals;

TEST_P(Conformance, ASenderKilledInTheMiddleLeavesWholeMessagesAndTheReceiverIsToldOrTimesOut) {
  // Far more than are received before the kill; bounded, because queued signals have no bound but the user's limit.
  constexpr std::uint32_t most = 20'000;
  auto sender = fork_child([&](Ready ready) {
    mechanism().be_sender();
    for (std::uint32_t number = 0; number < most; ++number) send_or_fail(numbered(number));
    ready.stay();
  });
  mechanism().be_receiver();
  std::uint32_t received = 0;
  for (; received < 100; ++received) {
    Bytestring message;
    ASSERT_NO_FATAL_FAILURE(receive_or_fail(message));
    ASSERT_TRUE(is_numbered(message, received));
  }
  sender.kill_and_reap(SIGKILL);
  for (;; ++received) {
    auto got = mechanism().receive(Deadline::after(traits().tells_receiver ? 20s : 10ms));
    ASSERT_TRUE(got) << got.error().message();
    if (!got->is<Bytestring>()) {
      EXPECT_EQ(got->is<EndOfStream>(), traits().tells_receiver);
      break;
    }
    ASSERT_TRUE(is_numbered(got->as<Bytestring>(), received));
  }
}

TEST_P(Conformance, AReceiverThatWaitsIsToldOfTheSendersDeathOrTimesOut) {
  auto sender = fork_child([&](Ready ready) {
    mechanism().be_sender();
    ready.say();
    ready.stay();
  });
  sender.wait_until_ready();
  auto receiver = fork_child([&](Ready ready) {
    mechanism().be_receiver();
    ready.say();
    const auto before = Deadline::Clock::now();
    auto got = mechanism().receive(Deadline::after(traits().tells_receiver ? 20s : 100ms));
    ASSERT_TRUE(got) << got.error().message();
    if (traits().tells_receiver) {
      EXPECT_TRUE(got->is<EndOfStream>());
    } else {
      EXPECT_TRUE(got->is<TimedOut>());
      EXPECT_GE(Deadline::Clock::now() - before, 100ms);
    }
  });
  receiver.wait_until_ready();
  if (traits().tells_receiver) {
    give_up();
    wait_until_blocked_in(receiver.pid(), traits().waits_in);
  }
  sender.kill_and_reap(SIGKILL);
  EXPECT_TRUE(receiver.wait().success());
}

TEST_P(Conformance, ASenderThatWaitsForRoomIsToldOfTheReceiversDeathOrTimesOut) {
  if (!traits().fills) GTEST_SKIP() << "has room for more than a test can send";
  auto receiver = fork_child([&](Ready ready) {
    mechanism().be_receiver();
    ready.say();
    ready.stay();
  });
  receiver.wait_until_ready();
  auto sender = fork_child([&](Ready ready) {
    mechanism().be_sender();
    while (mechanism().send(numbered(1), Deadline::immediately())->is<Done>()) {
    }
    ready.say();
    const auto before = Deadline::Clock::now();
    auto sent = mechanism().send(numbered(2), Deadline::after(traits().tells_sender ? 20s : 100ms));
    ASSERT_TRUE(sent) << sent.error().message();
    if (traits().tells_sender) {
      EXPECT_TRUE(sent->is<PeerGone>());
    } else {
      EXPECT_TRUE(sent->is<TimedOut>());
      EXPECT_GE(Deadline::Clock::now() - before, 100ms);
    }
  });
  sender.wait_until_ready();
  if (traits().tells_sender) {
    give_up();
    wait_until_blocked_in(sender.pid(), traits().waits_in);
  }
  receiver.kill_and_reap(SIGKILL);
  EXPECT_TRUE(sender.wait().success());
}

TEST_P(Conformance, AReceiverKilledInTheMiddleOfManyMessagesIsTold) {
  if (!traits().tells_sender) GTEST_SKIP() << "tells no sender of a receiver's death";
  auto receiver = fork_child([&](Ready ready) {
    mechanism().be_receiver();
    for (std::uint32_t number = 0;; ++number) {
      Bytestring message;
      ASSERT_NO_FATAL_FAILURE(receive_or_fail(message));
      ASSERT_TRUE(is_numbered(message, number));
      if (number == 20) ready.say();
    }
  });
  mechanism().receiver_is(receiver.process());
  mechanism().be_sender();
  std::uint32_t number = 0;
  for (; number <= 20; ++number) ASSERT_NO_FATAL_FAILURE(send_or_fail(numbered(number)));
  receiver.wait_until_ready();
  receiver.kill_and_reap(SIGKILL);
  // A mechanism may take some more that nobody will read, but not for ever.
  for (bool gone = false; !gone; ++number) {
    auto sent = mechanism().send(numbered(number), Deadline::after(20s));
    ASSERT_TRUE(sent) << sent.error().message();
    ASSERT_FALSE(sent->is<TimedOut>());
    gone = sent->is<PeerGone>();
    ASSERT_LT(number, 100'000U);
  }
}

TEST_P(Conformance, ManySendersReachOneReceiverEachInItsOwnOrder) {
  if (!traits().many_senders) GTEST_SKIP() << "is for one sender";
  constexpr std::uint32_t senders = 4;
  constexpr std::uint32_t each = 100;
  std::vector<ChildProcess> children;
  for (std::uint32_t sender = 0; sender < senders; ++sender) {
    children.push_back(fork_child([&, sender](Ready ready) {
      mechanism().be_sender();
      ready.say();
      ready.wait_for_release();
      for (std::uint32_t i = 0; i < each; ++i) send_or_fail(numbered(sender * each + i));
    }));
  }
  mechanism().be_receiver();
  for (auto& child : children) child.wait_until_ready();
  for (auto& child : children) child.release();

  std::array<std::uint32_t, senders> next{};
  for (std::uint32_t i = 0; i < senders * each; ++i) {
    Bytestring message;
    ASSERT_NO_FATAL_FAILURE(receive_or_fail(message));
    if (!carries_numbers()) continue;
    const std::uint32_t number = number_of(message);
    ASSERT_LT(number, senders * each);
    ASSERT_TRUE(is_numbered(message, number));
    EXPECT_EQ(number % each, next.at(number / each)++);
  }
  for (auto& child : children) EXPECT_TRUE(child.wait().success());
  expect_nothing_more();
}

}  // namespace
}  // namespace ginnel::test
