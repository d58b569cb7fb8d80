#include "endpoints/messages.hpp"

#include <cerrno>

#include "endpoints/carrier.hpp"
#include "endpoints/message_ends.hpp"

namespace ginnel::cli {
namespace {

Result<void> check(const Address& address, const MessageDetails& details) {
  const auto refused = [&](std::string_view hint) {
    return std::unexpected{Error{EOPNOTSUPP, "address", address.to_string(), hint}};
  };
  if (details.peek && address.kind == AddressKind::posix_queue)
    return refused("a POSIX queue has no way to look at a message and leave it; sysv-msg has (--peek)");
  if (details.peek && address.kind != AddressKind::sysv_queue) return refused("--peek is for sysv-msg");
  if (details.type && address.kind != AddressKind::sysv_queue) return refused("--type is for sysv-msg");
  if (details.priority && address.kind != AddressKind::posix_queue && address.kind != AddressKind::queue)
    return refused("--priority is for mq and queue");
  if (details.capacity && !sends_by_ring(address.kind)) return refused("--capacity is for topic and channel");
  if (details.peek && details.type) return refused("--peek goes by position and takes no --type");
  return {};
}

}  // namespace

OpenedMessages open_messages(const Address& address, Direction direction, const MessageDetails& details,
                             const ListenOptions* listen, Deadline deadline) {
  if (auto fits = check(address, details); !fits) return std::unexpected{fits.error()};
  switch (address.kind) {
    case AddressKind::posix_queue:
      return open_posix_queue(address, direction, details);
    case AddressKind::sysv_queue:
      return open_sysv_queue(address, details);
    case AddressKind::topic:
      return open_topic(address, details, direction, deadline);
    case AddressKind::latest:
      return open_latest(address, direction);
    case AddressKind::queue:
      return open_queue(address, direction, details);
    case AddressKind::channel:
      return open_channel(address, details, direction, listen, deadline);
    case AddressKind::unix_datagram:
      return direction == Direction::send ? open_datagram_sender(address, deadline)
                                          : open_datagram_receiver(address, listen ? *listen : ListenOptions{});
    default:
      return open_seqpacket(address, listen, deadline);
  }
}

}  // namespace ginnel::cli
