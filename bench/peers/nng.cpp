// A pair of nng sockets over ipc (abstract://).

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <sched.h>

#include <cstdio>
#include <cstdlib>

#include "peer.hpp"
#include "touch.hpp"

namespace ginnel::bench {
namespace {

void good(int code, const char* what) {
  if (code == 0) return;
  std::fprintf(stderr, "bench: %s: %s\n", what, ::nng_strerror(code));
  std::_Exit(2);
}

class NngEnd final : public PeerEnd {
 public:
  NngEnd(const std::string& name, Side side, Wait wait, std::size_t bytes)
      : flags_{wait == Wait::polling ? static_cast<int>(NNG_FLAG_NONBLOCK) : 0}, buffer_(bytes) {
    const std::string where = "ipc:///tmp/" + name;
    good(::nng_pair0_open(&socket_), "nng_pair0_open");
    if (side == Side::first)
      good(::nng_listen(socket_, where.c_str(), nullptr, 0), "nng_listen");
    else
      while (::nng_dial(socket_, where.c_str(), nullptr, 0) != 0) ::sched_yield();  // nobody listens yet
  }
  ~NngEnd() override { ::nng_close(socket_); }

  void send(std::size_t bytes) override {
    write_all({buffer_.data(), bytes}, ++round_);
    int code = 0;
    while ((code = ::nng_send(socket_, buffer_.data(), bytes, flags_)) == NNG_EAGAIN) {
    }
    good(code, "nng_send");
  }
  void receive(std::size_t bytes) override {
    std::size_t got = buffer_.size();
    int code = 0;
    while ((code = ::nng_recv(socket_, buffer_.data(), &got, flags_)) == NNG_EAGAIN) {
    }
    good(code, "nng_recv");
    static_cast<void>(read_all({buffer_.data(), bytes}));
  }

 private:
  int flags_;
  nng_socket socket_{};
  std::vector<std::byte> buffer_;
  std::uint64_t round_ = 0;
};

}  // namespace

Peer nng_peer() {
  return {.name = "nng",
          .longest = std::size_t{1} << 19U,
          .open = [](const std::string& name, Side side, Wait wait, std::size_t bytes) -> std::unique_ptr<PeerEnd> {
            return std::make_unique<NngEnd>(name, side, wait, bytes);
          },
          .remove = [](const std::string& name) { std::remove(("/tmp/" + name).c_str()); }};
}

}  // namespace ginnel::bench
