#include "endpoints/unopened.hpp"

#include <cerrno>
#include <string>

#include "endpoints/patience.hpp"

namespace ginnel::cli {
namespace {

bool is_missing(const Address& address, const Error& error) {
  const int code = error.code();
  switch (address.kind) {
    case AddressKind::sysv_queue:
    case AddressKind::sysv_shm:
    case AddressKind::sysv_semaphore:
      return code == ENOENT || (address.sysv.id && (code == EINVAL || code == EIDRM));
    case AddressKind::unix_stream:
    case AddressKind::unix_seqpacket:
    case AddressKind::unix_datagram:
    case AddressKind::channel:
      return error.operation() == "connect" && Patience::is_absence(error, address);
    case AddressKind::memfd:
    case AddressKind::process:
    case AddressKind::signal:
      return code == ENOENT || code == ESRCH;
    case AddressKind::topic:
    case AddressKind::latest:  // made by whoever comes first: if that could not be, something is wrong
      return false;
    default:
      return code == ENOENT;
  }
}

/// Nothing of what no verb makes.
std::string how_it_is_made(const Address& address) {
  const std::string mk = "; 'ginnel mk " + address.to_string();
  switch (address.kind) {
    case AddressKind::fifo:
    case AddressKind::posix_queue:
    case AddressKind::posix_semaphore:
    case AddressKind::queue:
      return mk + "' makes it";
    case AddressKind::posix_shm:
      return mk + " --size SIZE' makes it";
    case AddressKind::sysv_queue:
    case AddressKind::sysv_semaphore:
      return address.sysv.id ? "" : mk + "' makes it";
    case AddressKind::sysv_shm:
      return address.sysv.id ? "" : mk + " --size SIZE' makes it";
    default:
      return {};
  }
}

}  // namespace

Result<int> unopened(const Verb& verb, const Address& address, const Error& error) {
  if (!is_missing(address, error)) return std::unexpected{error};
  return nothing(verb, error.message() + how_it_is_made(address));
}

}  // namespace ginnel::cli
