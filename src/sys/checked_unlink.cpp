#include "ginnel/sys/checked_unlink.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "ginnel/sys/file_lock.hpp"

namespace ginnel {
namespace {

struct Place {
  std::string folder;
  std::string name;
};

Place split(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

enum class Lease { granted, in_use, not_allowed };

Lease take_lease(int file) noexcept {
  // An opener who breaks the lease is told of by a signal: not by SIGIO, which would end us, but by one that is ignored unless handled.
  if (::fcntl(file, F_SETSIG, SIGURG) < 0) return Lease::not_allowed;
  if (::fcntl(file, F_SETLEASE, F_WRLCK) == 0) return Lease::granted;
  return errno == EAGAIN ? Lease::in_use : Lease::not_allowed;
}

}  // namespace

std::uint64_t file_generation(const FileStatus& status) noexcept {
  return static_cast<std::uint64_t>(status.born.value_or(status.changed).time_since_epoch().count());
}

FileIdentity file_identity(const FileStatus& status) noexcept {
  return {.device = status.device, .inode = status.inode, .generation = file_generation(status)};
}

Result<Outcome<Done, NameGone, NameChanged, FileInUse>> unlink_checked(const std::string& path,
                                                                       const FileIdentity& expected,
                                                                       Deadline deadline) {
  const Place place = split(path);
  auto folder = Directory::open(place.folder.c_str());
  if (!folder && folder.error().code() == ENOENT) return NameGone{};
  if (!folder) return std::unexpected{folder.error()};
  auto own = folder->open_below(".");
  if (!own) return std::unexpected{own.error()};
  const auto alone = FileLock::acquire(std::move(*own).release(), LockMode::exclusive, deadline);
  if (!alone) return std::unexpected{alone.error()};
  if (alone->is<TimedOut>())
    return std::unexpected{Error{ETIMEDOUT, "flock", place.folder, "somebody else is removing things there"}};

  const auto status = folder->status(place.name.c_str(), Follow::no);
  if (!status && status.error().code() == ENOENT) return NameGone{};
  if (!status) return std::unexpected{status.error()};
  if (file_identity(*status) != expected) return NameChanged{};

  UniqueFd file;  // the lease goes with it
  if (status->type == FileType::regular) {
    file = UniqueFd{::openat(folder->descriptor(), place.name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)};
    if (file.valid()) {
      const auto opened = file_status(file.get());
      if (!opened || file_identity(*opened) != expected) return NameChanged{};
      if (take_lease(file.get()) == Lease::in_use) return FileInUse{};
    }
  }
  if (::unlinkat(folder->descriptor(), place.name.c_str(), 0) < 0) {
    if (errno == ENOENT) return NameGone{};
    return std::unexpected{Error::last("unlink", path)};
  }
  return Done{};
}

}  // namespace ginnel
