#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "endpoints/bytes.hpp"
#include "endpoints/server.hpp"
#include "ginnel/core/address.hpp"
#include "ginnel/core/bytes.hpp"
#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"

namespace ginnel::cli {

struct Message {
  std::vector<std::byte> data;
  std::optional<unsigned> priority;    ///< of mq, queue
  std::optional<long> type;            ///< of sysv-msg
  std::optional<unsigned> deliveries;  ///< of queue: more than 1 after somebody who had it died
};

/// What only some kinds understand; open_messages refuses what its kind does not.
struct MessageDetails {
  std::optional<unsigned> priority;  ///< to send with: mq, queue
  std::optional<long> type;          ///< to send with, or to choose by: sysv-msg
  bool peek = false;                 ///< leave the message there: sysv-msg
  std::optional<Bytes> capacity;     ///< of the ring that is sent by: topic, channel
};

/// An open end of something that carries messages whole. One thread may send while another receives.
class MessageEnd {
 public:
  MessageEnd() = default;
  MessageEnd(const MessageEnd&) = delete;
  MessageEnd& operator=(const MessageEnd&) = delete;
  virtual ~MessageEnd() = default;

  /// PeerGone: the receiver has closed, or the queue was removed.
  [[nodiscard]] virtual Result<Outcome<Done, PeerGone, TimedOut>> send(std::span<const std::byte> message,
                                                                       Deadline deadline) = 0;
  /// PeerGone: the queue was removed.
  [[nodiscard]] virtual Result<Outcome<Message, EndOfStream, PeerGone, TimedOut>> receive(Deadline deadline) = 0;
  /// What was received last is where it was to go: only now may it be forgotten. Until then, and unless this is called, a queue: delivers
  /// it to another.
  [[nodiscard]] virtual Result<void> delivered() { return {}; }
  /// The longest message that it is worth reading from standard input.
  [[nodiscard]] virtual std::size_t longest() const = 0;
  /// Whether messages go both ways, as over a connection.
  [[nodiscard]] virtual bool two_way() const noexcept { return false; }
  /// The peer is to see the end of the messages, and may still answer.
  virtual void finish_sending() noexcept {}
};

/// Opens mq:, sysv-msg:, unix-seq:, unix-dgram:, topic:, latest:, queue: or channel:. `both` receives,
/// and may send where the end is two-way. A datagram receiver is bound whether or not `listen` is given.
[[nodiscard]] Result<Outcome<std::unique_ptr<MessageEnd>, TimedOut>> open_messages(const Address& address,
                                                                                   Direction direction,
                                                                                   const MessageDetails& details,
                                                                                   const ListenOptions* listen,
                                                                                   Deadline deadline);

}  // namespace ginnel::cli
