#include "render/characters.hpp"

#include <algorithm>
#include <array>

namespace ginnel::cli {
namespace {

struct Range {
  char32_t first, last;
};

// C0 and C1, of which U+009B begins a control sequence; the end of a line; and what turns the direction of all that follows.
constexpr std::array not_printed{Range{0x00, 0x1f},     Range{0x7f, 0x9f},      Range{0x061c, 0x061c},
                                 Range{0x200e, 0x200f}, Range{0x2028, 0x202e},  Range{0x2066, 0x2069},
                                 Range{0xfff9, 0xfffb}, Range{0xe0000, 0xe007f}};

constexpr std::array of_no_width{
    Range{0x0300, 0x036f}, Range{0x0483, 0x0489}, Range{0x0591, 0x05bd}, Range{0x0610, 0x061a},
    Range{0x064b, 0x065f}, Range{0x0900, 0x0902}, Range{0x093c, 0x093c}, Range{0x0941, 0x0948},
    Range{0x0e31, 0x0e31}, Range{0x0e34, 0x0e3a}, Range{0x0e47, 0x0e4e}, Range{0x1ab0, 0x1aff},
    Range{0x1dc0, 0x1dff}, Range{0x200b, 0x200d}, Range{0x2060, 0x2060}, Range{0x20d0, 0x20ff},
    Range{0xfe00, 0xfe0f}, Range{0xfe20, 0xfe2f}, Range{0xfeff, 0xfeff}, Range{0xe0100, 0xe01ef}};

constexpr std::array of_two_columns{Range{0x1100, 0x115f},   Range{0x231a, 0x231b},   Range{0x2e80, 0x303e},
                                    Range{0x3041, 0x4dbf},   Range{0x4e00, 0xa4cf},   Range{0xa960, 0xa97f},
                                    Range{0xac00, 0xd7a3},   Range{0xf900, 0xfaff},   Range{0xfe30, 0xfe6f},
                                    Range{0xff01, 0xff60},   Range{0xffe0, 0xffe6},   Range{0x1f300, 0x1f64f},
                                    Range{0x1f680, 0x1f6ff}, Range{0x1f900, 0x1f9ff}, Range{0x20000, 0x3fffd}};

template <std::size_t size>
bool is_in(const std::array<Range, size>& ranges, char32_t code) noexcept {
  return std::ranges::any_of(ranges, [&](Range range) { return code >= range.first && code <= range.last; });
}

constexpr unsigned payload_bits = 6;  // of each byte after the first

/// How many bytes follow the first, and what it says of the code.
struct Lead {
  std::size_t following = 0;
  char32_t bits = 0;
  char32_t least = 0;  ///< the smallest code that takes so many bytes
};

Lead lead_of(unsigned char byte) noexcept {
  if (byte < 0x80) return {0, byte, 0};
  if (byte >= 0xc2 && byte <= 0xdf) return {1, byte & 0x1fU, 0x80};
  if (byte >= 0xe0 && byte <= 0xef) return {2, byte & 0x0fU, 0x800};
  if (byte >= 0xf0 && byte <= 0xf4) return {3, byte & 0x07U, 0x10000};
  return {0, 0, 1};  // begins none
}

}  // namespace

Character first_character(std::string_view text) noexcept {
  if (text.empty()) return {.bytes = text};
  const Lead lead = lead_of(static_cast<unsigned char>(text.front()));
  const Character none{.bytes = text.substr(0, 1)};
  if (text.size() <= lead.following) return none;
  char32_t code = lead.bits;
  for (const char next : text.substr(1, lead.following)) {
    const auto byte = static_cast<unsigned char>(next);
    if ((byte & 0xc0U) != 0x80U) return none;
    code = (code << payload_bits) | (byte & 0x3fU);
  }
  const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < lead.least || code > 0x10ffff || is_surrogate) return none;
  constexpr char32_t first_after_latin = 0x300;
  const bool is_plain = code < first_after_latin;
  return {.bytes = text.substr(0, lead.following + 1),
          .is_valid = true,
          .columns = is_plain                      ? 1U
                     : is_in(of_no_width, code)    ? 0U
                     : is_in(of_two_columns, code) ? 2U
                                                   : 1U,
          .is_printed = !is_in(not_printed, code)};
}

}  // namespace ginnel::cli
