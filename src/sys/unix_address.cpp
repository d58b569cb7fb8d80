#include "unix_address.hpp"

#include <fcntl.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <string>

#include "system_call.hpp"

namespace ginnel {
namespace {

std::string name_of(int fd) { return "fd " + std::to_string(fd); }

std::string_view type_name(UnixType type) {
  switch (type) {
    case UnixType::stream:
      return "stream";
    case UnixType::seqpacket:
      return "seqpacket";
    case UnixType::datagram:
      return "datagram";
  }
  return "unknown";
}

Result<int> integer_option(int socket, int option, std::string_view operation) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(socket, SOL_SOCKET, option, &value, &size) < 0)
    return std::unexpected{Error::last(operation, name_of(socket))};
  return value;
}

}  // namespace

Result<void> check_name(std::string_view operation, const UnixAddress& address) {
  if (address.name.empty() || address.name == "@")
    return std::unexpected{Error{EINVAL, operation, address.name, "the name of a Unix socket is not to be empty"}};
  if (address.name.find('\0') != std::string::npos)
    return std::unexpected{Error{EINVAL, operation, address.name.c_str(), "the name has a zero byte in it"}};
  return {};
}

Result<SocketName> abstract_name(std::string_view operation, const UnixAddress& address) {
  const std::size_t length = address.name.size() - 1;
  if (length > longest_plain_name)
    return std::unexpected{Error{ENAMETOOLONG, operation, address.name,
                                 "an abstract name has room for " + std::to_string(longest_plain_name) +
                                     " bytes after the @, and this one has " + std::to_string(length)}};
  SocketName name;
  name.address.sun_family = AF_UNIX;
  std::memcpy(name.address.sun_path + 1, address.name.data() + 1, length);
  name.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + length);
  return name;
}

SocketName plain_name(std::string_view path) noexcept {
  SocketName name;
  name.address.sun_family = AF_UNIX;
  std::memcpy(name.address.sun_path, path.data(), path.size());
  name.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return name;
}

SocketName descriptor_name(int fd) { return plain_name("/proc/self/fd/" + std::to_string(fd)); }

int kernel_type(UnixType type) noexcept {
  switch (type) {
    case UnixType::stream:
      return SOCK_STREAM;
    case UnixType::seqpacket:
      return SOCK_SEQPACKET;
    case UnixType::datagram:
      return SOCK_DGRAM;
  }
  return SOCK_STREAM;
}

Result<UniqueFd> make_socket(UnixType type) {
  UniqueFd socket{::socket(AF_UNIX, kernel_type(type) | SOCK_CLOEXEC, 0)};
  if (!socket.valid()) return std::unexpected{Error::last("socket")};
  return socket;
}

Result<std::pair<UniqueFd, UniqueFd>> make_socket_pair(UnixType type) {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, kernel_type(type) | SOCK_CLOEXEC, 0, fds.data()) < 0)
    return std::unexpected{Error::last("socketpair")};
  return std::pair{UniqueFd{fds[0]}, UniqueFd{fds[1]}};
}

Result<UnixType> type_of_socket(int socket) {
  auto domain = integer_option(socket, SO_DOMAIN, "getsockopt SO_DOMAIN");
  if (!domain) return std::unexpected{domain.error()};
  if (*domain != AF_UNIX)
    return std::unexpected{Error{EPROTOTYPE, "use as a Unix socket", name_of(socket), "a socket of another family"}};
  auto type = integer_option(socket, SO_TYPE, "getsockopt SO_TYPE");
  if (!type) return std::unexpected{type.error()};
  switch (*type) {
    case SOCK_STREAM:
      return UnixType::stream;
    case SOCK_SEQPACKET:
      return UnixType::seqpacket;
    default:
      return UnixType::datagram;
  }
}

Result<void> require_type(int socket, UnixType wanted) {
  auto type = type_of_socket(socket);
  if (!type) return std::unexpected{type.error()};
  if (*type == wanted) return {};
  const std::string hint =
      "this is a " + std::string{type_name(*type)} + " socket, not a " + std::string{type_name(wanted)} + " one";
  return std::unexpected{Error{EPROTOTYPE, "use as a Unix socket", name_of(socket), hint}};
}

}  // namespace ginnel
