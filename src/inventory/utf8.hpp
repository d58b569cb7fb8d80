#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// Names are any bytes to the kernel, and what people and JSON read is UTF-8.

namespace ginnel::inventory {

inline constexpr std::string_view replacement_character = "\xef\xbf\xbd";  // U+FFFD

/// Bytes of the UTF-8 character that the text begins with; 0 where it begins with none. Source: Unicode 15, table 3-7.
[[nodiscard]] std::size_t length_of_character(std::string_view text) noexcept;
/// Each byte that is part of no character comes as U+FFFD.
[[nodiscard]] std::string valid_utf8(std::string_view text);

}  // namespace ginnel::inventory
