#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "ginnel/inventory.hpp"

namespace ginnel::cli {

/// The process that limits are told of: the one that was named, or else who called ginnel, mostly the shell.
[[nodiscard]] pid_t asked_process(const inventory::Snapshot& snapshot, std::optional<pid_t> named);

/// Why nothing is seen of a process: it is not there, or may not be looked into. None where it simply has nothing.
[[nodiscard]] std::optional<std::string> why_nothing_of(const inventory::Snapshot& snapshot, pid_t pid);

}  // namespace ginnel::cli
