#include "columns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cwchar>
#include <cwctype>

namespace ginnel::cli {
namespace {

struct Glyph {
  std::string text;
  std::size_t width = 0;
};

std::string escaped(char byte) { return fmt::format("\\x{:02x}", static_cast<unsigned char>(byte)); }

/// Takes the first character, as it may be shown. A backslash that looks like one of our escapes becomes one.
Glyph take_glyph(std::string_view& rest) {
  std::mbstate_t state{};
  wchar_t wide = 0;
  const std::size_t length = std::mbrtowc(&wide, rest.data(), rest.size(), &state);
  const int width = length == 0 || length > rest.size() ? -1 : ::wcwidth(wide);
  Glyph glyph;
  if (width < 0 || std::iswcntrl(static_cast<std::wint_t>(wide)) != 0 || rest.starts_with("\\x")) {
    const std::size_t bytes = length == 0 || length > rest.size() ? 1 : length;
    for (const char byte : rest.substr(0, bytes)) glyph.text += escaped(byte);
    glyph.width = glyph.text.size();
    rest.remove_prefix(bytes);
  } else {
    glyph = {std::string{rest.substr(0, length)}, static_cast<std::size_t>(width)};
    rest.remove_prefix(length);
  }
  return glyph;
}

/// As much of the text as goes into a width.
Glyph shown(std::string_view text, std::size_t most = std::string_view::npos) {
  Glyph all;
  while (!text.empty()) {
    const Glyph next = take_glyph(text);
    if (next.width > most - all.width) {
      if (next.text.starts_with("\\x")) {  // an escape is plain letters, and can be cut through
        all.text += next.text.substr(0, most - all.width);
        all.width = most;
      }
      break;
    }
    all.text += next.text;
    all.width += next.width;
  }
  return all;
}

std::vector<std::size_t> widths_of(const ColumnTable& table, std::optional<std::size_t> screen_width) {
  std::vector<std::size_t> widths;
  std::size_t sum = 0;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const ListColumn& column = table.columns[i];
    std::size_t width = 0;
    for (const Cells& row : table.rows) width = std::max(width, shown(row[i]).width);
    if (width < column.title.size()) {
      width = column.title.size();
    } else if (width < column.usual_width && column.title.size() < column.usual_width) {
      width = column.usual_width;
    }
    widths.push_back(width);
    sum += width + (i == 0 ? 0 : 1);
  }
  for (std::size_t i = 0; screen_width && i < widths.size(); ++i) {
    if (!table.columns[i].may_be_cut || sum <= *screen_width) continue;
    const std::size_t spare = std::min(sum - *screen_width, widths[i] - table.columns[i].title.size());
    widths[i] -= spare;
    sum -= spare;
  }
  return widths;
}

template <class GetCell>
std::string line_of(const ColumnTable& table, const std::vector<std::size_t>& widths, GetCell cell) {
  std::string line;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    const bool last = i + 1 == widths.size();
    const Glyph content = shown(cell(i), widths[i]);
    const std::string padding(widths[i] - content.width, ' ');
    if (i != 0) line += ' ';
    if (last && content.text.empty()) break;
    if (table.columns[i].right) line += padding;
    line += content.text;
    if (!table.columns[i].right && !last) line += padding;
  }
  return line + '\n';
}

std::string as_word(std::string_view text) {
  std::string word;
  for (const char byte : text) {
    const bool plain = std::isgraph(static_cast<unsigned char>(byte)) != 0 && byte != '\\';
    word += plain ? std::string(1, byte) : escaped(byte);
  }
  return word;
}

std::string json_text(std::string_view text) {
  std::string quoted = "\"";
  for (const char byte : text) {
    constexpr std::string_view special = "\"\\\b\f\n\r\t";
    constexpr std::string_view letters = "\"\\bfnrt";
    const auto found = special.find(byte);
    if (found != std::string_view::npos) {
      quoted += '\\';
      quoted += letters[found];
    } else if (static_cast<unsigned char>(byte) < 0x20) {
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned char>(byte));
    } else {
      quoted += byte;
    }
  }
  return quoted + '"';
}

std::string lower(std::string_view text) {
  std::string lowered;
  for (const char letter : text) lowered += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return lowered;
}

std::string json_value(const ListColumn& column, const std::string& cell) {
  if (column.json == ListColumn::Json::boolean) return cell == "0" ? "false" : "true";
  if (cell.empty()) return "null";
  return column.json == ListColumn::Json::number ? cell : json_text(cell);
}

}  // namespace

std::string in_columns(const ColumnTable& table, std::optional<std::size_t> screen_width) {
  if (table.rows.empty()) return "";
  const auto widths = widths_of(table, screen_width);
  std::string text;
  if (table.headings) text += line_of(table, widths, [&](std::size_t i) { return table.columns[i].title; });
  for (const Cells& row : table.rows)
    text += line_of(table, widths, [&](std::size_t i) { return std::string_view{row[i]}; });
  return text;
}

std::string in_words(const ColumnTable& table) {
  if (table.rows.empty()) return "";
  const auto join = [&](auto cell) {
    std::string line;
    for (std::size_t i = 0; i < table.columns.size(); ++i) line += (i == 0 ? "" : " ") + as_word(cell(i));
    return line + '\n';
  };
  std::string text;
  if (table.headings) text += join([&](std::size_t i) { return table.columns[i].title; });
  for (const Cells& row : table.rows) text += join([&](std::size_t i) { return std::string_view{row[i]}; });
  return text;
}

std::string in_json(const ColumnTable& table, std::string_view name) {
  std::string text = fmt::format("{{\n   \"{}\": [\n", name);
  for (const Cells& row : table.rows) {
    text += &row == &table.rows.front() ? "      {\n" : ",{\n";
    for (std::size_t i = 0; i < table.columns.size(); ++i)
      text += fmt::format("         \"{}\": {}{}\n", lower(table.columns[i].title),
                          json_value(table.columns[i], row[i]), i + 1 < table.columns.size() ? "," : "");
    text += "      }";
  }
  return text + "\n   ]\n}\n";
}

}  // namespace ginnel::cli
