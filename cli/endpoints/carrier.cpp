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
    case AddressKind::channel:
      return Carrier::messages;
    case AddressKind::posix_shm:
    case AddressKind::sysv_shm:
    case AddressKind::memfd:
      return Carrier::memory;
    default:
      return Carrier::none;
  }
}

bool sends_by_ring(AddressKind kind) noexcept { return kind == AddressKind::topic || kind == AddressKind::channel; }

Error carries_nothing(const Address& address) {
  const auto refused = [&](std::string_view hint) { return Error{EOPNOTSUPP, "address", address.to_string(), hint}; };
  switch (address.kind) {
    case AddressKind::posix_semaphore:
    case AddressKind::sysv_semaphore:
      return refused("a semaphore carries no data: see 'ginnel sem --help'");
    case AddressKind::lock:
      return refused("a lock carries no data: see 'ginnel lock --help'");
    default:
      return refused("a process takes signals: see 'ginnel signal --help'");
  }
}

}  // namespace ginnel::cli
