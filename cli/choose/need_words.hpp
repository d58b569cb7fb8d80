#pragma once

#include <span>
#include <string>
#include <string_view>

#include "ginnel/measure/choice.hpp"

namespace ginnel::cli::choose {

/// One thing that can be needed: the same word is an option (`--size 64`), a line of a file (`size 64`) and a question.
struct NeedWord {
  std::string_view name;
  std::string_view value;     ///< what comes after it, `SIZE`; empty: it stands alone
  std::string_view help;      ///< of the option
  std::string_view question;  ///< at a terminal
  /// Errors: EINVAL (the text is no such value: tells which there are).
  Result<void> (*apply)(measure::Needs& needs, const std::string& text);
};
[[nodiscard]] std::span<const NeedWord> need_words() noexcept;
[[nodiscard]] const NeedWord* find_need(std::string_view name) noexcept;

/// Lines of a name and a value; empty ones and those that begin with # say nothing.
/// Errors: EINVAL (tells the line), and those of reading the file.
[[nodiscard]] Result<void> read_needs(const std::string& path, measure::Needs& needs);

/// Asks on standard error and reads standard input, until the end of the input.
[[nodiscard]] Result<void> ask_for_needs(measure::Needs& needs);

}  // namespace ginnel::cli::choose
