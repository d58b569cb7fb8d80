#pragma once

#include "ginnel/core/address.hpp"
#include "ginnel/core/error.hpp"

// What send, recv and relay see of a mechanism: how data goes through it. Each way has a header here (bytes.hpp,
// messages.hpp, memory.hpp) that opens every mechanism of its kind, so that no verb knows the mechanisms.

namespace ginnel::cli {

enum class Carrier {
  bytes,     ///< a stream without boundaries, which ends: fifo, unix, fd, -
  messages,  ///< each arrives whole or not at all: mq, sysv-msg, unix-seq, unix-dgram, topic, latest, queue, channel
  memory,    ///< lies there until it is overwritten: shm, sysv-shm, memfd
  none,      ///< carries no data: sem, sysv-sem, lock, pid, signal
};

[[nodiscard]] Carrier carrier_of(AddressKind kind) noexcept;

/// Whether what is sent there goes through a ring of the sender's own, whose size is the sender's choice: topic, channel.
[[nodiscard]] bool sends_by_ring(AddressKind kind) noexcept;

/// Why this address is of no use to the verb that was given it.
[[nodiscard]] Error carries_nothing(const Address& address);

}  // namespace ginnel::cli
