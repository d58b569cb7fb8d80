#include "endpoints/carrier.hpp"

#include <cerrno>

namespace ginnel::cli {

Carrier carrier_of(AddressKind kind) noexcept {
  switch (kind) {
    case AddressKind::fifo:
    case AddressKind::unix_stream:
    case AddressKind::descriptor:
    case AddressKind::standard_stream:
      return Carrier::bytes;
    case AddressKind::posix_queue:
    case AddressKind::sysv_queue:
    case AddressKind::unix_seqpacket:
    case AddressKind::unix_datagram:
    case AddressKind::topic:
    case AddressKind::latest:
    case AddressKind::queue:
      return Carrier::messages;
    case AddressKind::posix_shm:
    case AddressKind::sysv_shm:
    case AddressKind::memfd:
      return Carrier::memory;
    default:
      return Carrier::none;
  }
}

Error carries_nothing(const Address& address) {
  const auto refused = [&](std::string_view hint) { return Error{EOPNOTSUPP, "address", address.to_string(), hint}; };
  switch (address.kind) {
    case AddressKind::posix_semaphore:
    case AddressKind::sysv_semaphore:
      return refused("a semaphore carries no data: see 'ginnel sem --help'");
    case AddressKind::lock:
      return refused("a lock carries no data: see 'ginnel lock --help'");
    case AddressKind::process:
    case AddressKind::signal:
      return refused("a process takes signals: see 'ginnel signal --help'");
    default:
      return refused("of messaging in shared memory only topic, latest and queue are built yet");
  }
}

}  // namespace ginnel::cli
