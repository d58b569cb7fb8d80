#pragma once

#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"

namespace ginnel {

/// The network namespace that a socket belongs to, which is where it was made and may be one that no process is in any more: a
/// descriptor by which to enter it, close-on-exec. Errors: EPERM (needs CAP_NET_ADMIN there), ENOTTY (no socket), EMFILE.
/// Source: SIOCGSKNS of Linux.
[[nodiscard]] Result<UniqueFd> network_namespace_of(int socket);

}  // namespace ginnel
