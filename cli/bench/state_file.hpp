#pragma once

#include <optional>
#include <string>

#include "ginnel/core/result.hpp"
#include "render/json.hpp"

namespace ginnel::cli::bench {

/// Where the last run of this user is kept: $XDG_STATE_HOME/ginnel/bench.json, else ~/.local/state/ginnel/bench.json. Empty where neither
/// variable is set.
[[nodiscard]] std::string state_path();

/// Puts the text into the file, whole or not at all, and makes the directories that it lies in. Errors: those of the file system.
[[nodiscard]] Result<void> write_file(const std::string& path, const std::string& text);
/// Errors: ENOENT, EINVAL (no report of `ginnel bench`), EIO.
[[nodiscard]] Result<Json> read_report(const std::string& path);

}  // namespace ginnel::cli::bench
