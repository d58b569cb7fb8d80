#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "ginnel/sys/unix_socket.hpp"
#include "kernel_setting.hpp"
#include "system_call.hpp"
#include "unix_address.hpp"
#include "unix_bind.hpp"

namespace ginnel {
namespace {

std::string name_of(int fd) { return "fd " + std::to_string(fd); }

bool contains(const auto& list, auto id) { return std::find(list.begin(), list.end(), id) != list.end(); }

/// Whether the lists admit this peer; who it is, where they do not.
Result<Outcome<Done, Refused>> admit(int connection, const ListenOptions& options) {
  if (options.allow_uids.empty() && options.allow_gids.empty()) return Done{};
  auto peer = peer_credentials(connection);
  if (!peer) return std::unexpected{peer.error()};
  if (contains(options.allow_uids, peer->uid) || contains(options.allow_gids, peer->gid)) return Done{};
  if (options.allow_gids.empty()) return Refused{*peer};
  auto groups = peer_groups(connection);
  if (!groups) return std::unexpected{groups.error()};
  for (const gid_t group : *groups)
    if (contains(options.allow_gids, group)) return Done{};
  return Refused{*peer};
}

Error accept_error(int code, int socket) {
  std::string hint;
  if (code == EMFILE)
    hint = "this process has no descriptor free (" + process_limit("RLIMIT_NOFILE", RLIMIT_NOFILE) +
           "); the connection stays in the backlog: close some and accept again";
  if (code == ENFILE)
    hint = "the system has no descriptor free (" + kernel_setting("fs.file-max") +
           "); the connection stays in the backlog";
  return Error{code, "accept", name_of(socket), hint};
}

}  // namespace

Result<UnixListener> UnixListener::listen(UnixType type, const UnixAddress& address, ListenOptions options) {
  if (type == UnixType::datagram)
    return std::unexpected{Error{EOPNOTSUPP, "listen", address.name,
                                 "datagram sockets have no connections to listen for: use UnixDatagram::bind"}};
  auto socket = make_socket(type);
  if (!socket) return std::unexpected{socket.error()};
  if (auto set = set_nonblocking(socket->get(), true); !set) return std::unexpected{set.error()};
  auto path = bind_socket(socket->get(), address, options);
  if (!path) return std::unexpected{path.error()};
  if (::listen(socket->get(), options.backlog) < 0) return std::unexpected{Error::last("listen", address.name)};
  return UnixListener{type, std::move(*socket), std::move(*path), std::move(options)};
}

Result<UnixListener> UnixListener::adopt(UniqueFd socket, ListenOptions options) {
  auto type = type_of_socket(socket.get());
  if (!type) return std::unexpected{type.error()};
  int listens = 0;
  socklen_t size = sizeof listens;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0)
    return std::unexpected{Error::last("getsockopt SO_ACCEPTCONN", name_of(socket.get()))};
  if (listens == 0)
    return std::unexpected{Error{EINVAL, "accept", name_of(socket.get()), "this socket does not listen"}};
  return UnixListener{*type, std::move(socket), BoundPath{}, std::move(options)};
}

UnixListener& UnixListener::operator=(UnixListener&& other) noexcept {
  path_ = std::move(other.path_);
  socket_ = std::move(other.socket_);
  type_ = other.type_;
  options_ = std::move(other.options_);
  return *this;
}

Result<Outcome<UniqueFd, Refused, TimedOut>> UnixListener::accept(Deadline deadline) {
  while (true) {
    // A wait comes first: an adopted socket may be a blocking one, and its flags are not only ours.
    auto ready = wait_ready(socket_.get(), Interest::readable, deadline);
    if (!ready) return std::unexpected{ready.error()};
    if (ready->is<TimedOut>()) return TimedOut{};

    UniqueFd connection{::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (connection.valid()) {
      auto admitted = admit(connection.get(), options_);
      if (!admitted) return std::unexpected{admitted.error()};
      if (const auto* refused = admitted->get_if<Refused>()) return *refused;
      return connection;
    }
    const int code = errno;
    const bool again = code == EINTR || code == EAGAIN || code == ECONNABORTED;
    if (!again) return std::unexpected{accept_error(code, socket_.get())};
    if (code != ECONNABORTED && deadline.passed()) return TimedOut{};
  }
}

}  // namespace ginnel
