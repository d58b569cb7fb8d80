#pragma once

#include <string>
#include <string_view>

#include "ginnel/core/error.hpp"

// Why a path was refused, of what the caller may see of it and of the directory it lies in: whose they are, and what is missing.

namespace ginnel {

/// Of one that was to be opened or made; empty where there is no more to say than the errno does. Preserves errno.
[[nodiscard]] std::string path_hint(int code, const std::string& path);

/// The error of the call that has just failed on a path, with its hint.
[[nodiscard]] Error last_path_error(std::string_view operation, const std::string& path);
/// The same of a call that was to remove it.
[[nodiscard]] Error last_removal_error(std::string_view operation, const std::string& path);

}  // namespace ginnel
