#include "harmless.hpp"

#include "render/characters.hpp"

namespace ginnel::cli {

std::string on_one_line(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const Character character = first_character(text);
    if (character.is_printed)
      shown += character.bytes;
    else
      shown += '?';
    text.remove_prefix(character.bytes.size());
  }
  return shown;
}

std::string harmless(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const std::size_t line = text.find('\n');
    shown += on_one_line(text.substr(0, line));
    if (line == std::string_view::npos) break;
    shown += '\n';
    text.remove_prefix(line + 1);
  }
  return shown;
}

}  // namespace ginnel::cli
