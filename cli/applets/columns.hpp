#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Tables in the three forms of the listing tools of util-linux, byte for byte: columns, words (`--raw`), JSON.

namespace ginnel::cli {

struct ListColumn {
  enum class Json { text, number, boolean };

  std::string_view title;
  std::size_t usual_width = 0;  ///< taken when the cells are at least as wide as the title, but no wider than this
  bool right = false;
  bool may_be_cut = false;  ///< on a terminal that is too narrow
  Json json = Json::text;
};

/// A row has a text for each column; an empty one is no value (null in JSON).
using Cells = std::vector<std::string>;

struct ColumnTable {
  std::vector<ListColumn> columns;
  std::vector<Cells> rows;
  bool headings = true;
};

/// Control characters and what is no text in the user's locale come as `\x0a`. A table without rows is nothing at all.
[[nodiscard]] std::string in_columns(const ColumnTable& table, std::optional<std::size_t> screen_width);
/// One blank between cells, so that `cut -d ' '` works: blanks in them come as `\x20`.
[[nodiscard]] std::string in_words(const ColumnTable& table);
/// `{"NAME": [{...}, ...]}` with the titles in lower case. Bytes that are no UTF-8 are passed on as they are.
[[nodiscard]] std::string in_json(const ColumnTable& table, std::string_view name);

}  // namespace ginnel::cli
