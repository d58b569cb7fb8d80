#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "ginnel/core/address.hpp"
#include "ginnel/core/bytes.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/sys/huge_pages.hpp"
#include "ginnel/sys/mapping.hpp"

namespace ginnel {

struct SysvShmStatistics {
  Bytes size;
  std::uint64_t attached = 0;
  pid_t creator = 0;
  pid_t last_user = 0;
  std::int64_t attach_time = 0;  ///< seconds since the epoch, 0: never
  std::int64_t detach_time = 0;  ///< seconds since the epoch, 0: never
  std::int64_t change_time = 0;  ///< seconds since the epoch
  uid_t owner = 0;
  gid_t group = 0;
  mode_t mode = 0;
  bool removal_pending = false;  ///< IPC_RMID was called; it goes with its last user
};

struct SysvShmOptions {
  mode_t mode = 0600;  ///< exact: the umask plays no part
  bool exclusive =
      true;  ///< false: an existing segment of that key that the caller or root made and owns is taken, with
             ///< the mode it has
  HugePages huge = HugePages::none;
};

/// A System V shared memory segment; lives until removed. Copyable: it is a name, and what is attached holds it, not this.
/// Ids and keys are those of the IPC namespace. Thread-safe. A child of fork(2) inherits what is attached; exec(2)
/// detaches. Source: shmget(2), shmop(2), sysvipc(7).
class SysvShm {
 public:
  /// Without a key it is private (IPC_PRIVATE) and found by its id only. Pages are touched once at creation, so that want
  /// of memory shows here; a segment that could not be had whole is removed again.
  /// Errors, each with the limit that was met: EINVAL (size 0, over SHMMAX, or an existing segment is smaller; key 0, which
  /// means private), ENOSPC (SHMMNI segments or SHMALL pages), EEXIST (there is one, or it has a
  /// foreign owner), EACCES, ENOMEM, EPERM (huge pages).
  [[nodiscard]] static Result<SysvShm> create(std::optional<std::int32_t> key, Bytes size, SysvShmOptions options = {});
  /// Errors: ENOENT (no such key), EINVAL (no such id, or neither id nor key), EACCES, EIDRM.
  [[nodiscard]] static Result<SysvShm> open(const SysvName& name);

  /// A removed segment can still be attached by id while somebody else is attached: statistics().removal_pending tells.
  /// Errors: EACCES, EIDRM, EINVAL (no such id), ENOMEM, EMFILE. Source: shmat(2).
  [[nodiscard]] Result<ReadOnlyMapping> attach_read_only() const;
  [[nodiscard]] Result<ReadWriteMapping> attach_read_write() const;
  /// Errors: EACCES, EIDRM, EINVAL (no such id). Source: shmctl(2), IPC_STAT.
  [[nodiscard]] Result<SysvShmStatistics> statistics() const;
  /// The segment goes when its last user has detached; its key is free at once.
  /// Errors: EPERM (neither owner nor creator), EINVAL (gone already), EIDRM. Source: shmctl(2), IPC_RMID.
  [[nodiscard]] Result<void> remove();
  [[nodiscard]] int id() const noexcept { return id_; }

 private:
  explicit SysvShm(int id) noexcept : id_{id} {}
  int id_;
};

}  // namespace ginnel
