#include <algorithm>

#include "conformance/mechanism.hpp"
#include "support/child_process.hpp"
#include "support/signal_storm.hpp"

namespace ginnel::test {
namespace {

using namespace std::chrono_literals;

TEST_P(Conformance, KeepsEveryMessageWholeAndInOrderBetweenProcesses) {
  std::vector<Bytestring> messages;
  for (std::size_t size :
       {traits().smallest, std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{8}, std::size_t{511},
        std::size_t{4092}, std::size_t{4096}, traits().largest, traits().smallest}) {
    size = std::clamp(size, traits().smallest, traits().largest);
    messages.push_back(test_pattern(size, static_cast<std::uint32_t>(messages.size() + 1)));
  }
  if (traits().smallest <= 256 && traits().largest >= 256) {
    Bytestring every_byte(256);
    for (std::size_t i = 0; i < every_byte.size(); ++i) every_byte[i] = static_cast<std::byte>(i);
    messages.push_back(every_byte);
  }

  auto sender = fork_child([&](Ready) {
    mechanism().be_sender();
    for (const auto& message : messages) send_or_fail(message);
  });
  mechanism().be_receiver();
  for (const auto& expected : messages) {
    Bytestring received;
    ASSERT_NO_FATAL_FAILURE(receive_or_fail(received));
    EXPECT_EQ(received.size(), expected.size());
    EXPECT_TRUE(received == expected);
  }
  EXPECT_TRUE(sender.wait().success());
  expect_nothing_more();
}

TEST_P(Conformance, AnEmptyMessageIsAMessageAndNotTheEnd) {
  if (traits().smallest > 0) GTEST_SKIP() << "carries no empty messages";
  auto sender = fork_child([&](Ready) {
    mechanism().be_sender();
    for (int i = 0; i < 3; ++i) send_or_fail({});
  });
  mechanism().be_receiver();
  for (int i = 0; i < 3; ++i) {
    Bytestring received{std::byte{1}};
    ASSERT_NO_FATAL_FAILURE(receive_or_fail(received));
    EXPECT_TRUE(received.empty());
  }
  EXPECT_TRUE(sender.wait().success());
  expect_nothing_more();
}

TEST_P(Conformance, OneByteTooManyIsRefusedWithBothSizesAndSendsNothing) {
  if (!traits().refusal) GTEST_SKIP() << "knows no largest message";
  auto refused = mechanism().send(test_pattern(traits().largest + 1), Deadline::after(20s));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), traits().refusal->code) << refused.error().message();
  EXPECT_NE(refused.error().message().find(std::to_string(traits().largest + 1)), std::string::npos)
      << refused.error().message();
  EXPECT_NE(refused.error().message().find(std::to_string(traits().refusal->told_limit)), std::string::npos)
      << refused.error().message();

  ASSERT_NO_FATAL_FAILURE(send_or_fail(numbered(1)));
  Bytestring received;
  ASSERT_NO_FATAL_FAILURE(receive_or_fail(received));
  EXPECT_TRUE(is_numbered(received, 1));
}

TEST_P(Conformance, AReceiverWaitsNoShorterThanItsDeadline) {
  for (const Deadline deadline : {Deadline::immediately(), Deadline::after(-1s)}) {
    auto got = mechanism().receive(deadline);
    ASSERT_TRUE(got) << got.error().message();
    EXPECT_TRUE(got->is<TimedOut>());
  }
  const auto before = Deadline::Clock::now();
  auto got = mechanism().receive(Deadline::after(50ms));
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_TRUE(got->is<TimedOut>());
  EXPECT_GE(Deadline::Clock::now() - before, 50ms);
}

TEST_P(Conformance, AFullOneWouldBlockAndLosesNothing) {
  if (!traits().fills) GTEST_SKIP() << "has room for more than a test can send";
  std::uint32_t sent = 0;
  for (;; ++sent) {
    auto outcome = mechanism().send(numbered(sent), Deadline::immediately());
    ASSERT_TRUE(outcome) << outcome.error().message();
    if (!outcome->is<Done>()) break;
  }
  ASSERT_GT(sent, 0U);
  const auto before = Deadline::Clock::now();
  auto late = mechanism().send(numbered(sent), Deadline::after(50ms));
  ASSERT_TRUE(late) << late.error().message();
  EXPECT_TRUE(late->is<TimedOut>());
  EXPECT_GE(Deadline::Clock::now() - before, 50ms);

  std::uint32_t received = 0;
  for (;; ++received) {
    auto got = mechanism().receive(Deadline::immediately());
    ASSERT_TRUE(got) << got.error().message();
    if (!got->is<Bytestring>()) break;
    ASSERT_TRUE(is_numbered(got->as<Bytestring>(), received));
  }
  // With room again the sender goes on where it stood; a framed stream finishes here what was half in.
  ASSERT_NO_FATAL_FAILURE(send_or_fail(numbered(sent)));
  for (; received <= sent; ++received) {
    Bytestring message;
    ASSERT_NO_FATAL_FAILURE(receive_or_fail(message));
    ASSERT_TRUE(is_numbered(message, received));
  }
  EXPECT_TRUE(mechanism().receive(Deadline::immediately())->is<TimedOut>());
}

/// Returns once the storm has blown so often since `before`.
void await_gusts(long before, std::uint32_t gusts) {
  while (SignalStorm::handled() - before < static_cast<long>(gusts)) {
  }
}

// In the first half the sender is the slow one, so that signals hit a waiting receiver, and in the second the receiver.
TEST_P(Conformance, AStormOfSignalsLosesAndDoublesNothing) {
  constexpr std::uint32_t count = 1000;
  auto sender = fork_child([&](Ready) {
    mechanism().be_sender();
    const SignalStorm storm;
    const long before = SignalStorm::handled();
    for (std::uint32_t number = 0; number < count; ++number) {
      if (number < count / 2) await_gusts(before, number / 5);
      send_or_fail(numbered(number));
    }
    EXPECT_GT(SignalStorm::handled(), before);
  });
  mechanism().be_receiver();
  const SignalStorm storm;
  const long before = SignalStorm::handled();
  for (std::uint32_t number = 0; number < count; ++number) {
    if (number >= count / 2) await_gusts(before, number / 5);
    auto got = mechanism().receive(Deadline::never());
    ASSERT_TRUE(got) << got.error().message();
    ASSERT_TRUE(got->is<Bytestring>());
    ASSERT_TRUE(is_numbered(got->as<Bytestring>(), number));
  }
  EXPECT_TRUE(sender.wait().success());
  EXPECT_GE(SignalStorm::handled() - before, (count - 1) / 5);
  expect_nothing_more();

  if (traits().tells_receiver) return;
  const auto start = Deadline::Clock::now();
  EXPECT_TRUE(mechanism().receive(Deadline::after(30ms))->is<TimedOut>());
  EXPECT_GE(Deadline::Clock::now() - start, 30ms);
}

}  // namespace
}  // namespace ginnel::test
