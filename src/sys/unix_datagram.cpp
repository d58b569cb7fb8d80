#include <cerrno>

#include "ginnel/sys/unix_socket.hpp"
#include "unix_address.hpp"
#include "unix_bind.hpp"
#include "unix_message.hpp"

namespace ginnel {
namespace {

bool is_connected(int socket) {
  sockaddr_un peer{};
  socklen_t length = sizeof peer;
  return ::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &length) == 0;
}

}  // namespace

Result<UnixDatagram> UnixDatagram::bind(const UnixAddress& address, const ListenOptions& options) {
  if (!options.allow_uids.empty() || !options.allow_gids.empty())
    return std::unexpected{
        Error{EOPNOTSUPP, "bind", address.name,
              "a datagram socket has no connections to admit: restrict the path by mode, owner and group"}};
  auto socket = make_socket(UnixType::datagram);
  if (!socket) return std::unexpected{socket.error()};
  auto path = bind_socket(socket->get(), address, options);
  if (!path) return std::unexpected{path.error()};
  return UnixDatagram{std::move(*socket), std::move(*path), false};
}

Result<UnixDatagram> UnixDatagram::connect(const UnixAddress& address) {
  auto socket = connect_socket(UnixType::datagram, address, Deadline::never());  // which does not wait for datagrams
  if (!socket) return std::unexpected{socket.error()};
  return UnixDatagram{std::move(socket->as<UniqueFd>()), BoundPath{}, true};
}

Result<std::pair<UnixDatagram, UnixDatagram>> UnixDatagram::pair() {
  auto sockets = make_socket_pair(UnixType::datagram);
  if (!sockets) return std::unexpected{sockets.error()};
  return std::pair{UnixDatagram{std::move(sockets->first), BoundPath{}, true},
                   UnixDatagram{std::move(sockets->second), BoundPath{}, true}};
}

Result<UnixDatagram> UnixDatagram::adopt(UniqueFd socket) {
  if (auto good = require_type(socket.get(), UnixType::datagram); !good) return std::unexpected{good.error()};
  const bool connected = is_connected(socket.get());
  return UnixDatagram{std::move(socket), BoundPath{}, connected};
}

UnixDatagram& UnixDatagram::operator=(UnixDatagram&& other) noexcept {
  path_ = std::move(other.path_);
  socket_ = std::move(other.socket_);
  connected_ = other.connected_;
  return *this;
}

Result<Outcome<Done, PeerGone, TimedOut>> UnixDatagram::send(std::span<const std::byte> message, Deadline deadline) {
  auto sent = send_whole(socket_.get(), UnixType::datagram, message, deadline);
  // The kernel tells a receiver's end once (ECONNREFUSED) and then takes the connection away.
  if (!sent && sent.error().code() == ENOTCONN && connected_) return PeerGone{};
  return sent;
}

Result<Outcome<ReceivedMessage, TimedOut>> UnixDatagram::receive(std::span<std::byte> buffer, Deadline deadline) {
  auto received = receive_message(socket_.get(), UnixType::datagram, buffer, Passed::dropped, deadline);
  if (!received) return std::unexpected{received.error()};
  if (received->is<TimedOut>()) return TimedOut{};
  return ReceivedMessage{received->as<ReceivedWithDescriptors>().bytes};
}

}  // namespace ginnel
