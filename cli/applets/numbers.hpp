#pragma once

#include <cstdint>
#include <expected>
#include <string>

// Numbers and sizes as the classic tools read and write them: leading blanks and a sign are taken, anything behind is refused.

namespace ginnel::cli {

enum class BadNumber { malformed, out_of_range };

/// A decimal number of 32 bits.
[[nodiscard]] std::expected<std::int32_t, BadNumber> parse_int32(const std::string& text);
/// As a C program writes it: decimal, `0x` hexadecimal or `0` octal. Negative ones wrap around, as with strtoul(3).
[[nodiscard]] std::expected<std::uint64_t, BadNumber> parse_unsigned(const std::string& text);
/// `4096`, `0x1000`, `4K`, `4KiB` (1024), `4KB` (1000), `1.5M`: with a unit from K to Y, a decimal fraction is allowed too.
/// Rounded down to whole bytes.
[[nodiscard]] std::expected<std::uint64_t, BadNumber> parse_size(const std::string& text);
/// `0B`, `4K`, `120.6K`, `16E`: rounded to a tenth of the unit, which is left out where it is none.
[[nodiscard]] std::string human_size(std::uint64_t bytes);

}  // namespace ginnel::cli
