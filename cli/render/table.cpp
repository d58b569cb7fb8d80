#include "table.hpp"

#include <algorithm>
#include <cassert>

#include "render/characters.hpp"
#include "render/harmless.hpp"

namespace ginnel::cli {
namespace {

constexpr std::size_t gap = 2;
constexpr std::size_t narrowest_wrapped = 8;
constexpr std::size_t legible_wrapped = 16;
constexpr std::size_t widest_padded = 100;  // of a column that could wrap, where nothing is wrapped

std::string_view code_of(Colour colour) {
  switch (colour) {
    case Colour::none:
      return "";
    case Colour::green:
      return "\x1b[32m";
    case Colour::yellow:
      return "\x1b[33m";
    case Colour::red:
      return "\x1b[31m";
    case Colour::dim:
      return "\x1b[2m";
    case Colour::bold:
      return "\x1b[1m";
  }
  return "";
}

/// Bytes of the longest prefix that fits into `width` columns; one character at least.
std::size_t bytes_for(std::string_view text, std::size_t width) {
  std::size_t at = 0;
  while (at < text.size()) {
    const Character next = first_character(text.substr(at));
    if (next.columns > width && at > 0) break;
    width -= std::min(width, next.columns);
    at += next.bytes.size();
  }
  return at;
}

/// The text in lines of at most `width` columns, broken at spaces where there are any.
std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  while (display_width(text) > width) {
    const std::size_t fits = bytes_for(text, width);
    if (fits == text.size()) break;
    std::size_t end = text[fits] == ' ' ? fits : text.substr(0, fits).rfind(' ');
    if (end == std::string_view::npos || end == 0) end = fits;
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
    while (text.starts_with(' ')) text.remove_prefix(1);
  }
  lines.emplace_back(text);
  return lines;
}

void append_padded(std::string& out, std::string_view text, std::size_t width, Align align, Colour colour,
                   const Screen& screen, bool last) {
  const std::size_t used = display_width(text);
  const std::size_t padding = used < width ? width - used : 0;
  if (align == Align::right) out.append(padding, ' ');
  out.append(coloured(text, colour, screen));
  if (align == Align::left && !last) out.append(padding, ' ');
  if (!last) out.append(gap, ' ');
}

}  // namespace

std::string coloured(std::string_view text, Colour colour, const Screen& screen) {
  if (!screen.colour || colour == Colour::none || text.empty()) return std::string{text};
  return std::string{code_of(colour)}.append(text).append("\x1b[0m");
}

std::size_t display_width(std::string_view utf8) noexcept {
  std::size_t columns = 0;
  while (!utf8.empty()) {
    const Character character = first_character(utf8);
    columns += character.columns;
    utf8.remove_prefix(character.bytes.size());
  }
  return columns;
}

void Table::add_row(const std::vector<Cell>& cells) {
  assert(cells.size() == columns_.size());
  for (const Cell& cell : cells) {
    texts_ += on_one_line(cell.text);
    ends_.push_back(texts_.size());
    colours_.push_back(cell.colour);
  }
}

std::string_view Table::text(std::size_t row, std::size_t column) const noexcept {
  const std::size_t place = row * columns_.size() + column;
  const std::size_t start = place == 0 ? 0 : ends_[place - 1];
  return std::string_view{texts_}.substr(start, ends_[place] - start);
}

std::vector<Cell> Table::row(std::size_t number) const {
  std::vector<Cell> cells;
  for (std::size_t c = 0; c < columns_.size(); ++c)
    cells.push_back({std::string{text(number, c)}, colours_[number * columns_.size() + c]});
  return cells;
}

std::vector<std::size_t> Table::natural_widths() const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t widest = display_width(columns_[c].title);
    for (std::size_t r = 0; r < rows(); ++r) widest = std::max(widest, display_width(text(r, c)));
    widths.push_back(widest);
  }
  return widths;
}

bool Table::fits(const Screen& screen) const {
  if (!screen.width) return true;
  const std::vector<std::size_t> natural = natural_widths();
  std::size_t total = gap * (columns_.size() - 1);
  for (std::size_t c = 0; c < columns_.size(); ++c)
    total += columns_[c].wraps ? std::min(natural[c], legible_wrapped) : natural[c];
  return total <= static_cast<std::size_t>(*screen.width);
}

std::vector<std::size_t> Table::widths(const Screen& screen) const {
  std::vector<std::size_t> widths = natural_widths();
  if (!screen.width) {
    for (std::size_t c = 0; c < columns_.size(); ++c)
      if (columns_[c].wraps) widths[c] = std::min(widths[c], widest_padded);
    return widths;
  }

  std::size_t total = gap * (columns_.size() - 1);
  for (const std::size_t width : widths) total += width;
  // Takes a column at a time from whichever wrapping column is widest, so that they end up alike.
  while (total > static_cast<std::size_t>(*screen.width)) {
    std::size_t* widest = nullptr;
    for (std::size_t c = 0; c < columns_.size(); ++c)
      if (columns_[c].wraps && widths[c] > narrowest_wrapped && (widest == nullptr || widths[c] > *widest))
        widest = &widths[c];
    if (widest == nullptr) break;
    --*widest;
    --total;
  }
  return widths;
}

std::string Table::render(const Screen& screen) const {
  const std::vector<std::size_t> width = widths(screen);
  const auto lines_of = [&](const std::vector<Cell>& row) {
    std::vector<std::vector<std::string>> lines;
    for (std::size_t c = 0; c < row.size(); ++c)
      lines.push_back(columns_[c].wraps && screen.width ? wrapped(row[c].text, width[c]) : std::vector{row[c].text});
    return lines;
  };
  const auto height_of = [](const std::vector<std::vector<std::string>>& lines) {
    std::size_t height = 1;
    for (const auto& cell : lines) height = std::max(height, cell.size());
    return height;
  };
  bool separate = false;
  for (std::size_t r = 0; separates_wrapped_rows_ && !separate && r < rows(); ++r)
    separate = height_of(lines_of(row(r))) > 1;

  std::string out;
  const auto append_row = [&](const std::vector<Cell>& row) {
    const auto lines = lines_of(row);
    for (std::size_t line = 0; line < height_of(lines); ++line) {
      const std::size_t row_start = out.size();
      for (std::size_t c = 0; c < row.size(); ++c) {
        const std::string_view text = line < lines[c].size() ? std::string_view{lines[c][line]} : std::string_view{};
        append_padded(out, text, width[c], columns_[c].align, row[c].colour, screen, c + 1 == row.size());
      }
      while (out.size() > row_start && out.back() == ' ') out.pop_back();
      out.push_back('\n');
    }
  };

  std::vector<Cell> titles;
  for (const Column& column : columns_) titles.push_back({column.title, Colour::bold});
  const bool titled = std::any_of(titles.begin(), titles.end(), [](const Cell& title) { return !title.text.empty(); });
  if (titled) append_row(titles);
  for (std::size_t r = 0; r < rows(); ++r) {
    if (separate) out.push_back('\n');
    append_row(row(r));
  }
  return out;
}

}  // namespace ginnel::cli
