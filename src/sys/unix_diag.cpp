#include "ginnel/sys/unix_diag.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include "ginnel/sys/directory.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

constexpr unsigned char tcp_established = 1;
constexpr unsigned char tcp_listen = 10;
constexpr std::uint16_t attribute_user = 7;  // UNIX_DIAG_UID, newer than the headers of Debian 12 may be

/// Takes a T from the front of the bytes; false when there are too few.
template <class T>
bool take(std::string_view& bytes, T& value) {
  if (bytes.size() < sizeof value) return false;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return true;
}

/// The kernel encodes a device as 12 bits of major and 20 of minor number, which is not what stat(2) shows.
std::uint64_t from_kernel_device(std::uint32_t device) noexcept {
  return device_number(device >> 20U, device & 0xfffffU);
}

std::string to_name(std::string_view bound) {
  if (bound.empty()) return {};
  if (bound.front() == '\0') return "@" + std::string{bound.substr(1)};
  return std::string{bound.substr(0, bound.find('\0'))};
}

bool read_attribute(UnixSocketInfo& socket, std::uint16_t type, std::string_view content) {
  switch (type) {
    case UNIX_DIAG_NAME:
      socket.name = to_name(content);
      return true;
    case UNIX_DIAG_VFS: {
      unix_diag_vfs file{};
      if (!take(content, file)) return false;
      socket.file = UnixSocketInfo::BoundFile{from_kernel_device(file.udiag_vfs_dev), file.udiag_vfs_ino};
      return true;
    }
    case UNIX_DIAG_PEER: {
      std::uint32_t peer = 0;
      if (!take(content, peer)) return false;
      if (peer != 0) socket.peer = peer;
      return true;
    }
    case UNIX_DIAG_ICONS: {
      for (std::uint32_t pending = 0; take(content, pending);) socket.pending.push_back(pending);
      return content.empty();
    }
    case UNIX_DIAG_RQLEN: {
      unix_diag_rqlen queues{};
      if (!take(content, queues)) return false;
      socket.receive_queue = queues.udiag_rqueue;
      socket.send_queue = queues.udiag_wqueue;
      return true;
    }
    case UNIX_DIAG_MEMINFO: {
      std::array<std::uint32_t, SK_MEMINFO_SNDBUF + 1> figures{};  // more may follow
      if (!take(content, figures)) return false;
      socket.send_buffer = figures[SK_MEMINFO_SNDBUF];
      return true;
    }
    case attribute_user: {
      std::uint32_t user = 0;
      if (!take(content, user)) return false;
      socket.user = user;
      return true;
    }
    default:
      return true;
  }
}

std::optional<UnixSocketInfo> read_socket(std::string_view message) {
  unix_diag_msg header{};
  if (!take(message, header)) return std::nullopt;
  UnixSocketInfo socket;
  socket.inode = header.udiag_ino;
  socket.cookie = (std::uint64_t{header.udiag_cookie[1]} << 32U) | header.udiag_cookie[0];
  socket.type = header.udiag_type == SOCK_STREAM      ? UnixSocketInfo::Type::stream
                : header.udiag_type == SOCK_SEQPACKET ? UnixSocketInfo::Type::seqpacket
                                                      : UnixSocketInfo::Type::datagram;
  socket.state = header.udiag_state == tcp_listen        ? UnixSocketInfo::State::listening
                 : header.udiag_state == tcp_established ? UnixSocketInfo::State::established
                                                         : UnixSocketInfo::State::unconnected;
  while (!message.empty()) {
    rtattr attribute{};
    const std::string_view whole = message;
    if (!take(message, attribute) || attribute.rta_len < sizeof attribute || attribute.rta_len > whole.size())
      return std::nullopt;
    if (!read_attribute(socket, attribute.rta_type,
                        whole.substr(sizeof attribute, attribute.rta_len - sizeof attribute)))
      return std::nullopt;
    message = whole.substr(std::min<std::size_t>(RTA_ALIGN(attribute.rta_len), whole.size()));
  }
  return socket;
}

/// The rest of an answer that was not read to its end, which would be taken for the next one's beginning.
void drop_what_is_left(int diag) noexcept {
  std::array<char, 4096> rest;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by the kernel
  while (retry_interrupted([&] { return ::recv(diag, rest.data(), rest.size(), MSG_DONTWAIT | MSG_TRUNC); }) > 0) {
  }
}

}  // namespace

Result<bool> parse_unix_diag(std::string_view datagram, std::vector<UnixSocketInfo>& sockets) {
  const auto unreadable = [] { return std::unexpected{Error{EBADMSG, "recv", "sock_diag"}}; };
  while (!datagram.empty()) {
    nlmsghdr header{};
    const std::string_view whole = datagram;
    if (!take(datagram, header) || header.nlmsg_len < sizeof header || header.nlmsg_len > whole.size())
      return unreadable();
    std::string_view content = whole.substr(sizeof header, header.nlmsg_len - sizeof header);
    if (header.nlmsg_type == NLMSG_DONE) return true;
    if (header.nlmsg_type == NLMSG_ERROR) {
      nlmsgerr refusal{};
      // An acknowledgement, which is an error of 0, was not asked for.
      if (!take(content, refusal.error) || refusal.error >= 0 || refusal.error == INT_MIN) return unreadable();
      return std::unexpected{Error{-refusal.error, "recv", "sock_diag"}};
    }
    if (header.nlmsg_type == SOCK_DIAG_BY_FAMILY) {
      auto socket = read_socket(content);
      if (!socket) return unreadable();
      sockets.push_back(std::move(*socket));
    }
    datagram = whole.substr(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), whole.size()));
  }
  return false;
}

Result<UniqueFd> open_unix_diag() {
  UniqueFd diag{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)};
  if (!diag.valid()) return std::unexpected{Error::last("socket", "sock_diag")};
  return diag;
}

Result<std::vector<UnixSocketInfo>> unix_sockets(int diag) {
  struct {
    nlmsghdr header;
    unix_diag_req request;
  } query{};
  query.header.nlmsg_len = sizeof query;
  query.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  query.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  query.request.sdiag_family = AF_UNIX;
  query.request.udiag_states = ~0U;
  query.request.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_PEER | UDIAG_SHOW_ICONS | UDIAG_SHOW_RQLEN |
                             UDIAG_SHOW_MEMINFO | UDIAG_SHOW_UID;
  drop_what_is_left(diag);
  if (retry_interrupted([&] { return ::send(diag, &query, sizeof query, 0); }) < 0)
    return std::unexpected{Error::last("send", "sock_diag")};

  std::vector<UnixSocketInfo> sockets;
  std::string datagram(std::size_t{64} << 10U, '\0');
  while (true) {
    const ssize_t got = retry_interrupted([&] { return ::recv(diag, datagram.data(), datagram.size(), 0); });
    if (got < 0) return std::unexpected{Error::last("recv", "sock_diag")};
    const auto last = parse_unix_diag(std::string_view{datagram}.substr(0, static_cast<std::size_t>(got)), sockets);
    if (!last) return std::unexpected{last.error()};
    if (*last) return sockets;
  }
}

}  // namespace ginnel
