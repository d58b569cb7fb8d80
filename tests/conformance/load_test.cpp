#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "conformance/mechanism.hpp"
#include "support/child_process.hpp"
#include "support/signal_storm.hpp"

// The same promises with the mechanism under load: full all the time, with messages as large as it takes, from many at once.

namespace ginnel::test {
namespace {

/// A message that carries its number, of a size between half and all of what the mechanism takes, though no larger than a
/// test has time for. Sizes differ, so that a sender meets the limit at every place of a transfer.
Bytestring large(const Traits& traits, std::uint32_t number) {
  const std::size_t most = std::min<std::size_t>(traits.largest, 300'000);
  const std::size_t least = std::max(traits.smallest, most / 2);
  Bytestring message = test_pattern(most - std::size_t{number} * 97 % (most - least + 1), number + 1);
  std::memcpy(message.data(), &number, std::min(message.size(), sizeof number));
  return message;
}

void await_another_gust() {
  const long before = SignalStorm::handled();
  while (SignalStorm::handled() == before) {
  }
}

TEST_P(Conformance, KeepsTheSizesNextToItsLimits) {
  std::vector<std::size_t> sizes{traits().smallest, traits().smallest + 1, traits().largest, traits().largest - 1,
                                 traits().largest};
  std::erase_if(sizes, [&](std::size_t size) { return size < traits().smallest || size > traits().largest; });
  auto sender = fork_child([&](Ready) {
    mechanism().be_sender();
    for (const std::size_t size : sizes) send_or_fail(test_pattern(size));
  });
  mechanism().be_receiver();
  for (const std::size_t size : sizes) {
    Bytestring received;
    ASSERT_NO_FATAL_FAILURE(receive_or_fail(received));
    EXPECT_EQ(received.size(), size);
    EXPECT_TRUE(received == test_pattern(size));
  }
  EXPECT_TRUE(sender.wait().success());
  expect_nothing_more();
}

// Nothing is received before the sender has met the limit, so most of the messages have to wait for room.
TEST_P(Conformance, HoldsBackASenderFasterThanItsReceiverAndKeepsTheOrder) {
  constexpr std::uint32_t count = 2000;
  auto sender = fork_child([&](Ready ready) {
    mechanism().be_sender();
    std::uint32_t number = 0;
    while (traits().fills) {
      auto sent = mechanism().send(numbered(number), Deadline::immediately());
      ASSERT_TRUE(sent) << sent.error().message();
      if (!sent->is<Done>()) break;
      ASSERT_LT(++number, count) << "never full";
    }
    ready.say();
    for (; number < count; ++number) send_or_fail(numbered(number));
  });
  mechanism().be_receiver();
  sender.wait_until_ready();
  for (std::uint32_t number = 0; number < count; ++number) {
    Bytestring message;
    ASSERT_NO_FATAL_FAILURE(receive_or_fail(message));
    ASSERT_TRUE(is_numbered(message, number));
  }
  EXPECT_TRUE(sender.wait().success());
  expect_nothing_more();
}

// Each message is taken only after another signal, while the sender stands in a transfer that has begun.
TEST_P(Conformance, AStormOfSignalsTearsNoLargeMessage) {
  if (traits().largest < 1000) GTEST_SKIP() << "carries no large messages";
  constexpr std::uint32_t count = 60;
  auto sender = fork_child([&](Ready) {
    mechanism().be_sender();
    const SignalStorm storm;
    const long before = SignalStorm::handled();
    for (std::uint32_t number = 0; number < count; ++number) send_or_fail(large(traits(), number));
    while (SignalStorm::handled() == before) {
    }
  });
  mechanism().be_receiver();
  const SignalStorm storm;
  for (std::uint32_t number = 0; number < count; ++number) {
    await_another_gust();
    Bytestring message;
    ASSERT_NO_FATAL_FAILURE(receive_or_fail(message));
    ASSERT_TRUE(message == large(traits(), number)) << "message " << number << ", " << message.size() << " bytes";
  }
  EXPECT_TRUE(sender.wait().success());
  expect_nothing_more();
}

TEST_P(Conformance, EightSendersOfLargeMessagesTearAndReorderNone) {
  if (!traits().many_senders) GTEST_SKIP() << "is for one sender";
  if (!carries_numbers()) GTEST_SKIP() << "carries nothing that could be torn";
  constexpr std::uint32_t senders = 8;
  constexpr std::uint32_t each = 25;
  std::vector<ChildProcess> children;
  for (std::uint32_t sender = 0; sender < senders; ++sender) {
    children.push_back(fork_child([&, sender](Ready ready) {
      mechanism().be_sender();
      ready.say();
      ready.wait_for_release();
      for (std::uint32_t i = 0; i < each; ++i) send_or_fail(large(traits(), sender * each + i));
    }));
  }
  mechanism().be_receiver();
  for (auto& child : children) child.wait_until_ready();
  for (auto& child : children) child.release();

  std::array<std::uint32_t, senders> next{};
  for (std::uint32_t i = 0; i < senders * each; ++i) {
    Bytestring message;
    ASSERT_NO_FATAL_FAILURE(receive_or_fail(message));
    const std::uint32_t number = number_of(message);
    ASSERT_LT(number, senders * each);
    ASSERT_TRUE(message == large(traits(), number)) << "message " << number << ", " << message.size() << " bytes";
    EXPECT_EQ(number % each, next.at(number / each)++);
  }
  for (auto& child : children) EXPECT_TRUE(child.wait().success());
  expect_nothing_more();
}

}  // namespace
}  // namespace ginnel::test
