#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/sys/directory.hpp"
#include "ginnel/sys/file_lock.hpp"

namespace ginnel {

// Any thread may remove, also several at once in one directory: its lock makes them take turns. The lock and the lease end
// with the process; a child that is forked meanwhile has a copy of the lock's descriptor, and until it ends or execs others
// wait for it, up to their deadlines.

/// Which file a name meant when it was looked at.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t generation = 0;  ///< file_generation() of it
  bool operator==(const FileIdentity&) const = default;
};
/// What tells a file from a later one with the same inode number: its birth time, or where the file system keeps none the time
/// of its last change; in ns.
[[nodiscard]] std::uint64_t file_generation(const FileStatus& status) noexcept;
[[nodiscard]] FileIdentity file_identity(const FileStatus& status) noexcept;

/// The name is of no file now.
struct NameGone {};
/// The name is of another file now.
struct NameChanged {};
/// Somebody has the file open, mapped, or on its way through a socket, or is opening it; of a socket path: one is bound to it.
struct FileInUse {};

enum class FilesInUse { stay, go };

struct CheckedUnlinkOptions {
  FilesInUse files_in_use = FilesInUse::stay;  ///< go: the name only; who has the file keeps it
  Deadline deadline = Deadline::after(std::chrono::seconds{5});
  bool folder_is_locked = false;  ///< the caller has the directory's lock, lock_against_removers()
};

using CheckedUnlink = Outcome<Done, NameGone, NameChanged, FileInUse>;

/// The lock on a directory that all take who remove names in it by unlink_checked(): for one who removes several.
/// Errors: as Directory::open_below, ENOLCK. Source: flock(2).
[[nodiscard]] Result<Outcome<FileLock, TimedOut>> lock_against_removers(const Directory& folder, Deadline deadline);

/// Removes a name if it still means that file, and, of a regular file or a POSIX queue, if nobody has it open, mapped or on
/// its way through a socket: the kernel proves that by granting a write lease, under which the name is removed. (A process
/// that opens it just then waits for some microseconds; with O_NONBLOCK it gets EWOULDBLOCK.) Without the right to a lease
/// (neither owner nor CAP_LEASE) use is not proven.
/// Removers serialise on a lock of the directory (flock(2)), so that two of them never take each other's successor. What is
/// left is the moment between the last look and unlink(2), some microseconds: a program that opens the file right then keeps
/// a file without a name, and one that puts another file in its place at that moment loses that file's name.
/// Nothing is changed before the one unlink: a remover that is killed leaves everything as it was.
/// Errors: EACCES, EPERM (no right to remove), ETIMEDOUT (another remover holds the directory), EMFILE, ENFILE, ENOMEM (use could not be
/// asked about, and nothing was removed).
/// Source: fcntl(2), F_SETLEASE.
[[nodiscard]] Result<CheckedUnlink> unlink_checked(const std::string& path, const FileIdentity& expected,
                                                   CheckedUnlinkOptions options = {});
/// The same of a name in an open directory, for file systems that are mounted nowhere.
[[nodiscard]] Result<CheckedUnlink> unlink_checked(const Directory& folder, const std::string& name,
                                                   const FileIdentity& expected, CheckedUnlinkOptions options = {});

/// The same of a POSIX queue (`/name`) of the caller's IPC namespace, where its file system can neither be found mounted nor be mounted. Which
/// queue has the name is not checked. Errors: EACCES (no right to remove it), ENAMETOOLONG, EINVAL, EMFILE, ENFILE, ENOMEM (as above). Source: mq_overview(7), mq_unlink(3).
[[nodiscard]] Result<CheckedUnlink> unlink_unused_posix_queue(const std::string& name);

/// Errors: ENOTEMPTY, ENOENT, ENOTDIR, EACCES, EPERM. Source: rmdir(2).
[[nodiscard]] Result<void> remove_empty_directory(const Directory& parent, const std::string& name);

}  // namespace ginnel
