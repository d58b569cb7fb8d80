#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>

#include "ginnel/core/bytes.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"
#include "ginnel/sys/mapping.hpp"

namespace ginnel {

/// POSIX shared memory: a name in /dev/shm (of the mount namespace), which lives until unlinked. Source: shm_overview(7).
/// The handle keeps the memory alive after the name is gone, and so does every mapping of it.
/// Thread-safe apart from moves; a child of fork(2) has a handle of its own, exec(2) closes it.
class [[nodiscard]] PosixShm {
 public:
  /// Makes a new object, all zero; never takes one that is there. The name appears when the memory is allocated and the
  /// mode is set: nobody, and no death of this process on the way, ever sees or leaves a half-made one.
  /// `mode` (0 to 0777) holds whatever the umask is. A name is a slash and 1 to 255 other characters.
  /// Errors: EEXIST, ENOSPC (tells the size and the free space of /dev/shm), ENOMEM (more than the machine has free),
  /// EFBIG (RLIMIT_FSIZE), EINVAL (size 0, name), EACCES, ENAMETOOLONG, EMFILE, ENFILE, EOPNOTSUPP (no tmpfs at /dev/shm).
  /// Source: shm_open(3), open(2) on O_TMPFILE, fallocate(2).
  [[nodiscard]] static Result<PosixShm> create(const std::string& name, Bytes size, mode_t mode = 0600);
  enum class Access { read_only, read_write };
  /// Opens one that is there and looks at what it is. `expected_owner`: refuse one of another uid, which may have squatted
  /// the name. Errors: ENOENT, EACCES, ELOOP (a symbolic link), EINVAL (no regular file, name), EPERM (owner differs, or it
  /// has several hard links), EMFILE, ENFILE.
  [[nodiscard]] static Result<PosixShm> open(const std::string& name, Access access,
                                             std::optional<uid_t> expected_owner = std::nullopt);
  /// Errors: ENOENT, EACCES (not its owner), EINVAL (name). Source: shm_unlink(3).
  [[nodiscard]] static Result<void> unlink(const std::string& name);

  [[nodiscard]] Result<Bytes> size() const;
  /// Maps the whole of it. Errors: as ReadOnlyMapping::map; EINVAL when it is empty.
  [[nodiscard]] Result<ReadOnlyMapping> map_read_only() const;
  /// The same, for writing. Errors: EACCES (opened with Access::read_only).
  [[nodiscard]] Result<ReadWriteMapping> map_read_write() const;
  [[nodiscard]] int descriptor() const noexcept { return file_.get(); }

 private:
  PosixShm(UniqueFd file, std::string name) noexcept : file_{std::move(file)}, name_{std::move(name)} {}
  UniqueFd file_;
  std::string name_;
};

}  // namespace ginnel
