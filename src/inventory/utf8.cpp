#include "utf8.hpp"

#include <algorithm>
#include <array>

namespace ginnel::inventory {

std::size_t length_of_character(std::string_view text) noexcept {
  struct Form {
    unsigned char first, last, second_first, second_last;
    std::size_t length;
  };
  constexpr std::array forms{
      Form{0x00, 0x7f, 0, 0, 1},       Form{0xc2, 0xdf, 0x80, 0xbf, 2}, Form{0xe0, 0xe0, 0xa0, 0xbf, 3},
      Form{0xe1, 0xec, 0x80, 0xbf, 3}, Form{0xed, 0xed, 0x80, 0x9f, 3}, Form{0xee, 0xef, 0x80, 0xbf, 3},
      Form{0xf0, 0xf0, 0x90, 0xbf, 4}, Form{0xf1, 0xf3, 0x80, 0xbf, 4}, Form{0xf4, 0xf4, 0x80, 0x8f, 4}};
  const auto byte = [&](std::size_t place) { return static_cast<unsigned char>(text[place]); };
  if (text.empty()) return 0;
  const auto* const form =
      std::ranges::find_if(forms, [&](const Form& one) { return byte(0) >= one.first && byte(0) <= one.last; });
  if (form == forms.end() || text.size() < form->length) return 0;
  for (std::size_t place = 1; place < form->length; ++place) {
    const unsigned char first = place == 1 ? form->second_first : 0x80;
    const unsigned char last = place == 1 ? form->second_last : 0xbf;
    if (byte(place) < first || byte(place) > last) return 0;
  }
  return form->length;
}

std::string valid_utf8(std::string_view text) {
  std::string valid;
  while (!text.empty()) {
    const std::size_t length = length_of_character(text);
    valid += length == 0 ? replacement_character : text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return valid;
}

}  // namespace ginnel::inventory
