#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "ginnel/core/bytes.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"
#include "ginnel/sys/directory.hpp"
#include "ginnel/sys/file_lock.hpp"
#include "ginnel/sys/mapping.hpp"

namespace ginnel {

/// The user whose rights the caller has now. Source: geteuid(2).
[[nodiscard]] uid_t effective_user() noexcept;

/// A lock on a SharedFolder. At destruction it is given up by the process that took it, though a child that another thread has made with
/// fork(2) meanwhile has a copy of its description; in such a child destruction leaves it alone. Source: flock(2).
class [[nodiscard]] FolderLock {
 public:
  FolderLock(FolderLock&&) noexcept = default;
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock();

  /// Makes a shared lock exclusive, if nobody else has one at this moment and the directory has not been removed. False: it is not
  /// exclusive, and may be lost (flock(2)). Takes no descriptor.
  [[nodiscard]] bool is_alone_now() noexcept;

 private:
  friend class SharedFolder;
  explicit FolderLock(FileLock lock) noexcept;
  FileLock lock_;
  pid_t owner_;
};

/// A directory in which processes keep files for each other, held open so that nobody can put another in its place.
/// Files appear whole or not at all, are never opened through a symbolic link, and are nobody else's under a second name.
/// Thread-safe apart from moves. A child of fork(2) has a handle of its own. Source: openat(2), path_resolution(7).
class [[nodiscard]] SharedFolder {
 public:
  /// Opens the directory at `path`, made with `mode` when missing (its parent is not). Where it is to be private (no right
  /// for group and others in `mode`), it must belong to the caller, who alone may enter it.
  /// Errors: EPERM (another user's, or open to others: tells how to mend it), ELOOP (a symbolic link), ENOTDIR, ENOENT (no
  /// parent), EACCES, EMFILE, ENFILE, ENOSPC.
  [[nodiscard]] static Result<SharedFolder> open_or_create(const std::string& path, mode_t mode = 0700);
  /// Errors: ENOENT, and as open_or_create.
  [[nodiscard]] static Result<SharedFolder> open(const std::string& path, mode_t mode = 0700);

  /// The same below this one. What group and others may do by `mode` they may whatever the umask of whoever makes it. Made only
  /// where two descriptors are to be had, to open it and to lock it. Errors: as above.
  [[nodiscard]] Result<SharedFolder> open_or_create_below(const std::string& name, mode_t mode = 0700) const;
  [[nodiscard]] Result<SharedFolder> open_below(const std::string& name, mode_t mode = 0700) const;

  /// A file that has no name yet: allocated, all zero, for reading and writing. It goes with its descriptor unless publish()
  /// gives it a name. Errors: ENOSPC (no room: tells how much was wanted and is free), EDQUOT, EFBIG, ENOMEM, EMFILE.
  [[nodiscard]] Result<UniqueFd> make_file(Bytes size, mode_t mode) const;
  /// Errors: EEXIST, ENOSPC, ENOENT (the directory has been removed).
  [[nodiscard]] Result<void> publish(int file, const std::string& name) const;
  /// The same, in the place of what has the name, if anything: at no moment is there nothing. For one at a time; whoever dies
  /// in the middle leaves `NAME.new`, which the next one removes. A file that was refused can be given no name any more: a
  /// later try takes another. Errors: as publish(), EACCES, EISDIR.
  [[nodiscard]] Result<void> replace(int file, const std::string& name) const;
  /// Errors: ENOENT, EACCES, ELOOP (a symbolic link), EINVAL (no regular file), EPERM (it has a second name).
  [[nodiscard]] Result<UniqueFd> open_file(const std::string& name, FileAccess access) const;
  /// Errors: ENOENT, EACCES, EPERM.
  [[nodiscard]] Result<void> remove(const std::string& name) const;
  /// Removes the name only while it stands for this file. False when it stands for another or for none, or when somebody else is
  /// about to remove it so. Safe against all who remove by this function: none of them takes a file that has got the name since.
  [[nodiscard]] Result<bool> remove_if_same(const std::string& name, int file) const;
  /// Removes a directory below, which must be empty. Errors: ENOTEMPTY, ENOENT, EACCES.
  [[nodiscard]] Result<void> remove_folder(const std::string& name) const;
  /// A lock of flock(2) on the directory itself, whatever its path leads to by now, and by a description of its own: another lock of
  /// the same handle is another owner. Errors: ENOLCK, EMFILE, ENFILE.
  [[nodiscard]] Result<Outcome<FolderLock, TimedOut>> lock(LockMode mode, Deadline deadline = Deadline::never()) const;
  /// Calls `found` with each name. Errors: as Directory::for_each.
  [[nodiscard]] Result<void> for_each(const std::function<bool(const char* name, FileType type)>& found) const;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] int descriptor() const noexcept { return folder_.get(); }
  /// Whether this handle's opening has made it.
  [[nodiscard]] bool is_new() const noexcept { return is_new_; }

 private:
  SharedFolder(UniqueFd folder, std::string path) noexcept : folder_{std::move(folder)}, path_{std::move(path)} {}
  [[nodiscard]] static Result<SharedFolder> open_at(int parent, const std::string& name, std::string path, mode_t mode);
  [[nodiscard]] Result<UniqueFd> open_again() const;
  [[nodiscard]] std::string path_of(const std::string& name) const { return path_ + "/" + name; }

  UniqueFd folder_;
  std::string path_;  ///< for messages
  bool is_new_ = false;
};

}  // namespace ginnel
