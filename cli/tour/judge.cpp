#include "tour/judge.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>

namespace ginnel::cli::tour {
namespace {

std::string position_of_first_difference(std::span<const std::byte> a, std::span<const std::byte> b) {
  const auto differ = std::ranges::mismatch(a, b);
  return fmt::format("byte {}", differ.in1 - a.begin());
}

}  // namespace

Verdict judge_bytes(std::span<const std::byte> sent, std::span<const std::byte> received) {
  if (std::ranges::equal(sent, received)) return std::nullopt;
  std::string difference = fmt::format("the first difference at {}", position_of_first_difference(sent, received));
  if (sent.size() != received.size()) difference = fmt::format("{} bytes, {}", received.size(), difference);
  return Untrue{fmt::format("the {} bytes that were sent", sent.size()), std::move(difference)};
}

Verdict judge_messages(const std::vector<Message>& sent, const std::vector<Message>& received) {
  const std::size_t both = std::min(sent.size(), received.size());
  for (std::size_t i = 0; i < both; ++i) {
    if (sent[i] == received[i]) continue;
    if (sent[i].size() != received[i].size())
      return Untrue{fmt::format("message {} of {} bytes", i, sent[i].size()),
                    fmt::format("{} bytes", received[i].size())};
    const auto other = std::ranges::find(sent, received[i]);
    return Untrue{fmt::format("message {}", i),
                  other != sent.end()
                      ? fmt::format("message {} in its place", other - sent.begin())
                      : fmt::format("another content from {} on", position_of_first_difference(sent[i], received[i]))};
  }
  return judge_number("messages", sent.size(), received.size());
}

Verdict judge_number(std::string_view what, std::uint64_t expected, std::uint64_t seen) {
  if (expected == seen) return std::nullopt;
  return Untrue{fmt::format("{} {}", expected, what), std::to_string(seen)};
}

Verdict judge_text(std::string_view expected, std::string_view seen) {
  if (expected == seen) return std::nullopt;
  return Untrue{fmt::format("'{}'", expected), fmt::format("'{}'", seen)};
}

Verdict judge_outcome(std::string_view expected, bool as_expected, std::string_view otherwise) {
  if (as_expected) return std::nullopt;
  return Untrue{std::string{expected}, std::string{otherwise}};
}

Message pattern(std::size_t size, std::uint32_t seed) {
  Message bytes(size);
  std::uint32_t state = seed * 2654435761U + 1U;
  for (std::byte& byte : bytes) {
    state ^= state << 13U;
    state ^= state >> 17U;
    state ^= state << 5U;
    byte = static_cast<std::byte>(state >> 24U);
  }
  return bytes;
}

std::vector<Message> test_messages(std::size_t count, std::size_t largest, bool with_empty) {
  assert(largest > 0);
  std::vector<Message> messages;
  for (std::size_t i = 0; i < count; ++i) {
    // From 1 to `largest`, both included, in a jagged order.
    const std::size_t size = i == 0 ? largest : 1 + (i * 7919) % largest;
    messages.push_back(pattern(with_empty && i == count / 2 ? 0 : size, static_cast<std::uint32_t>(i + 1)));
  }
  return messages;
}

std::uint64_t median(std::vector<std::uint64_t> samples) {
  assert(!samples.empty());
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::ranges::nth_element(samples, middle);
  return *middle;
}

}  // namespace ginnel::cli::tour
