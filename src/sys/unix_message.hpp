#pragma once

#include <span>

#include "ginnel/sys/ancillary.hpp"
#include "ginnel/sys/unix_socket.hpp"

// One message of a Unix socket, with or without descriptors: what seqpacket, datagram and descriptor passing share.

namespace ginnel {

/// What becomes of descriptors that come with a message.
enum class Passed { taken, dropped };

[[nodiscard]] Error connection_reset(int socket);

/// Makes the kernel attach a time stamp to every message received here. An empty message then has one and the end has
/// none, which is all that tells them apart. It costs no autobind as SO_PASSCRED would, and no clock of the network
/// stack: the kernel excepts Unix sockets.
[[nodiscard]] Result<void> stamp_messages(int socket);

/// A seqpacket socket must have been given to stamp_messages(). Its ECONNRESET comes before messages that are still
/// there to be had; see receive_to_the_end().
[[nodiscard]] Result<Outcome<ReceivedWithDescriptors, EndOfStream, TimedOut>> receive_message(
    int socket, UnixType type, std::span<std::byte> buffer, Passed passed, Deadline deadline);

/// The same, with a reset put where it belongs: after the peer's last message, before the end. `reset_seen` keeps it.
[[nodiscard]] Result<Outcome<ReceivedWithDescriptors, EndOfStream, TimedOut>> receive_to_the_end(
    int socket, UnixType type, std::span<std::byte> buffer, Passed passed, Deadline deadline, bool& reset_seen);

[[nodiscard]] Result<Outcome<BytesWritten, PeerGone, TimedOut, TooManyInFlight>> send_message(
    int socket, UnixType type, std::span<const std::byte> data, std::span<const int> descriptors, Deadline deadline);

/// One message without descriptors, of a kind that goes whole or not at all.
[[nodiscard]] Result<Outcome<Done, PeerGone, TimedOut>> send_whole(int socket, UnixType type,
                                                                   std::span<const std::byte> message,
                                                                   Deadline deadline);

}  // namespace ginnel
