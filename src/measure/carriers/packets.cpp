#include <array>
#include <utility>

#include "ginnel/measure/carrier_loops.hpp"
#include "ginnel/sys/ancillary.hpp"
#include "ginnel/sys/io.hpp"
#include "ginnel/sys/pipe.hpp"
#include "ginnel/sys/unix_socket.hpp"
#include "kinds.hpp"

// What keeps the boundaries of messages and has descriptors on both sides.

namespace ginnel::measure {
namespace {

constexpr std::size_t packet_max = 4096;  ///< PIPE_BUF
constexpr std::size_t kept_back = 32;     ///< of SO_SNDBUF, by the kernel for itself

class PacketPipes : public KeepsFailure {
 public:
  PacketPipes(Pipe there, Pipe back, Manner manner) noexcept
      : there_{std::move(there)}, back_{std::move(back)}, patience_{patience_of(manner)} {}
  [[nodiscard]] static Result<std::unique_ptr<PacketPipes>> make(const CarrierSetup& setup) {
    auto there = Pipe::create({.packets = true});
    if (!there) return std::unexpected{std::move(there.error())};
    auto back = Pipe::create({.packets = true});
    if (!back) return std::unexpected{std::move(back.error())};
    return std::make_unique<PacketPipes>(std::move(*there), std::move(*back), setup.manner);
  }
  [[nodiscard]] Result<void> prepare(Side side) {
    Pipe& sends = side == Side::first ? there_ : back_;
    Pipe& receives = side == Side::first ? back_ : there_;
    out_ = std::move(sends.write_end);
    in_ = std::move(receives.read_end);
    sends.read_end.reset();
    receives.write_end.reset();
    return {};
  }
  [[nodiscard]] Result<void> open(Side) { return {}; }
  [[nodiscard]] bool send(std::span<std::byte> message) {
    while (true) {
      auto put = write_some(out_.get(), message, patience_);
      if (!put) return fail(std::move(put.error()));
      if (put->is<BytesWritten>()) return true;
      if (put->is<PeerGone>()) return fail(peer_gone("write"));
    }
  }
  [[nodiscard]] bool receive(std::span<std::byte> buffer) {
    while (true) {
      auto got = read_some(in_.get(), buffer, patience_);
      if (!got) return fail(std::move(got.error()));
      if (got->is<BytesRead>()) return true;
      if (got->is<EndOfStream>()) return fail(peer_gone("read"));
    }
  }

 private:
  Pipe there_;
  Pipe back_;
  Deadline patience_;
  UniqueFd in_;
  UniqueFd out_;
};

/// A connected pair of sockets of one type.
template <class Socket>
class SocketPair : public KeepsFailure {
 public:
  SocketPair(std::pair<Socket, Socket> ends, Manner manner) noexcept
      : first_{std::move(ends.first)}, second_{std::move(ends.second)}, patience_{patience_of(manner)} {}
  [[nodiscard]] static Result<std::unique_ptr<SocketPair>> make(const CarrierSetup& setup) {
    auto pair = Socket::pair();
    if (!pair) return std::unexpected{std::move(pair.error())};
    return std::make_unique<SocketPair>(std::move(*pair), setup.manner);
  }
  [[nodiscard]] Result<void> prepare(Side side) {
    own_ = side == Side::first ? &first_ : &second_;
    (side == Side::first ? second_ : first_).reset();
    return {};
  }
  [[nodiscard]] Result<void> open(Side) { return {}; }
  [[nodiscard]] bool send(std::span<std::byte> message) {
    while (true) {
      auto sent = (*own_)->send(message, patience_);
      if (!sent) return fail(std::move(sent.error()));
      if (sent->template is<Done>()) return true;
      if (sent->template is<PeerGone>()) return fail(peer_gone("send"));
    }
  }
  [[nodiscard]] bool receive(std::span<std::byte> buffer) {
    while (true) {
      auto got = (*own_)->receive(buffer, patience_);
      if (!got) return fail(std::move(got.error()));
      if (got->template is<ReceivedMessage>()) return true;
      if (!got->template is<TimedOut>()) return fail(peer_gone("recv"));
    }
  }

 private:
  std::optional<Socket> first_;
  std::optional<Socket> second_;
  std::optional<Socket>* own_ = nullptr;
  Deadline patience_;
};

/// Each message brings a descriptor along, which the receiver closes.
class WithDescriptor : public KeepsFailure {
 public:
  WithDescriptor(std::pair<UnixSeqpacket, UnixSeqpacket> ends, Manner manner) noexcept
      : first_{std::move(ends.first).release()},
        second_{std::move(ends.second).release()},
        patience_{patience_of(manner)} {}
  [[nodiscard]] static Result<std::unique_ptr<WithDescriptor>> make(const CarrierSetup& setup) {
    auto pair = UnixSeqpacket::pair();
    if (!pair) return std::unexpected{std::move(pair.error())};
    return std::make_unique<WithDescriptor>(std::move(*pair), setup.manner);
  }
  [[nodiscard]] Result<void> prepare(Side side) {
    own_ = side == Side::first ? &first_ : &second_;
    (side == Side::first ? second_ : first_).reset();
    auto passed = Pipe::create();
    if (!passed) return std::unexpected{std::move(passed.error())};
    passed_ = std::move(passed->read_end);
    return {};
  }
  [[nodiscard]] Result<void> open(Side) { return {}; }
  [[nodiscard]] bool send(std::span<std::byte> message) {
    const std::array descriptors{passed_.get()};
    while (true) {
      auto sent = send_descriptors(own_->get(), message, descriptors, patience_);
      if (!sent) return fail(std::move(sent.error()));
      if (sent->is<BytesWritten>()) return true;
      if (sent->is<PeerGone>()) return fail(peer_gone("sendmsg"));
    }
  }
  [[nodiscard]] bool receive(std::span<std::byte> buffer) {
    while (true) {
      auto got = receive_descriptors(own_->get(), buffer, patience_);
      if (!got) return fail(std::move(got.error()));
      if (got->is<EndOfStream>()) return fail(peer_gone("recvmsg"));
      if (const auto* received = got->get_if<ReceivedWithDescriptors>())
        return received->descriptors.size() == 1 || fail(Error{EPROTO, "recvmsg", {}, "no descriptor came along"});
    }
  }

 private:
  UniqueFd first_;
  UniqueFd second_;
  UniqueFd* own_ = nullptr;
  UniqueFd passed_;
  Deadline patience_;
};

}  // namespace

void add_packets(std::vector<CarrierKind>& kinds) {
  const std::size_t largest = setting("/proc/sys/net/core/wmem_default", 212'992) - kept_back;
  kinds.push_back({.name = "pipe-packets",
                   .mechanism = "pipe-packets",
                   .largest = packet_max,
                   .make = CarrierOf<PacketPipes>::make});
  kinds.push_back({.name = "unix-seqpacket",
                   .mechanism = "unix-seqpacket",
                   .largest = largest,
                   .make = CarrierOf<SocketPair<UnixSeqpacket>>::make});
  kinds.push_back({.name = "unix-datagram",
                   .mechanism = "unix-datagram",
                   .largest = largest,
                   .make = CarrierOf<SocketPair<UnixDatagram>>::make});
  kinds.push_back({.name = "descriptor-passing",
                   .mechanism = "unix-seqpacket",
                   .largest = largest,
                   .make = CarrierOf<WithDescriptor>::make});
}

}  // namespace ginnel::measure
