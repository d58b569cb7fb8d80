#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "endpoints/objects.hpp"
#include "ginnel/msg/latest.hpp"
#include "ginnel/msg/queue.hpp"
#include "ginnel/msg/topic.hpp"
#include "ginnel/sys/fifo.hpp"
#include "ginnel/sys/posix_queue.hpp"
#include "ginnel/sys/posix_semaphore.hpp"
#include "ginnel/sys/posix_shm.hpp"
#include "ginnel/sys/sysv_queue.hpp"
#include "ginnel/sys/sysv_semaphore.hpp"
#include "ginnel/sys/sysv_shm.hpp"
#include "ginnel/sys/unix_socket.hpp"

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

/// Unix sockets of all types answer connect(2) alike: refused when no process has the socket any more.
Removal remove_stale_socket(const Address& address) {
  const auto refused = [&](int code, std::string_view hint) {
    return std::unexpected{Error{code, "rm", address.to_string(), hint}};
  };
  if (address.name.starts_with('@')) return refused(EINVAL, "an abstract name goes with its socket: end its listener");
  struct stat before{};
  if (::lstat(address.name.c_str(), &before) < 0) {
    if (errno == ENOENT) return NotFound{};
    return std::unexpected{Error::last("lstat", address.name)};
  }
  if (!S_ISSOCK(before.st_mode)) return refused(EINVAL, "that path is no socket");

  int code = 0;
  std::string holder;
  if (address.kind == AddressKind::unix_datagram) {
    auto socket = UnixDatagram::connect({address.name});
    if (!socket) code = socket.error().code();
  } else {
    auto stream = UnixStream::connect({address.name}, Deadline::immediately());
    if (!stream) code = stream.error().code();
    if (stream && stream->is<UnixStream>())
      if (auto peer = peer_credentials(stream->as<UnixStream>().pollable()))
        holder = " by process " + std::to_string(peer->pid);
  }
  if (code == EPROTOTYPE) return refused(EADDRINUSE, "a live socket of another type is bound there");
  if (code != 0 && code != ECONNREFUSED) return refused(code, "whether it is in use cannot be found out");
  if (code == 0)
    return refused(EADDRINUSE, "it is in use" + holder + ": a live socket's path is not removed, end its server first");

  struct stat now{};
  if (::lstat(address.name.c_str(), &now) < 0 || now.st_ino != before.st_ino || now.st_dev != before.st_dev)
    return refused(EBUSY, "it is being replaced this moment");
  if (::unlink(address.name.c_str()) == 0) return Done{};
  if (errno == ENOENT) return NotFound{};
  return std::unexpected{Error::last("unlink", address.name)};
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
