#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Taking apart what /proc prints: each take_ function takes what it gives off the front of the text.

namespace ginnel::inventory {

[[nodiscard]] inline std::string_view take_until(std::string_view& text, char end) noexcept {
  const std::size_t length = std::min(text.find(end), text.size());
  const std::string_view taken = text.substr(0, length);
  text.remove_prefix(std::min(length + 1, text.size()));
  return taken;
}

[[nodiscard]] inline std::string_view take_line(std::string_view& text) noexcept { return take_until(text, '\n'); }

inline void skip_blanks(std::string_view& text) noexcept {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
}

/// The next word between blanks; empty at the end of the line.
[[nodiscard]] inline std::string_view take_word(std::string_view& text) noexcept {
  skip_blanks(text);
  const std::string_view word = text.substr(0, text.find_first_of(" \t\n"));
  text.remove_prefix(word.size());
  return word;
}

/// The whole of the text as a number.
template <std::integral Number>
[[nodiscard]] std::optional<Number> to_number(std::string_view text, int base = 10) noexcept {
  Number value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <std::integral Number>
[[nodiscard]] std::optional<Number> take_number(std::string_view& text, int base = 10) noexcept {
  return to_number<Number>(take_word(text), base);
}

/// The word for that many: `1` of `queues` is a `queue`.
[[nodiscard]] inline std::string_view in_number(std::uint64_t count, std::string_view plural) noexcept {
  if (count != 1) return plural;
  const bool long_ending = plural.ends_with("sses") || plural.ends_with("ches");
  if (long_ending)
    plural.remove_suffix(2);
  else if (plural.ends_with('s'))
    plural.remove_suffix(1);
  return plural;
}

/// `1 thread`, `2 threads`.
[[nodiscard]] inline std::string counted(std::uint64_t count, std::string_view plural) {
  return std::to_string(count).append(" ").append(in_number(count, plural));
}

[[nodiscard]] inline std::string to_hexadecimal(std::uint64_t number) {
  std::array<char, 16> digits{};
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr};
}

}  // namespace ginnel::inventory
