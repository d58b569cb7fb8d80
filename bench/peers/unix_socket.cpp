// A connected pair of Unix stream sockets, made by a path in the abstract namespace.

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "peer.hpp"
#include "touch.hpp"

namespace ginnel::bench {
namespace {

socklen_t address_of(const std::string& name, sockaddr_un& address) {
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
}

int accepted(const std::string& name) {
  sockaddr_un address{};
  const socklen_t length = address_of(name, address);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || ::bind(listener, reinterpret_cast<sockaddr*>(&address), length) < 0 || ::listen(listener, 1) < 0)
    peer_failed("unix socket: listen");
  const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  ::close(listener);
  return fd;
}

int connected(const std::string& name) {
  sockaddr_un address{};
  const socklen_t length = address_of(name, address);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  while (::connect(fd, reinterpret_cast<sockaddr*>(&address), length) < 0) {
    if (errno != ECONNREFUSED) peer_failed("unix socket: connect");
    ::sched_yield();
  }
  return fd;
}

class UnixSocketEnd final : public PeerEnd {
 public:
  UnixSocketEnd(int fd, Wait wait, std::size_t bytes) : fd_{fd}, buffer_(bytes) {
    if (wait == Wait::polling && ::fcntl(fd_, F_SETFL, O_NONBLOCK) < 0) peer_failed("unix socket: O_NONBLOCK");
  }
  ~UnixSocketEnd() override { ::close(fd_); }

  void send(std::size_t bytes) override {
    write_all({buffer_.data(), bytes}, ++round_);
    for (std::size_t sent = 0; sent < bytes;) {
      const ssize_t now = ::send(fd_, buffer_.data() + sent, bytes - sent, MSG_NOSIGNAL);
      if (now > 0)
        sent += static_cast<std::size_t>(now);
      else if (errno != EAGAIN)
        peer_failed("unix socket: send");
    }
  }
  void receive(std::size_t bytes) override {
    for (std::size_t got = 0; got < bytes;) {
      const ssize_t now = ::recv(fd_, buffer_.data() + got, bytes - got, 0);
      if (now > 0)
        got += static_cast<std::size_t>(now);
      else if (now == 0 || errno != EAGAIN)
        peer_failed("unix socket: recv");
    }
    static_cast<void>(read_all({buffer_.data(), bytes}));
  }

 private:
  int fd_;
  std::vector<std::byte> buffer_;
  std::uint64_t round_ = 0;
};

}  // namespace

Peer unix_socket_peer() {
  return {.name = "unix socket",
          .longest = std::size_t{1} << 20U,
          .open = [](const std::string& name, Side side, Wait wait, std::size_t bytes) -> std::unique_ptr<PeerEnd> {
            return std::make_unique<UnixSocketEnd>(side == Side::first ? accepted(name) : connected(name), wait, bytes);
          }};
}

}  // namespace ginnel::bench
