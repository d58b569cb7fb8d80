#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "screen.hpp"

namespace ginnel::cli {

enum class Colour : std::uint8_t { none, green, yellow, red, dim, bold };

struct Cell {
  std::string text;
  Colour colour = Colour::none;
};

enum class Align { left, right };

struct Column {
  std::string title;
  Align align = Align::left;
  bool wraps = false;  ///< where the terminal is too narrow, this column's text goes on in further lines
};

/// Rows under titles (or none, where all are empty), aligned; as wide as the widest text, or wrapped to the terminal's width.
/// Where nothing is wrapped, a text of extreme width moves what follows it in its own row, and widens no other.
/// Text is UTF-8; what could play with the terminal, and what is no UTF-8, is shown as `?`.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_{std::move(columns)} {}
  void add_row(const std::vector<Cell>& cells);
  /// Puts empty lines between the rows when any of them takes several lines, so that the eye finds their ends.
  void separate_rows_when_wrapped() noexcept { separates_wrapped_rows_ = true; }
  [[nodiscard]] bool empty() const noexcept { return colours_.empty(); }
  /// Whether the screen has room for all columns, those that wrap in a width in which they can still be read.
  [[nodiscard]] bool fits(const Screen& screen) const;
  [[nodiscard]] std::string render(const Screen& screen) const;

 private:
  [[nodiscard]] std::size_t rows() const noexcept { return colours_.size() / columns_.size(); }
  [[nodiscard]] std::string_view text(std::size_t row, std::size_t column) const noexcept;
  [[nodiscard]] std::vector<Cell> row(std::size_t number) const;
  [[nodiscard]] std::vector<std::size_t> natural_widths() const;
  [[nodiscard]] std::vector<std::size_t> widths(const Screen& screen) const;
  std::vector<Column> columns_;
  // Cell after cell, row after row: tables of some 10,000 rows are common, and strings of their own would be most of the memory.
  std::string texts_;
  std::vector<std::size_t> ends_;  ///< of each cell in texts_
  std::vector<Colour> colours_;
  bool separates_wrapped_rows_ = false;
};

/// The text in colour where the screen has it.
[[nodiscard]] std::string coloured(std::string_view text, Colour colour, const Screen& screen);
/// How many columns of a terminal it takes.
[[nodiscard]] std::size_t display_width(std::string_view utf8) noexcept;

}  // namespace ginnel::cli
