#pragma once

#include <cstddef>
#include <string_view>

// What a terminal makes of UTF-8.

namespace ginnel::cli {

struct Character {
  std::string_view bytes;  ///< one at least, unless the text is empty
  bool is_valid = false;   ///< false: a byte that is part of no character
  std::size_t columns =
      1;  ///< that it takes: 0 where it stands on the one before, 2 of scripts such as Chinese, and of emoji
  bool is_printed =
      false;  ///< false: it is none, or moves the cursor, begins a control sequence, or turns the direction of the text
};

/// The character that a text begins with. Source: Unicode 15, table 3-7; EastAsianWidth.txt, without its rarest scripts.
[[nodiscard]] Character first_character(std::string_view text) noexcept;

}  // namespace ginnel::cli
