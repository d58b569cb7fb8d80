#pragma once

#include <sys/types.h>

#include <array>
#include <optional>
#include <string_view>

#include "ginnel/core/result.hpp"
#include "ginnel/sys/unix_socket.hpp"

namespace ginnel {

/// The real, effective, saved and file-system user in the text of /proc/PID/status, which may be cut off anywhere; nothing
/// where not all four are told. Source: proc(5).
[[nodiscard]] std::optional<std::array<uid_t, 4>> parse_users(std::string_view status);

/// How peer_process() finds the peer where SO_PEERPIDFD is unknown (before Linux 6.5): by its number, if the process that
/// has it now belongs to the user who connected. Errors: ESRCH.
[[nodiscard]] Result<Process> process_by_credentials(const Credentials& peer);

}  // namespace ginnel
