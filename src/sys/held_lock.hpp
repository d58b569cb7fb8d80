#pragma once

#include <optional>
#include <string>

#include "ginnel/sys/file_lock.hpp"

namespace ginnel {

/// One line of fdinfo: `lock:\t1: FLOCK  ADVISORY  WRITE 1234 fe:00:10952783 0 EOF`; pid, command and fd are left for the
/// caller to fill in. Nullopt for a lease or delegation, and for what is no such line.
[[nodiscard]] std::optional<LockHolder> parse_held_lock(const std::string& line);

}  // namespace ginnel
