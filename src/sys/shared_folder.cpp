#include "ginnel/sys/shared_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "memory_file.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

constexpr mode_t rights = 0777;
constexpr mode_t rights_of_others = 0077;

std::string octal(mode_t mode) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04o", mode & 07777U);
  return text.data();
}

/// What stands in the way of trusting what will be found there.
Result<void> check_private(int folder, const std::string& path) {
  struct stat status{};
  if (::fstat(folder, &status) < 0) return std::unexpected{Error::last("fstat", path)};
  const uid_t self = effective_user();
  if (status.st_uid != self)
    return std::unexpected{Error{EPERM, "open", path,
                                 "this directory belongs to uid " + std::to_string(status.st_uid) +
                                     " and not to you (uid " + std::to_string(self) +
                                     "): somebody else took the name; choose another directory"}};
  if ((status.st_mode & rights_of_others) != 0)
    return std::unexpected{Error{EPERM, "open", path,
                                 "this directory has mode " + octal(status.st_mode) +
                                     ", others may enter it; if you trust what is in it: chmod 700 " + path}};
  return {};
}

/// The umask took rights of the group away when the directory was made. Only its owner can give them back.
Result<void> widen(int folder, mode_t mode, const std::string& path) {
  struct stat status{};
  if (::fstat(folder, &status) < 0) return std::unexpected{Error::last("fstat", path)};
  if (status.st_uid != effective_user() || (mode & rights & ~status.st_mode) == 0) return {};
  const mode_t wider = (status.st_mode & 07777U) | (mode & rights);
  if (retry_interrupted([&] { return ::fchmod(folder, wider); }) < 0)
    return std::unexpected{Error::last("fchmod", path)};
  return {};
}

std::string room_hint(int folder, Bytes wanted) {
  struct statvfs fs{};
  if (retry_interrupted([&] { return ::fstatvfs(folder, &fs); }) < 0) return {};
  const Bytes free{static_cast<std::uint64_t>(fs.f_bavail) * fs.f_frsize};
  std::string hint = wanted.to_string() + " wanted, " + free.to_string() + " free in this file system";
  if (fs.f_files != 0 && fs.f_ffree == 0) hint += ", and all its " + std::to_string(fs.f_files) + " inodes are used";
  return hint + "; see 'ginnel gc' and 'ginnel limits'";
}

Error file_error(int folder, Error error, const std::string& path, Bytes size) {
  if (error.hint().empty() && (error.code() == ENOSPC || error.code() == EDQUOT))
    error = std::move(error).with_hint(room_hint(folder, size));
  return std::move(error).with_object(path);
}

Result<void> check_file(int file, const std::string& path) {
  struct stat status{};
  if (::fstat(file, &status) < 0) return std::unexpected{Error::last("fstat", path)};
  if (!S_ISREG(status.st_mode)) return std::unexpected{Error{EINVAL, "open", path, "it is no regular file"}};
  if (status.st_nlink == 0)
    return std::unexpected{Error{ENOENT, "open", path, "it was removed while it was being opened"}};
  if (status.st_nlink > 1)
    return std::unexpected{
        Error{EPERM, "open", path, "it has a second name (a hard link): somebody may have put it here"}};
  return {};
}

/// Nobody else removes the file meanwhile: what has its name keeps it. A lock of flock(2), since it asks for no right to write.
class RemoversLock {
 public:
  explicit RemoversLock(int file) noexcept
      : file_{file}, held_{retry_interrupted([&] { return ::flock(file, LOCK_EX | LOCK_NB); }) == 0} {}
  RemoversLock(const RemoversLock&) = delete;
  RemoversLock& operator=(const RemoversLock&) = delete;
  ~RemoversLock() {
    if (held_) ::flock(file_, LOCK_UN);
  }
  [[nodiscard]] bool held() const noexcept { return held_; }

 private:
  int file_;
  bool held_;
};

}  // namespace

uid_t effective_user() noexcept { return ::geteuid(); }

Result<SharedFolder> SharedFolder::open_at(int parent, const std::string& name, std::string path, mode_t mode) {
  UniqueFd folder{retry_interrupted(
      [&] { return ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); })};
  if (!folder.valid()) {
    Error error = Error::last("open", path);
    if (error.code() == ELOOP || error.code() == ENOTDIR)
      return std::unexpected{std::move(error).with_hint("something else has this name: a symbolic link or a file")};
    return std::unexpected{std::move(error)};
  }
  if ((mode & rights_of_others) == 0)
    if (auto good = check_private(folder.get(), path); !good) return std::unexpected{good.error()};
  return SharedFolder{std::move(folder), std::move(path)};
}

Result<SharedFolder> SharedFolder::open(const std::string& path, mode_t mode) {
  return open_at(AT_FDCWD, path, path, mode);
}

Result<SharedFolder> SharedFolder::open_or_create(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode & rights) < 0 && errno != EEXIST) return std::unexpected{Error::last("mkdir", path)};
  return open(path, mode);
}

Result<SharedFolder> SharedFolder::open_below(const std::string& name, mode_t mode) const {
  return open_at(folder_.get(), name, path_of(name), mode);
}

