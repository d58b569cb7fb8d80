#pragma once

#include "ginnel/core/result.hpp"
#include "ginnel/sys/unix_socket.hpp"

namespace ginnel {

/// How peer_process() finds the peer where SO_PEERPIDFD is unknown (before Linux 6.5): by its number, if the process that
/// has it now belongs to the user who connected. Errors: ESRCH.
[[nodiscard]] Result<Process> process_by_credentials(const Credentials& peer);

}  // namespace ginnel
