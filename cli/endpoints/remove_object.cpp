#include <fcntl.h>

#include <cerrno>

#include "endpoints/objects.hpp"
#include "ginnel/msg/latest.hpp"
#include "ginnel/msg/queue.hpp"
#include "ginnel/msg/topic.hpp"
#include "ginnel/sys/checked_unlink.hpp"
#include "ginnel/sys/fifo.hpp"
#include "ginnel/sys/posix_queue.hpp"
#include "ginnel/sys/posix_semaphore.hpp"
#include "ginnel/sys/posix_shm.hpp"
#include "ginnel/sys/sysv_queue.hpp"
#include "ginnel/sys/sysv_semaphore.hpp"
#include "ginnel/sys/sysv_shm.hpp"

namespace ginnel::cli {
namespace {

using Removal = Result<Outcome<Done, NotFound>>;

/// ENOENT of anything and EINVAL or EIDRM of a System V id say the same: it is not there.
Removal told(const Result<void>& removed, bool by_id = false) {
  if (removed) return Done{};
  const int code = removed.error().code();
  if (code == ENOENT || (by_id && (code == EINVAL || code == EIDRM))) return NotFound{};
  return std::unexpected{removed.error()};
}

template <class Object>
Removal remove_sysv(const Address& address) {
  auto object = Object::open(address.sysv);
  if (!object) return told(std::unexpected{object.error()}, true);
  return told(object->remove(), true);
}

/// Whether one is bound is asked under the lock of its folder, and with a socket of which its server hears nothing.
Removal remove_stale_socket(const Address& address) {
  const auto refused = [&](int code, std::string_view hint) {
    return std::unexpected{Error{code, "rm", address.to_string(), hint}};
  };
  if (address.name.starts_with('@')) return refused(EINVAL, "an abstract name goes with its socket: end its listener");
  const UniqueFd file{::open(address.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
  if (!file.valid() && errno == ENOENT) return NotFound{};
  if (!file.valid()) return std::unexpected{Error::last("open", address.name)};
  const auto status = file_status(file.get());
  if (!status) return std::unexpected{status.error()};
  if (status->type != FileType::socket) return refused(EINVAL, "that path is no socket");

  const auto unlinked = unlink_checked(address.name, file_identity(*status));
  if (!unlinked) return std::unexpected{unlinked.error()};
  if (unlinked->is<FileInUse>())
    return refused(EADDRINUSE, "it is in use: a live socket's path is not removed, end its server first");
  if (unlinked->is<NameChanged>()) return refused(EBUSY, "it is being replaced this moment");
  if (unlinked->is<NameGone>()) return NotFound{};
  return Done{};
}

}  // namespace

Removal remove_object(const Address& address) {
  switch (address.kind) {
    case AddressKind::fifo:
      return told(remove_fifo(address.name));
    case AddressKind::posix_queue:
      return told(PosixQueue::unlink(address.name));
    case AddressKind::posix_shm:
      return told(PosixShm::unlink(address.name));
    case AddressKind::posix_semaphore:
      return told(PosixSemaphore::unlink(address.name));
    case AddressKind::sysv_queue:
      return remove_sysv<SysvQueue>(address);
    case AddressKind::sysv_shm:
      return remove_sysv<SysvShm>(address);
    case AddressKind::sysv_semaphore:
      return remove_sysv<SysvSemaphoreSet>(address);
    case AddressKind::unix_stream:
    case AddressKind::unix_seqpacket:
    case AddressKind::unix_datagram:
    case AddressKind::channel:  // all that has a name of it
      return remove_stale_socket(address);
    case AddressKind::topic:
      return remove_topic(address.name);
    case AddressKind::latest:
      return remove_latest(address.name);
    case AddressKind::queue:
      return remove_queue(address.name);
    case AddressKind::lock:
      return std::unexpected{Error{EINVAL, "rm", address.to_string(),
                                   "a lock file is never removed: whoever waits for it would then lock a file that "
                                   "nobody else finds"}};
    default:
      return std::unexpected{
          Error{EOPNOTSUPP, "rm", address.to_string(),
                "can be removed: fifo, mq, sysv-msg, shm, sysv-shm, sem, sysv-sem, topic, latest, queue and the "
                "path of a dead unix socket or channel"}};
  }
}

}  // namespace ginnel::cli
