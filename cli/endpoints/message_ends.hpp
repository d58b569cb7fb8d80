#pragma once

#include "endpoints/messages.hpp"

// How each kind is opened; for messages.cpp.

namespace ginnel::cli {

using OpenedMessages = Result<Outcome<std::unique_ptr<MessageEnd>, TimedOut>>;

[[nodiscard]] OpenedMessages open_posix_queue(const Address& address, Direction direction,
                                              const MessageDetails& details);
[[nodiscard]] OpenedMessages open_sysv_queue(const Address& address, const MessageDetails& details);
[[nodiscard]] OpenedMessages open_seqpacket(const Address& address, const ListenOptions* listen, Deadline deadline);
[[nodiscard]] OpenedMessages open_datagram_sender(const Address& address, Deadline deadline);
[[nodiscard]] OpenedMessages open_datagram_receiver(const Address& address, const ListenOptions& options);
/// Of a topic; a sender waits for its first reader, whom it would otherwise talk past.
[[nodiscard]] OpenedMessages open_topic(const Address& address, Direction direction, Deadline deadline);

}  // namespace ginnel::cli
