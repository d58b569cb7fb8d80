#include "svg_text.hpp"

#include <cmath>
#include <vector>

#include "graph_text.hpp"
#include "utf8.hpp"

namespace ginnel::inventory {
namespace {

std::vector<std::string_view> characters_of(std::string_view text) {
  std::vector<std::string_view> characters;
  while (!text.empty()) {
    characters.push_back(text.substr(0, std::max<std::size_t>(length_of_character(text), 1)));
    text.remove_prefix(characters.back().size());
  }
  return characters;
}

/// Of a sans-serif letter, in parts of the font size.
double relative_width(std::string_view character) noexcept {
  constexpr double narrow = 0.36;
  constexpr double usual = 0.61;
  constexpr double broad = 0.92;
  constexpr std::string_view narrow_letters = " !'(),-./:;I[]fijlrt|";
  constexpr std::string_view broad_letters = "%@MWmw";
  constexpr std::size_t bytes_of_wide_scripts = 3;
  if (character.size() >= bytes_of_wide_scripts) return 1.0;
  if (narrow_letters.contains(character)) return narrow;
  return broad_letters.contains(character) ? broad : usual;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (const char letter : readable(text)) {
    switch (letter) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += letter;
    }
  }
  return out;
}

std::string shorten(std::string_view text, std::size_t characters) {
  const auto all = characters_of(text);
  if (all.size() <= characters) return std::string{text};
  const std::size_t tail = characters / 2;
  const std::size_t head = characters - tail - 1;
  std::string out;
  for (std::size_t place = 0; place < head; ++place) out += all[place];
  out += "…";
  for (std::size_t place = all.size() - tail; place < all.size(); ++place) out += all[place];
  return out;
}

double text_width(std::string_view text, double font_size) noexcept {
  double width = 0;
  while (!text.empty()) {
    const std::string_view character = text.substr(0, std::max<std::size_t>(length_of_character(text), 1));
    width += relative_width(character);
    text.remove_prefix(character.size());
  }
  return width * font_size;
}

std::string number(double value) {
  const auto tenths = static_cast<long>(std::lround(value * 10));
  std::string text = (tenths < 0 ? "-" : "") + std::to_string(std::labs(tenths) / 10);
  if (tenths % 10 != 0) text += "." + std::to_string(std::labs(tenths) % 10);
  return text;
}

}  // namespace ginnel::inventory
