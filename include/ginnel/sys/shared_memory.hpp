#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "ginnel/core/address.hpp"
#include "ginnel/core/bytes.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"
#include "ginnel/sys/mapping.hpp"
#include "ginnel/sys/sysv_queue.hpp"

namespace ginnel {

// Shared memory of the three kinds. All of it is allocated when it is created, so that no touch of it can ever raise
// SIGBUS for want of space: a full /dev/shm is ENOSPC here, and no half-made object keeps a name.

/// POSIX shared memory: a name in /dev/shm (of the mount namespace), which lives until unlinked. Source: shm_overview(7).
class [[nodiscard]] PosixShm {
 public:
  /// Makes a new object; never takes one that is there. Errors: EEXIST, ENOSPC (tells the size and the free space of
  /// /dev/shm), EINVAL (size 0, name), EACCES, ENAMETOOLONG, EMFILE, ENFILE. Source: shm_open(3), posix_fallocate(3).
  [[nodiscard]] static Result<PosixShm> create(const std::string& name, Bytes size, mode_t mode = 0600);
  enum class Access { read_only, read_write };
  /// Opens one that is there and looks at what it is. `expected_owner`: refuse one of another uid, which may have squatted the
  /// name. Errors: ENOENT, EACCES, ELOOP (a symbolic link), EINVAL (no regular file), EPERM (owner differs, or it has
  /// several hard links).
  [[nodiscard]] static Result<PosixShm> open(const std::string& name, Access access,
                                             std::optional<uid_t> expected_owner = std::nullopt);
  /// Errors: ENOENT, EACCES. Source: shm_unlink(3).
  [[nodiscard]] static Result<void> unlink(const std::string& name);

  [[nodiscard]] Result<Bytes> size() const;
  [[nodiscard]] Result<ReadOnlyMapping> map_read_only() const;
  [[nodiscard]] Result<ReadWriteMapping> map_read_write() const;
  [[nodiscard]] int descriptor() const noexcept { return file_.get(); }

 private:
  PosixShm(UniqueFd file, std::string name) noexcept : file_{std::move(file)}, name_{std::move(name)} {}
  UniqueFd file_;
  std::string name_;
};

/// Seals of a memfd; combine with |. They can be added and never taken away. Source: fcntl(2), F_ADD_SEALS.
enum class Seals : unsigned {
  none = 0,
  seal = 1,           ///< no more seals
  shrink = 2,         ///< cannot get smaller; holes can still be punched: bytes become 0
  grow = 4,
  write = 8,          ///< nobody writes; needs that no writable mapping exists (EBUSY)
  future_write = 16,  ///< no new way to write, and no holes; mappings made before still write
};
[[nodiscard]] constexpr Seals operator|(Seals a, Seals b) noexcept {
  return static_cast<Seals>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
[[nodiscard]] constexpr bool contains(Seals all, Seals wanted) noexcept {
  return (static_cast<unsigned>(all) & static_cast<unsigned>(wanted)) == static_cast<unsigned>(wanted);
}

enum class HugePages { none, mib2, gib1 };

/// Anonymous memory behind a descriptor, to be passed to others: no name, nothing to clean up. Source: memfd_create(2).
class [[nodiscard]] Memfd {
 public:
  /// `name` is only what /proc shows. With huge pages the size must be a multiple of theirs. Errors: ENOSPC or ENOMEM (no
  /// room; or not that many huge pages reserved: tells vm.nr_hugepages), EINVAL (size 0, or no multiple), EMFILE, ENFILE.
  [[nodiscard]] static Result<Memfd> create(const std::string& name, Bytes size, HugePages huge = HugePages::none);
  /// Takes one from a stranger: kind, seals and size are checked before anything is mapped. Errors: EINVAL (no memfd),
  /// EPERM (a seal of `required` is missing: tells which), EFBIG (over `size_max`), ENODATA (empty, or sparse: a hole could
  /// SIGBUS when memory is short).
  [[nodiscard]] static Result<Memfd> adopt(UniqueFd fd, Seals required, Bytes size_max);

  /// Errors: EPERM (sealed with Seals::seal), EBUSY (Seals::write while a writable mapping exists).
  [[nodiscard]] Result<void> add_seals(Seals seals);
  [[nodiscard]] Result<Seals> seals() const;
  [[nodiscard]] Result<Bytes> size() const;
  [[nodiscard]] Result<ReadOnlyMapping> map_read_only() const;
  [[nodiscard]] Result<ReadWriteMapping> map_read_write() const;
  [[nodiscard]] int descriptor() const noexcept { return file_.get(); }
  [[nodiscard]] UniqueFd release() && noexcept { return std::move(file_); }

 private:
  explicit Memfd(UniqueFd file) noexcept : file_{std::move(file)} {}
  UniqueFd file_;
};

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
  mode_t mode = 0600;
  bool exclusive = true;
  HugePages huge = HugePages::none;
};

/// A System V shared memory segment; lives until removed. Copyable: it is a name. Source: shmget(2), sysvipc(7).
class SysvShm {
 public:
  /// Without a key it is private (IPC_PRIVATE). Pages are touched once at creation, so that want of memory shows here.
  /// Errors, each with the limit that was met: EINVAL (size 0, over SHMMAX, or an existing segment is smaller),
  /// ENOSPC (SHMMNI segments or SHMALL pages), EEXIST, ENOENT, EACCES, ENOMEM, EPERM (huge pages).
  [[nodiscard]] static Result<SysvShm> create(std::optional<std::int32_t> key, Bytes size,
                                              SysvShmOptions options = {});
  [[nodiscard]] static Result<SysvShm> open(const SysvName& name);

  /// A removed segment can still be attached by id while somebody else is attached: statistics().removal_pending tells.
  /// Errors: EACCES, EIDRM, EINVAL (no such id), ENOMEM. Source: shmat(2).
  [[nodiscard]] Result<ReadOnlyMapping> attach_read_only() const;
  [[nodiscard]] Result<ReadWriteMapping> attach_read_write() const;
  [[nodiscard]] Result<SysvShmStatistics> statistics() const;
  /// The segment goes when its last user has detached. Errors: EPERM, EINVAL (gone already), EIDRM.
  [[nodiscard]] Result<void> remove();
  [[nodiscard]] int id() const noexcept { return id_; }

 private:
  explicit SysvShm(int id) noexcept : id_{id} {}
  int id_;
};

/// Default huge page sizes with pages free now, for an options dialogue. Source: /sys/kernel/mm/hugepages.
[[nodiscard]] Result<std::uint64_t> free_huge_pages(HugePages size);

/// Copies out of memory that a peer may shrink or punch meanwhile; a page that is gone ends the copy instead of raising
/// SIGBUS. The result is how many bytes were copied. Source: process_vm_readv(2) on the caller itself.
/// Errors: ENOSYS, EPERM (a seccomp filter forbids process_vm_readv; use pread(2) on the descriptor then).
[[nodiscard]] Result<std::size_t> copy_from_shared(std::span<const std::byte> shared, std::span<std::byte> destination);

}  // namespace ginnel
