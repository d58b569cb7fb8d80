#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "ginnel/core/result.hpp"

namespace ginnel {

/// An amount of memory, so that no size travels without its unit.
class Bytes {
 public:
  constexpr Bytes() noexcept = default;
  explicit constexpr Bytes(std::uint64_t count) noexcept : count_{count} {}
  [[nodiscard]] static constexpr Bytes kib(std::uint64_t n) noexcept { return Bytes{n << 10}; }
  [[nodiscard]] static constexpr Bytes mib(std::uint64_t n) noexcept { return Bytes{n << 20}; }
  [[nodiscard]] static constexpr Bytes gib(std::uint64_t n) noexcept { return Bytes{n << 30}; }

  /// `4096`, `64K`, `1M`, `1MiB`, `2G`, `1T`: powers of 1024, one unit, no fraction.
  /// Errors: EINVAL (not of that form), ERANGE (over 2^63 - 1, which no object of the kernel can be).
  [[nodiscard]] static Result<Bytes> parse(std::string_view text);

  [[nodiscard]] constexpr std::uint64_t count() const noexcept { return count_; }
  /// The shortest exact form: `1M`, `4097`. parse() reads it back.
  [[nodiscard]] std::string to_string() const;

  constexpr auto operator<=>(const Bytes&) const noexcept = default;

 private:
  std::uint64_t count_ = 0;
};

}  // namespace ginnel
