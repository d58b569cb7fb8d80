#include "ginnel/sys/unix_socket.hpp"
#include "unix_address.hpp"
#include "unix_message.hpp"

namespace ginnel {

Result<Outcome<UnixSeqpacket, TimedOut>> UnixSeqpacket::connect(const UnixAddress& address, Deadline deadline) {
  auto socket = connect_socket(UnixType::seqpacket, address, deadline);
  if (!socket) return std::unexpected{socket.error()};
  if (socket->is<TimedOut>()) return TimedOut{};
  UniqueFd& connected = socket->as<UniqueFd>();
  if (auto stamped = stamp_messages(connected.get()); !stamped) return std::unexpected{stamped.error()};
  return UnixSeqpacket{std::move(connected)};
}

Result<std::pair<UnixSeqpacket, UnixSeqpacket>> UnixSeqpacket::pair() {
  auto sockets = make_socket_pair(UnixType::seqpacket);
  if (!sockets) return std::unexpected{sockets.error()};
  for (const int socket : {sockets->first.get(), sockets->second.get()})
    if (auto stamped = stamp_messages(socket); !stamped) return std::unexpected{stamped.error()};
  return std::pair{UnixSeqpacket{std::move(sockets->first)}, UnixSeqpacket{std::move(sockets->second)}};
}

Result<UnixSeqpacket> UnixSeqpacket::adopt(UniqueFd socket) {
  if (auto good = require_type(socket.get(), UnixType::seqpacket); !good) return std::unexpected{good.error()};
  if (auto stamped = stamp_messages(socket.get()); !stamped) return std::unexpected{stamped.error()};
  return UnixSeqpacket{std::move(socket)};
}

Result<Outcome<Done, PeerGone, TimedOut>> UnixSeqpacket::send(std::span<const std::byte> message, Deadline deadline) {
  return send_whole(socket_.get(), UnixType::seqpacket, message, deadline);
}

Result<Outcome<ReceivedMessage, EndOfStream, TimedOut>> UnixSeqpacket::receive(std::span<std::byte> buffer,
                                                                               Deadline deadline) {
  auto received =
      receive_to_the_end(socket_.get(), UnixType::seqpacket, buffer, Passed::dropped, deadline, reset_seen_);
  if (!received) return std::unexpected{received.error()};
  if (received->is<EndOfStream>()) return EndOfStream{};
  if (received->is<TimedOut>()) return TimedOut{};
  return ReceivedMessage{received->as<ReceivedWithDescriptors>().bytes};
}

}  // namespace ginnel
