#pragma once

#include <string>
#include <string_view>

namespace ginnel::cli {

/// What a message may show of texts that others chose, the name of a command among them: control characters but the newline become
/// `?`, so that they cannot play with the terminal. A Table does the same by itself.
[[nodiscard]] std::string harmless(std::string_view text);

}  // namespace ginnel::cli
