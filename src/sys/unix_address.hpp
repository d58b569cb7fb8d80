#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string_view>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"
#include "ginnel/sys/unix_socket.hpp"

// How a Unix socket's address becomes what bind(2) and connect(2) take, and the sockets themselves.

namespace ginnel {

/// sun_path has room for 108 bytes: a path and the zero byte that ends it, or a zero byte and an abstract name.
inline constexpr std::size_t longest_plain_name = sizeof(sockaddr_un::sun_path) - 1;

/// An address as the kernel takes it. It may stand for a descriptor, which must live as long as it is used.
struct SocketName {
  sockaddr_un address{};
  socklen_t length = 0;
  UniqueFd held;

  [[nodiscard]] const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&address); }
};

/// Errors: EINVAL (empty, or a zero byte within).
[[nodiscard]] Result<void> check_name(std::string_view operation, const UnixAddress& address);
/// Errors: ENAMETOOLONG (over 107 bytes).
[[nodiscard]] Result<SocketName> abstract_name(std::string_view operation, const UnixAddress& address);
/// Of at most `longest_plain_name` bytes.
[[nodiscard]] SocketName plain_name(std::string_view path) noexcept;
/// The file that a descriptor stands for, however long its path: `/proc/self/fd/N`.
[[nodiscard]] SocketName descriptor_name(int fd);

[[nodiscard]] int kernel_type(UnixType type) noexcept;
/// Close-on-exec. Errors: EMFILE, ENFILE.
[[nodiscard]] Result<UniqueFd> make_socket(UnixType type);
[[nodiscard]] Result<std::pair<UniqueFd, UniqueFd>> make_socket_pair(UnixType type);
/// Errors: EPROTOTYPE (not a Unix socket), ENOTSOCK, EBADF.
[[nodiscard]] Result<UnixType> type_of_socket(int socket);
[[nodiscard]] Result<void> require_type(int socket, UnixType wanted);
[[nodiscard]] Result<Outcome<UniqueFd, TimedOut>> connect_socket(UnixType type, const UnixAddress& address,
                                                                 Deadline deadline);

}  // namespace ginnel
