#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ginnel/measure/run.hpp"

namespace ginnel::cli::bench {

enum class Format { json, csv, markdown, html };
[[nodiscard]] std::optional<Format> parse_format(std::string_view text) noexcept;

/// The report as the content of a file.
[[nodiscard]] std::string exported(const measure::Report& report, Format format);

/// One line for each figure, with a line of titles. Fields with commas or quotes are quoted (RFC 4180).
[[nodiscard]] std::string csv_text(const measure::Report& report);
[[nodiscard]] std::string markdown_text(const measure::Report& report);
/// One self-contained page: bench/page.
[[nodiscard]] std::string page_text(const measure::Report& report);

}  // namespace ginnel::cli::bench
