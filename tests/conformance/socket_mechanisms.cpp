#include <sys/socket.h>

#include "conformance/mechanism.hpp"
#include "ginnel/sys/unix_socket.hpp"

namespace ginnel::test {
namespace {

/// The kernel keeps so much of SO_SNDBUF for itself: unix_dgram_sendmsg refuses what is longer than the rest.
constexpr std::size_t kept_back = 32;

std::size_t send_buffer(int socket) {
  int size = 0;
  socklen_t length = sizeof size;
  EXPECT_EQ(::getsockopt(socket, SOL_SOCKET, SO_SNDBUF, &size, &length), 0);
  return static_cast<std::size_t>(size);
}

/// A seqpacket or a datagram pair: they differ in whether the receiver is told of the end.
template <class Socket, bool sees_the_end>
class SocketPair : public Mechanism {
 public:
  explicit SocketPair(std::pair<Socket, Socket> ends)
      : sender_{std::move(ends.first)},
        receiver_{std::move(ends.second)},
        room_{send_buffer(sender_->pollable())},
        buffer_(room_) {}
  [[nodiscard]] Traits traits() const override {
    return {.largest = room_ - kept_back,
            .refusal = Refusal{.told_limit = room_},
            .tells_sender = true,
            .tells_receiver = sees_the_end};
  }
  [[nodiscard]] SendResult send(std::span<const std::byte> message, Deadline deadline) override {
    return sender_->send(message, deadline);
  }
  [[nodiscard]] ReceiveResult receive(Deadline deadline) override {
    auto got = receiver_->receive(buffer_, deadline);
    if (!got) return std::unexpected{got.error()};
    if constexpr (sees_the_end) {
      if (got->template is<EndOfStream>()) return EndOfStream{};
    }
    if (got->template is<TimedOut>()) return TimedOut{};
    const auto size = static_cast<std::ptrdiff_t>(got->template as<ReceivedMessage>().bytes);
    return Bytestring(buffer_.begin(), buffer_.begin() + size);
  }
  void be_sender() override { receiver_.reset(); }
  void be_receiver() override { sender_.reset(); }

 private:
  std::optional<Socket> sender_;
  std::optional<Socket> receiver_;
  std::size_t room_;
  Bytestring buffer_;
};

std::unique_ptr<Mechanism> seqpacket() {
  return std::make_unique<SocketPair<UnixSeqpacket, true>>(std::move(*UnixSeqpacket::pair()));
}
std::unique_ptr<Mechanism> datagram() {
  return std::make_unique<SocketPair<UnixDatagram, false>>(std::move(*UnixDatagram::pair()));
}

GINNEL_INSTANTIATE_CONFORMANCE(Sockets, MechanismCase{"Seqpacket", seqpacket}, MechanismCase{"Datagram", datagram});

}  // namespace
}  // namespace ginnel::test
