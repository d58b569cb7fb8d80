#include "conformance/mechanism.hpp"

#include <algorithm>
#include <cstring>

namespace ginnel::test {

using namespace std::chrono_literals;

Bytestring Conformance::numbered(std::uint32_t number) const {
  const std::size_t least = std::max(traits_.smallest, std::min(traits_.largest, sizeof number));
  const std::size_t most = std::min<std::size_t>(traits_.largest, 300);
  Bytestring message = test_pattern(least + number % (most - least + 1), number + 1);
  if (carries_numbers()) std::memcpy(message.data(), &number, sizeof number);
  return message;
}

::testing::AssertionResult Conformance::is_numbered(const Bytestring& message, std::uint32_t number) const {
  if (message == numbered(number)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "not message " << number << ": " << message.size() << " bytes, number "
                                       << (message.size() >= sizeof number ? number_of(message) : 0);
}

std::uint32_t Conformance::number_of(const Bytestring& message) {
  std::uint32_t number = 0;
  std::memcpy(&number, message.data(), std::min(message.size(), sizeof number));
  return number;
}

void Conformance::send_or_fail(std::span<const std::byte> message) {
  auto sent = mechanism().send(message, Deadline::never());
  ASSERT_TRUE(sent) << sent.error().message();
  ASSERT_TRUE(sent->is<Done>());
}

void Conformance::receive_or_fail(Bytestring& message) {
  auto got = mechanism().receive(Deadline::after(20s));
  ASSERT_TRUE(got) << got.error().message();
  ASSERT_TRUE(got->is<Bytestring>()) << (got->is<TimedOut>() ? "timed out" : "the end");
  message = std::move(got->as<Bytestring>());
}

void Conformance::expect_nothing_more() {
  auto got = mechanism().receive(traits_.tells_receiver ? Deadline::after(20s) : Deadline::after(10ms));
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_FALSE(got->is<Bytestring>()) << "a message that nobody sent";
  EXPECT_EQ(got->is<EndOfStream>(), traits_.tells_receiver);
}

}  // namespace ginnel::test
