// A pair of ZeroMQ sockets over ipc://

#include <unistd.h>
#include <zmq.h>

#include <cerrno>

#include "peer.hpp"
#include "touch.hpp"

namespace ginnel::bench {
namespace {

std::string endpoint(const std::string& name) { return "ipc://@" + name; }

class ZeromqEnd final : public PeerEnd {
 public:
  ZeromqEnd(const std::string& name, Side side, Wait wait, std::size_t bytes)
      : flags_{wait == Wait::polling ? ZMQ_DONTWAIT : 0},
        context_{::zmq_ctx_new()},
        socket_{::zmq_socket(context_, ZMQ_PAIR)},
        buffer_(bytes) {
    const std::string where = endpoint(name);
    const int opened = side == Side::first ? ::zmq_bind(socket_, where.c_str()) : ::zmq_connect(socket_, where.c_str());
    if (opened < 0) peer_failed("zmq_bind or zmq_connect");
  }
  ~ZeromqEnd() override {
    const int linger = 0;
    ::zmq_setsockopt(socket_, ZMQ_LINGER, &linger, sizeof linger);
    ::zmq_close(socket_);
    ::zmq_ctx_term(context_);
  }

  void send(std::size_t bytes) override {
    write_all({buffer_.data(), bytes}, ++round_);
    while (::zmq_send(socket_, buffer_.data(), bytes, flags_) < 0)
      if (errno != EAGAIN) peer_failed("zmq_send");
  }
  void receive(std::size_t bytes) override {
    while (::zmq_recv(socket_, buffer_.data(), buffer_.size(), flags_) < 0)
      if (errno != EAGAIN) peer_failed("zmq_recv");
    static_cast<void>(read_all({buffer_.data(), bytes}));
  }

 private:
  int flags_;
  void* context_;
  void* socket_;
  std::vector<std::byte> buffer_;
  std::uint64_t round_ = 0;
};

}  // namespace

Peer zeromq_peer() {
  return {.name = "ZeroMQ",
          .longest = std::size_t{1} << 20U,
          .open = [](const std::string& name, Side side, Wait wait, std::size_t bytes) -> std::unique_ptr<PeerEnd> {
            return std::make_unique<ZeromqEnd>(name, side, wait, bytes);
          }};
}

}  // namespace ginnel::bench
