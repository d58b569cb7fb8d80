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
[[nodiscard]] OpenedMessages open_topic(const Address& address, const MessageDetails& details, Direction direction,
                                        Deadline deadline);
/// Of a newest value: what is sent last is what is received.
[[nodiscard]] OpenedMessages open_latest(const Address& address, Direction direction);
/// Of a channel: one peer is let in where `listen` is given. A listener that is there has a second to answer, also with Deadline::immediately().
[[nodiscard]] OpenedMessages open_channel(const Address& address, const MessageDetails& details, Direction direction,
                                          const ListenOptions* listen, Deadline deadline);
/// Of a queue that is there.
[[nodiscard]] OpenedMessages open_queue(const Address& address, Direction direction, const MessageDetails& details);

}  // namespace ginnel::cli
