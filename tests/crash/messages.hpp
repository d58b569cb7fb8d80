#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace ginnel::crash {

/// A message or value that shows whether all of it was written, and of whom it is.
struct Stamped {
  std::uint64_t author = 0;
  std::uint64_t number = 0;
  std::array<std::uint64_t, 5> rest{};

  [[nodiscard]] static Stamped of(std::uint64_t author, std::uint64_t number) noexcept {
    Stamped message{.author = author, .number = number, .rest = {}};
    for (std::size_t i = 0; i < message.rest.size(); ++i) message.rest[i] = author * 1'000'003 + number * 10'007 + i;
    return message;
  }
  [[nodiscard]] bool whole() const noexcept { return *this == of(author, number); }
  [[nodiscard]] std::string text() const { return std::to_string(author) + "/" + std::to_string(number); }
  bool operator==(const Stamped&) const = default;
};

/// The author of what actor N sends.
[[nodiscard]] constexpr std::uint64_t author_of(std::uint32_t actor) noexcept { return 100 + actor; }

}  // namespace ginnel::crash
