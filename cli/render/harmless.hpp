#pragma once

#include <string>
#include <string_view>

namespace ginnel::cli {

/// What may be shown of a text that others chose, the name of a command among them: whatever could play with the terminal, and
/// bytes that are no UTF-8, become `?`. A Table does this by itself.
[[nodiscard]] std::string on_one_line(std::string_view text);

/// The same of a message, which may have several lines.
[[nodiscard]] std::string harmless(std::string_view text);

}  // namespace ginnel::cli
