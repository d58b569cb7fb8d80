#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/process_id.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"

namespace ginnel {

enum class LockMode { shared, exclusive };

/// Part of a file; length 0 reaches to its end, however far it grows.
struct ByteRange {
  std::int64_t start = 0;
  std::int64_t length = 0;
  bool operator==(const ByteRange&) const = default;
};

// Locks belong to the open file description: they end when its last copy is closed, by whatever death. A child of fork(2)
// inherits a copy and so the lock lives on in it: the descriptors here are close-on-exec, and a child that does not exec
// closes them. (A POSIX lock, F_SETLK, is lost as soon as ANY descriptor of the file is closed in the process: none is used.)
// A wait with a deadline retries at growing intervals of at most 10 ms, since the kernel has no timed form; no SIGALRM. A wait
// without one sleeps in the kernel. Thread-safe apart from moves, though threads that share a handle share its locks.

/// A lock on a whole file, of the kind flock(1) takes. Released at destruction.
class [[nodiscard]] FileLock {
 public:
  /// Locks the file at `path`, which is made when missing (mode 0666 less the umask) and never removed. Should somebody
  /// else remove or replace it during the wait, the lock is taken on the file that is there then. A symbolic link to a file
  /// that is there is followed, as flock(1) does; but no file is made through one, since in a directory that all may
  /// write to another user could have it made wherever the caller may.
  /// Errors: EACCES, ENOENT (no such directory), EISDIR is none: a directory can be locked too, EMFILE, ENOLCK, EROFS,
  /// ELOOP (a symbolic link that leads to no file), EBUSY (the file keeps coming and going).
  /// Source: flock(2).
  [[nodiscard]] static Result<Outcome<FileLock, TimedOut>> acquire(const std::string& path, LockMode mode,
                                                                   Deadline deadline = Deadline::never());
  /// Locks through a descriptor that is there; it is owned from then on.
  [[nodiscard]] static Result<Outcome<FileLock, TimedOut>> acquire(UniqueFd file, LockMode mode,
                                                                   Deadline deadline = Deadline::never());

  /// Changes between shared and exclusive; not atomic: another may have had the lock in between (flock(2)); on TimedOut
  /// the old mode may have been lost too, and `held()` tells.
  [[nodiscard]] Result<Outcome<Done, TimedOut>> convert(LockMode mode, Deadline deadline = Deadline::never());
  [[nodiscard]] bool held() const noexcept { return held_ && file_.valid(); }
  [[nodiscard]] int descriptor() const noexcept { return file_.get(); }

 private:
  explicit FileLock(UniqueFd file) noexcept : file_{std::move(file)} {}
  UniqueFd file_;
  bool held_ = true;
};

/// Locks on byte ranges, shared and exclusive, by one open file description (F_OFD_SETLK). Another RangeLocks of the same
/// file in the same process is another owner. All are released at destruction. Source: fcntl(2).
class [[nodiscard]] RangeLocks {
 public:
  /// For reading and writing, or for reading only where the file may not be written: then only shared locks can be had.
  /// Errors: as FileLock::acquire, and EISDIR.
  [[nodiscard]] static Result<RangeLocks> open(const std::string& path);
  /// Takes a file that is open already, with the locks that its description has.
  [[nodiscard]] static RangeLocks adopt(UniqueFd file) noexcept { return RangeLocks{std::move(file)}; }

  /// Locks, or converts what of the range this owner holds. Errors: EINVAL (range), EOVERFLOW (its end), ENOLCK, EBADF
  /// (exclusive, on a file opened for reading only). EDEADLK is none: OFD locks are not checked for deadlock.
  [[nodiscard]] Result<Outcome<Done, TimedOut>> lock(ByteRange range, LockMode mode,
                                                     Deadline deadline = Deadline::never());
  [[nodiscard]] Result<void> unlock(ByteRange range);
  /// The first lock of somebody else that stands in the way of this one. Source: F_OFD_GETLK.
  struct Conflict {
    ByteRange range;
    LockMode mode = LockMode::exclusive;
    std::optional<pid_t> pid;  ///< none for an OFD lock, which belongs to no process
  };
  [[nodiscard]] Result<std::optional<Conflict>> conflict(ByteRange range, LockMode mode) const;
  [[nodiscard]] int descriptor() const noexcept { return file_.get(); }
  /// The file, with the locks that its description has.
  [[nodiscard]] UniqueFd release() && noexcept { return std::move(file_); }

 private:
  explicit RangeLocks(UniqueFd file) noexcept : file_{std::move(file)} {}
  UniqueFd file_;
};

/// A lock that stands on a file, and a process that holds it.
struct LockHolder {
  enum class Kind { flock, ofd, posix };
  Kind kind = Kind::flock;
  LockMode mode = LockMode::exclusive;
  ByteRange range;
  pid_t pid = 0;  ///< of a process that has the locked description open now, which may be a child that inherited it
  std::string command;  ///< its name, /proc/PID/comm
  int fd = -1;          ///< there
};
/// Who holds locks on a file, an entry for each descriptor: by the `lock:` lines of /proc/PID/fdinfo, since /proc/locks shows
/// who took a lock and not who has it now. Processes that the caller may not read are not seen; `unreadable_processes` says
/// how many. A description that is under way over a Unix socket is nobody's at that moment.
struct LockHolders {
  std::vector<LockHolder> holders;
  std::size_t unreadable_processes = 0;
};
/// Errors: ENOENT, EACCES (of the path). Source: proc(5).
[[nodiscard]] Result<LockHolders> lock_holders(const std::string& path);

}  // namespace ginnel
