#pragma once

#include <string>
#include <string_view>

namespace ginnel::inventory {

/// As content or as an attribute of XML, whatever the bytes were.
[[nodiscard]] std::string escaped(std::string_view text);

/// At most that many characters: of a longer text the middle is left out, since names differ at their ends.
[[nodiscard]] std::string shorten(std::string_view text, std::size_t characters);

/// How wide it will be, rather too much than too little: the reader's font is not known here.
[[nodiscard]] double text_width(std::string_view text, double font_size) noexcept;

/// A coordinate with at most one decimal.
[[nodiscard]] std::string number(double value);

}  // namespace ginnel::inventory
