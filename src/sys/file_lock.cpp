#include "ginnel/sys/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path_hint.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

constexpr auto longest_pause = std::chrono::milliseconds{10};
constexpr int tries_to_open = 16;

std::string name_of(int fd) { return "fd " + std::to_string(fd); }

bool is_link(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
}

Result<UniqueFd> open_with(const std::string& path, int access) {
  // O_NONBLOCK: the path may turn out to be a FIFO, whose open would wait for a writer.
  const int flags = access | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  // First without O_CREAT: in a sticky directory that all may write to (/tmp), fs.protected_regular refuses O_CREAT on a
  // file of another user. Then with O_EXCL, which makes nothing through a link that somebody else has put there. Some
  // times over, since the file may come or go between the two opens.
  for (int attempt = 0; attempt < tries_to_open; ++attempt) {
    UniqueFd there{retry_interrupted([&] { return ::open(path.c_str(), flags); })};
    if (there.valid()) return there;
    if (errno != ENOENT) return std::unexpected{last_path_error("open", path)};
    UniqueFd made{retry_interrupted([&] { return ::open(path.c_str(), flags | O_CREAT | O_EXCL, 0666); })};
    if (made.valid()) return made;
    if (errno != EEXIST) return std::unexpected{last_path_error("open", path)};
    if (is_link(path))
      return std::unexpected{Error{ELOOP, "open", path,
                                   "a symbolic link that leads to no file, and through a link none is made: somebody "
                                   "may have put it there; remove it, or make the file that it leads to"}};
  }
  return std::unexpected{Error{EBUSY, "open", path, "it keeps coming and going: others make and remove it"}};
}

Result<Outcome<Done, TimedOut>> flock_until(int fd, LockMode mode, Deadline deadline) {
  const int operation = mode == LockMode::shared ? LOCK_SH : LOCK_EX;
  const int no_wait = deadline.is_never() ? 0 : LOCK_NB;
  Backoff backoff{longest_pause};
  while (retry_interrupted([&] { return ::flock(fd, operation | no_wait); }) < 0) {
    if (errno != EWOULDBLOCK) return std::unexpected{Error::last("flock", name_of(fd))};
    if (deadline.passed()) return TimedOut{};
    backoff.pause(deadline);
  }
  return Done{};
}

/// False when the path leads to another file by now, or to none.
bool still_leads_to(const std::string& path, int fd) {
  struct stat at_path{};
  struct stat locked{};
  if (::stat(path.c_str(), &at_path) < 0 || ::fstat(fd, &locked) < 0) return false;
  return at_path.st_dev == locked.st_dev && at_path.st_ino == locked.st_ino;
}

short lock_type(LockMode mode) { return mode == LockMode::shared ? F_RDLCK : F_WRLCK; }

/// What fcntl wants to know of a lock. An open-file-description lock has no pid: it must be 0.
struct flock as_flock(ByteRange range, short type) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = range.start;
  lock.l_len = range.length;
  return lock;
}

Error range_error(std::string_view operation, int fd, ByteRange range) {
  return Error{EINVAL, operation, name_of(fd),
               "a range begins at 0 or later and its length is 0 (to the end) or more, not " +
                   std::to_string(range.start) + " and " + std::to_string(range.length)};
}

bool is_range(ByteRange range) { return range.start >= 0 && range.length >= 0; }

/// EBADF here does not mean that the descriptor is closed.
Error lock_error(int fd, LockMode mode) {
  Error error = Error::last("fcntl F_OFD_SETLK", name_of(fd));
  if (error.code() != EBADF) return error;
  return std::move(error).with_hint(
      mode == LockMode::exclusive ? "an exclusive range lock needs a file that may be written; this one was opened for "
                                    "reading only"
                                  : "a shared range lock needs a file that may be read");
}

}  // namespace

