#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "ginnel/sys/unix_socket.hpp"
#include "system_call.hpp"
#include "unix_address.hpp"
#include "unix_message.hpp"

namespace ginnel {
namespace {

std::string name_of(int fd) { return "fd " + std::to_string(fd); }

}  // namespace

Result<Outcome<UnixStream, TimedOut>> UnixStream::connect(const UnixAddress& address, Deadline deadline) {
  auto socket = connect_socket(UnixType::stream, address, deadline);
  if (!socket) return std::unexpected{socket.error()};
  if (socket->is<TimedOut>()) return TimedOut{};
  return UnixStream{std::move(socket->as<UniqueFd>())};
}

Result<std::pair<UnixStream, UnixStream>> UnixStream::pair() {
  auto sockets = make_socket_pair(UnixType::stream);
  if (!sockets) return std::unexpected{sockets.error()};
  return std::pair{UnixStream{std::move(sockets->first)}, UnixStream{std::move(sockets->second)}};
}

Result<UnixStream> UnixStream::adopt(UniqueFd socket) {
  if (auto good = require_type(socket.get(), UnixType::stream); !good) return std::unexpected{good.error()};
  return UnixStream{std::move(socket)};
}

Result<Outcome<BytesRead, EndOfStream, TimedOut>> UnixStream::read(std::span<std::byte> buffer, Deadline deadline) {
  if (buffer.empty()) return BytesRead{0};
  const int flags = deadline.is_never() ? 0 : MSG_DONTWAIT;
  while (true) {
    const ssize_t got = retry_interrupted([&] { return ::recv(socket_.get(), buffer.data(), buffer.size(), flags); });
    if (got > 0) return BytesRead{static_cast<std::size_t>(got)};
    if (got == 0) return EndOfStream{};
    if (errno == ECONNRESET) return std::unexpected{connection_reset(socket_.get())};
    if (errno != EAGAIN) return std::unexpected{Error::last("recv", name_of(socket_.get()))};

    auto ready = wait_ready(socket_.get(), Interest::readable, deadline);
    if (!ready) return std::unexpected{ready.error()};
    if (ready->is<TimedOut>()) return TimedOut{};
  }
}

Result<Transfer> UnixStream::write_all(std::span<const std::byte> data, Deadline deadline) {
  const int flags = MSG_NOSIGNAL | (deadline.is_never() ? 0 : MSG_DONTWAIT);
  Transfer transfer;
  while (transfer.bytes < data.size()) {
    const auto rest = data.subspan(transfer.bytes);
    const ssize_t put = retry_interrupted([&] { return ::send(socket_.get(), rest.data(), rest.size(), flags); });
    if (put >= 0) {
      transfer.bytes += static_cast<std::size_t>(put);
      continue;
    }
    if (errno == EPIPE || errno == ECONNRESET) {
      transfer.end = Transfer::End::peer_gone;
      return transfer;
    }
    if (errno != EAGAIN) return std::unexpected{Error::last("send", name_of(socket_.get()))};

    auto ready = wait_ready(socket_.get(), Interest::writable, deadline);
    if (!ready) return std::unexpected{ready.error()};
    if (ready->is<TimedOut>()) {
      transfer.end = Transfer::End::timed_out;
      return transfer;
    }
  }
  return transfer;
}

Result<void> UnixStream::finish_writing() {
  if (::shutdown(socket_.get(), SHUT_WR) < 0)
    return std::unexpected{Error::last("shutdown SHUT_WR", name_of(socket_.get()))};
  return {};
}

}  // namespace ginnel