Result<SharedFolder> SharedFolder::open_or_create_below(const std::string& name, mode_t mode) const {
  {
    // What could not be opened and locked would only be left behind, for nobody.
    const UniqueFd to_open{::fcntl(folder_.get(), F_DUPFD_CLOEXEC, 0)};
    const UniqueFd to_lock{to_open.valid() ? ::fcntl(folder_.get(), F_DUPFD_CLOEXEC, 0) : -1};
    if (!to_lock.valid()) {
      const Error error = Error::last("open", path_of(name));
      if (::faccessat(folder_.get(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) < 0) return std::unexpected{error};
    }
  }
  const bool made = ::mkdirat(folder_.get(), name.c_str(), mode & rights) == 0;
  if (!made && errno != EEXIST)
    return std::unexpected{file_error(folder_.get(), Error::last("mkdir"), path_of(name), Bytes{})};
  auto folder = open_below(name, mode);
  if (folder) folder->is_new_ = made;
  if (!folder || (mode & rights_of_others) == 0) return folder;
  if (auto wide = widen(folder->descriptor(), mode, path_of(name)); !wide) return std::unexpected{wide.error()};
  return folder;
}

Result<UniqueFd> SharedFolder::make_file(Bytes size, mode_t mode) const {
  const auto failed = [&](Error error) {
    return std::unexpected{file_error(folder_.get(), std::move(error), path_, size)};
  };
  UniqueFd file{
      retry_interrupted([&] { return ::openat(folder_.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode & rights); })};
  if (!file.valid()) return failed(Error::last("open O_TMPFILE"));
  if (retry_interrupted([&] { return ::fchmod(file.get(), mode & rights); }) < 0) return failed(Error::last("fchmod"));
  const Bytes page{static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))};
  if (auto allocated = allocate_memory(file.get(), size, page, path_); !allocated) return failed(allocated.error());
  return file;
}

Result<void> SharedFolder::publish(int file, const std::string& name) const {
  const std::string nameless = "/proc/self/fd/" + std::to_string(file);
  if (::linkat(AT_FDCWD, nameless.c_str(), folder_.get(), name.c_str(), AT_SYMLINK_FOLLOW) < 0)
    return std::unexpected{file_error(folder_.get(), Error::last("linkat"), path_of(name), Bytes{})};
  return {};
}

Result<void> SharedFolder::replace(int file, const std::string& name) const {
  const std::string beside = name + ".new";
  ::unlinkat(folder_.get(), beside.c_str(), 0);
  if (auto published = publish(file, beside); !published) return published;
  if (::renameat(folder_.get(), beside.c_str(), folder_.get(), name.c_str()) < 0) {
    const Error failed = Error::last("rename", path_of(name));
    ::unlinkat(folder_.get(), beside.c_str(), 0);
    return std::unexpected{failed};
  }
  return {};
}

Result<UniqueFd> SharedFolder::open_file(const std::string& name, FileAccess access) const {
  const int flags =
      (access == FileAccess::read_only ? O_RDONLY : O_RDWR) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  UniqueFd file{retry_interrupted([&] { return ::openat(folder_.get(), name.c_str(), flags); })};
  if (!file.valid()) return std::unexpected{Error::last("open", path_of(name))};
  if (auto good = check_file(file.get(), path_of(name)); !good) return std::unexpected{good.error()};
  return file;
}

Result<void> SharedFolder::remove(const std::string& name) const {
  if (::unlinkat(folder_.get(), name.c_str(), 0) < 0) return std::unexpected{Error::last("unlink", path_of(name))};
  return {};
}

Result<bool> SharedFolder::remove_if_same(const std::string& name, int file) const {
  const RemoversLock alone{file};
  if (!alone.held()) return false;
  struct stat named{};
  struct stat opened{};
  if (::fstatat(folder_.get(), name.c_str(), &named, AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno == ENOENT) return false;
    return std::unexpected{Error::last("stat", path_of(name))};
  }
  if (::fstat(file, &opened) < 0) return std::unexpected{Error::last("fstat", path_of(name))};
  if (named.st_dev != opened.st_dev || named.st_ino != opened.st_ino) return false;
  if (auto removed = remove(name); !removed) {
    if (removed.error().code() == ENOENT) return false;
    return std::unexpected{removed.error()};
  }
  return true;
}

Result<void> SharedFolder::remove_folder(const std::string& name) const {
  if (::unlinkat(folder_.get(), name.c_str(), AT_REMOVEDIR) < 0)
    return std::unexpected{Error::last("rmdir", path_of(name))};
  return {};
}

/// By a description of its own: the position in the directory and its locks are shared by all copies of one.
Result<UniqueFd> SharedFolder::open_again() const {
  UniqueFd again{retry_interrupted([&] { return ::openat(folder_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); })};
  if (!again.valid()) return std::unexpected{Error::last("open", path_)};
  return again;
}

FolderLock::FolderLock(FileLock lock) noexcept : lock_{std::move(lock)}, owner_{::getpid()} {}

bool FolderLock::is_alone_now() noexcept {
  if (!lock_.held() || ::flock(lock_.descriptor(), LOCK_EX | LOCK_NB) < 0) return false;
  struct stat status{};
  return ::fstat(lock_.descriptor(), &status) == 0 && status.st_nlink > 0;
}

FolderLock::~FolderLock() {
  if (lock_.held() && ::getpid() == owner_) (void)::flock(lock_.descriptor(), LOCK_UN);
}

Result<Outcome<FolderLock, TimedOut>> SharedFolder::lock(LockMode mode, Deadline deadline) const {
  auto again = open_again();
  if (!again) return std::unexpected{again.error()};
  auto locked = FileLock::acquire(std::move(*again), mode, deadline);
  if (!locked) return std::unexpected{std::move(locked.error()).with_object(path_)};
  if (locked->is<TimedOut>()) return TimedOut{};
  return FolderLock{std::move(*locked).as<FileLock>()};
}

Result<void> SharedFolder::for_each(const std::function<bool(const char* name, FileType type)>& found) const {
  auto again = open_again();
  if (!again) return std::unexpected{again.error()};
  auto listing = Directory::adopt(std::move(*again));
  if (!listing) return std::unexpected{listing.error()};
  return listing->for_each(found);
}

}  // namespace ginnel
