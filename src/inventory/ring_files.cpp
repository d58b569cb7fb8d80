#include "ring_files.hpp"

#include <optional>

#include "words.hpp"

namespace ginnel::inventory {
namespace {

/// The kernel writes blanks and backslashes as `\040`.
std::string plain(std::string_view text) {
  constexpr std::size_t digits = 3;
  constexpr int base = 8;
  std::string path;
  while (!text.empty()) {
    const std::string_view code = text.front() == '\\' ? text.substr(1, digits) : std::string_view{};
    const auto letter = code.size() == digits ? to_number<unsigned char>(code, base) : std::nullopt;
    path += letter ? static_cast<char>(*letter) : text.front();
    text.remove_prefix(letter ? digits + 1 : 1);
  }
  return path;
}

}  // namespace

std::vector<std::string> files_of_ring(std::string_view fdinfo) {
  std::vector<std::string> paths;
  bool is_list = false;
  while (!fdinfo.empty()) {
    std::string_view line = take_line(fdinfo);
    if (!line.starts_with(' ')) is_list = line.starts_with("UserFiles:");
    if (!is_list || line.starts_with("UserFiles:")) continue;
    skip_blanks(line);
    if (!to_number<unsigned>(take_until(line, ':'))) continue;
    skip_blanks(line);
    if (line.starts_with('/')) paths.push_back(plain(line));
  }
  return paths;
}

}  // namespace ginnel::inventory
