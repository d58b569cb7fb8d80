#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// How the tour judges what arrived against what was sent. Nothing here talks to a kernel, so the judges themselves are tested
// with wrong data: a tour that cannot fail proves nothing.

namespace ginnel::cli::tour {

using Message = std::vector<std::byte>;

/// What was seen is not what was promised.
struct Untrue {
  std::string expected;
  std::string seen;
  [[nodiscard]] std::string to_string() const { return "expected " + expected + ", saw " + seen; }
  bool operator==(const Untrue&) const = default;
};

/// Nothing when all is as it should be.
using Verdict = std::optional<Untrue>;

/// Every byte, in order, none missing and none too many. Tells where the first difference is.
[[nodiscard]] Verdict judge_bytes(std::span<const std::byte> sent, std::span<const std::byte> received);
/// Every message, with its boundaries, in order. Tells which is the first that differs, and how.
[[nodiscard]] Verdict judge_messages(const std::vector<Message>& sent, const std::vector<Message>& received);
[[nodiscard]] Verdict judge_number(std::string_view what, std::uint64_t expected, std::uint64_t seen);
[[nodiscard]] Verdict judge_text(std::string_view expected, std::string_view seen);
[[nodiscard]] Verdict judge_outcome(std::string_view expected, bool as_expected,
                                    std::string_view otherwise = "something else");

/// Bytes that show every loss, doubling and reordering.
[[nodiscard]] Message pattern(std::size_t size, std::uint32_t seed = 1);
/// Messages of many sizes up to `largest`, each of its own content; an empty one among them where `with_empty`.
[[nodiscard]] std::vector<Message> test_messages(std::size_t count, std::size_t largest, bool with_empty);

/// The middle of the samples, which is left unmoved by the few that the scheduler spoiled. Not of none.
[[nodiscard]] std::uint64_t median(std::vector<std::uint64_t> samples);

}  // namespace ginnel::cli::tour
