#include <sys/socket.h>

#include <optional>
#include <utility>

#include "cleanup.hpp"
#include "endpoints/hold_signals.hpp"
#include "endpoints/message_ends.hpp"
#include "endpoints/patience.hpp"

namespace ginnel::cli {
namespace {

/// Over what any send buffer of an unprivileged sender holds (twice net.core.wmem_max, by default 416 KiB).
constexpr std::size_t socket_message_max = std::size_t{1} << 20;

/// The library knows a socket by its number, the user by the address.
Error named(Error error, const Address& address) { return std::move(error).with_object(address.to_string()); }

class SeqpacketEnd final : public MessageEnd {
 public:
  SeqpacketEnd(UnixSeqpacket socket, Address address) : socket_{std::move(socket)}, address_{std::move(address)} {}

  Result<Outcome<Done, PeerGone, TimedOut>> send(std::span<const std::byte> message, Deadline deadline) override {
    auto sent = socket_.send(message, deadline);
    if (!sent) return std::unexpected{named(sent.error(), address_)};
    return sent;
  }

  Result<Outcome<Message, EndOfStream, PeerGone, TimedOut>> receive(Deadline deadline) override {
    auto received = socket_.receive(buffer_, deadline);
    if (!received) return std::unexpected{named(received.error(), address_)};
    if (received->is<TimedOut>()) return TimedOut{};
    if (received->is<EndOfStream>()) return EndOfStream{};
    const auto end = buffer_.begin() + static_cast<std::ptrdiff_t>(received->as<ReceivedMessage>().bytes);
    return Message{.data = {buffer_.begin(), end}, .priority = {}, .type = {}, .deliveries = {}};
  }

  std::size_t longest() const override { return socket_message_max; }
  bool two_way() const noexcept override { return true; }
  void finish_sending() noexcept override { ::shutdown(socket_.pollable(), SHUT_WR); }

 private:
  UnixSeqpacket socket_;
  Address address_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(socket_message_max);
};

class DatagramEnd final : public MessageEnd {
 public:
  DatagramEnd(UnixDatagram socket, Address address, Direction direction)
      : socket_{std::move(socket)}, address_{std::move(address)} {
    if (direction == Direction::receive && !address_.name.starts_with('@')) path_.emplace(address_.name);
  }

  Result<Outcome<Done, PeerGone, TimedOut>> send(std::span<const std::byte> message, Deadline deadline) override {
    auto sent = socket_.send(message, deadline);
    if (!sent) return std::unexpected{named(sent.error(), address_)};
    return sent;
  }

  Result<Outcome<Message, EndOfStream, PeerGone, TimedOut>> receive(Deadline deadline) override {
    auto received = socket_.receive(buffer_, deadline);
    if (!received) return std::unexpected{named(received.error(), address_)};
    if (received->is<TimedOut>()) return TimedOut{};
    const auto end = buffer_.begin() + static_cast<std::ptrdiff_t>(received->as<ReceivedMessage>().bytes);
    return Message{.data = {buffer_.begin(), end}, .priority = {}, .type = {}, .deliveries = {}};
  }

  std::size_t longest() const override { return socket_message_max; }

 private:
  UnixDatagram socket_;
  Address address_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(socket_message_max);
  std::optional<PathToRemove> path_;
};

}  // namespace

OpenedMessages open_seqpacket(const Address& address, const ListenOptions* listen, Deadline deadline) {
  auto opened = listen != nullptr ? accept_one(address, *listen, deadline) : connect_to(address, deadline);
  if (!opened) return std::unexpected{opened.error()};
  if (opened->is<TimedOut>()) return TimedOut{};
  auto socket = UnixSeqpacket::adopt(std::move(*opened).as<UniqueFd>());
  if (!socket) return std::unexpected{socket.error()};
  return std::unique_ptr<MessageEnd>{std::make_unique<SeqpacketEnd>(std::move(*socket), address)};
}

OpenedMessages open_datagram_sender(const Address& address, Deadline deadline) {
  auto connected = connect_patiently(address, deadline, [&](Deadline) -> Result<Outcome<UnixDatagram, TimedOut>> {
    auto socket = UnixDatagram::connect({address.name});
    if (!socket) return std::unexpected{socket.error()};
    return std::move(*socket);
  });
  if (!connected) return std::unexpected{connected.error()};
  if (connected->is<TimedOut>()) return TimedOut{};
  return std::unique_ptr<MessageEnd>{
      std::make_unique<DatagramEnd>(std::move(*connected).as<UnixDatagram>(), address, Direction::send)};
}

OpenedMessages open_datagram_receiver(const Address& address, const ListenOptions& options) {
  const HoldEndingSignals hold;
  auto socket = UnixDatagram::bind({address.name}, options);
  if (!socket) return std::unexpected{socket.error()};
  return std::unique_ptr<MessageEnd>{std::make_unique<DatagramEnd>(std::move(*socket), address, Direction::receive)};
}

}  // namespace ginnel::cli
