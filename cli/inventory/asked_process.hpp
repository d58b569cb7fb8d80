#pragma once

#include <sys/types.h>

#include <optional>

#include "ginnel/inventory.hpp"

namespace ginnel::cli {

/// The process that limits are told of: the one that was named, or else who called ginnel, mostly the shell.
[[nodiscard]] pid_t asked_process(const inventory::Snapshot& snapshot, std::optional<pid_t> named);

}  // namespace ginnel::cli