Result<Outcome<FileLock, TimedOut>> FileLock::acquire(const std::string& path, LockMode mode, Deadline deadline) {
  while (true) {
    auto file = open_with(path, O_RDONLY);
    if (!file) return std::unexpected{file.error()};
    auto locked = flock_until(file->get(), mode, deadline);
    if (!locked) return std::unexpected{std::move(locked.error()).with_object(path)};
    if (locked->is<TimedOut>()) return TimedOut{};
    // Whoever removes a lock file while others wait for it would leave them with a lock that newcomers do not see.
    if (still_leads_to(path, file->get())) return FileLock{std::move(*file)};
    if (deadline.passed()) return TimedOut{};
  }
}

Result<Outcome<FileLock, TimedOut>> FileLock::acquire(UniqueFd file, LockMode mode, Deadline deadline) {
  auto locked = flock_until(file.get(), mode, deadline);
  if (!locked) return std::unexpected{locked.error()};
  if (locked->is<TimedOut>()) return TimedOut{};
  return FileLock{std::move(file)};
}

Result<Outcome<Done, TimedOut>> FileLock::convert(LockMode mode, Deadline deadline) {
  auto converted = flock_until(file_.get(), mode, deadline);
  // The kernel gives the old lock up before it looks whether the new one is free.
  if (converted) held_ = converted->is<Done>();
  return converted;
}

Result<RangeLocks> RangeLocks::open(const std::string& path) {
  auto file = open_with(path, O_RDWR);
  if (!file && (file.error().code() == EACCES || file.error().code() == EROFS)) {
    auto readable = open_with(path, O_RDONLY);
    if (readable) return RangeLocks{std::move(*readable)};
  }
  if (!file) return std::unexpected{file.error()};
  return RangeLocks{std::move(*file)};
}

Result<Outcome<Done, TimedOut>> RangeLocks::lock(ByteRange range, LockMode mode, Deadline deadline) {
  if (!is_range(range)) return std::unexpected{range_error("fcntl F_OFD_SETLK", file_.get(), range)};
  const int command = deadline.is_never() ? F_OFD_SETLKW : F_OFD_SETLK;
  struct flock wanted = as_flock(range, lock_type(mode));
  Backoff backoff{longest_pause};
  while (retry_interrupted([&] { return ::fcntl(file_.get(), command, &wanted); }) < 0) {
    if (errno != EAGAIN && errno != EACCES) return std::unexpected{lock_error(file_.get(), mode)};
    if (deadline.passed()) return TimedOut{};
    backoff.pause(deadline);
  }
  return Done{};
}

Result<void> RangeLocks::unlock(ByteRange range) {
  if (!is_range(range)) return std::unexpected{range_error("fcntl F_OFD_SETLK", file_.get(), range)};
  struct flock wanted = as_flock(range, F_UNLCK);
  if (retry_interrupted([&] { return ::fcntl(file_.get(), F_OFD_SETLK, &wanted); }) < 0)
    return std::unexpected{Error::last("fcntl F_OFD_SETLK", name_of(file_.get()))};
  return {};
}

Result<std::optional<RangeLocks::Conflict>> RangeLocks::conflict(ByteRange range, LockMode mode) const {
  if (!is_range(range)) return std::unexpected{range_error("fcntl F_OFD_GETLK", file_.get(), range)};
  struct flock found = as_flock(range, lock_type(mode));
  if (retry_interrupted([&] { return ::fcntl(file_.get(), F_OFD_GETLK, &found); }) < 0)
    return std::unexpected{Error::last("fcntl F_OFD_GETLK", name_of(file_.get()))};
  if (found.l_type == F_UNLCK) return std::nullopt;

  Conflict conflict{.range = {.start = found.l_start, .length = found.l_len},
                    .mode = found.l_type == F_RDLCK ? LockMode::shared : LockMode::exclusive,
                    .pid = std::nullopt};
  if (found.l_pid > 0) conflict.pid = found.l_pid;  // -1: an OFD lock; 0: of a process outside our pid namespace
  return conflict;
}

}  // namespace ginnel
