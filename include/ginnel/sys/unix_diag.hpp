#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"

namespace ginnel {

/// One Unix socket, as the kernel lists it.
struct UnixSocketInfo {
  enum class Type { stream, datagram, seqpacket };
  enum class State { unconnected, listening, established };
  std::uint64_t inode = 0;   ///< as `socket:[INODE]` in /proc/PID/fd
  std::uint64_t cookie = 0;  ///< never used again during this boot
  Type type = Type::stream;
  State state = State::unconnected;
  std::string name;  ///< the path as it was bound, or `@` and the abstract name; empty when unbound
  struct BoundFile {
    std::uint64_t device = 0;  ///< as FileStatus has it
    std::uint64_t inode = 0;
  };
  std::optional<BoundFile> file;      ///< of a socket bound to a path
  std::optional<std::uint64_t> peer;  ///< inode of the other end; none while it is not accepted
  std::vector<std::uint64_t>
      pending;  ///< of a listener: inodes of the ends that wait to be accepted; 0 for those that have gone
  /// Stream and seqpacket: bytes to be read. Datagram: size of the first message. Listener: connections that wait.
  std::uint32_t receive_queue = 0;
  std::uint32_t send_queue =
      0;  ///< bytes sent and not read yet, with the kernel's overhead; of a listener: the backlog
  /// How much of send_queue there may be: from that on a sender has to wait.
  std::optional<std::uint32_t> send_buffer;
  std::optional<std::uint32_t> user;  ///< from Linux 5.3
};

/// A netlink socket for unix_sockets(): it stays in the network namespace in which it was made, also when it is passed on.
/// Errors: EMFILE, ENFILE, EPROTONOSUPPORT (no CONFIG_UNIX_DIAG). Source: sock_diag(7).
[[nodiscard]] Result<UniqueFd> open_unix_diag();

/// All Unix sockets of that network namespace. Needs no privilege, connects to nothing.
/// Errors: ENOENT, EPROTONOSUPPORT (no CONFIG_UNIX_DIAG), EBADMSG (an answer that cannot be read).
[[nodiscard]] Result<std::vector<UnixSocketInfo>> unix_sockets(int diag);

/// Appends the sockets of one netlink datagram; kept apart so that it can be fuzzed.
/// True when it was the last. Errors: EBADMSG, or what the kernel reports.
[[nodiscard]] Result<bool> parse_unix_diag(std::string_view datagram, std::vector<UnixSocketInfo>& sockets);

}  // namespace ginnel
