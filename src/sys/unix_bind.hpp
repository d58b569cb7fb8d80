#pragma once

#include <optional>
#include <string>

#include "ginnel/core/result.hpp"
#include "ginnel/sys/unix_socket.hpp"

// Taking a name for a socket, also one that a dead server left.

namespace ginnel {

/// Binds to the address with the mode, owner and group of `options`; a stale path is replaced. What comes back is empty
/// for an abstract name. The socket is of no more use when this fails. Errors: as UnixListener::listen.
[[nodiscard]] Result<BoundPath> bind_socket(int socket, const UnixAddress& address, const ListenOptions& options);

/// Whether any process has a socket bound to this file (a descriptor of it, as by O_PATH), listening or not, in whatever network
/// namespace. A datagram socket that connects is told the type of what is bound there, and the owner of a stream or seqpacket socket
/// notices nothing. Returns 0 for nobody, EADDRINUSE for somebody, or why it cannot be told. See docs/decisions/0003.
[[nodiscard]] int who_is_bound(int file);

/// Who has the socket of a name in use, for an error: `pid 812 (socat)`; empty when it cannot be told. A search of the
/// whole of /proc, so not for everyday use. Preserves errno. Source: sock_diag(7), proc(5).
[[nodiscard]] std::string holder_of_path(dev_t device, ino_t inode);
[[nodiscard]] std::string holder_of_abstract(std::string_view name_without_at);

}  // namespace ginnel
