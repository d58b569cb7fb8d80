#include "ginnel/sys/posix_shm.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <string_view>

#include "memory_file.hpp"
#include "posix_name.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

// Where the C libraries keep these names. The calls here go to the folder itself, because shm_open(3) can neither make a
// name appear with its memory nor be kept from waiting for the writer of a FIFO that stands in its way.
constexpr const char* folder = "/dev/shm";

Result<std::string> path_of(std::string_view operation, const std::string& name) {
  if (auto good = check_posix_name(operation, name, NAME_MAX); !good) return std::unexpected{good.error()};
  return folder + name;
}

std::string octal(mode_t mode) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04o", mode & 07777U);
  return text.data();
}

std::string space_hint(Bytes wanted) {
  struct statvfs fs{};
  if (retry_interrupted([&] { return ::statvfs(folder, &fs); }) < 0) return {};
  const Bytes free{static_cast<std::uint64_t>(fs.f_bavail) * fs.f_frsize};
  const Bytes total{static_cast<std::uint64_t>(fs.f_blocks) * fs.f_frsize};
  std::string hint =
      wanted.to_string() + " wanted, " + free.to_string() + " free of the " + total.to_string() + " of " + folder;
  if (fs.f_files != 0 && fs.f_ffree == 0) hint += ", and all its " + std::to_string(fs.f_files) + " inodes are used";
  return hint + "; remove what nobody uses there, or give it more: mount -o remount,size=";
}

std::string creation_hint(int code, Bytes size) {
  switch (code) {
    case ENOSPC:
      return space_hint(size);
    case EEXIST:
      return "it exists already; open it, or unlink it when nobody uses it";
    case ENOMEM:
      return memory_hint(size);
    case EOPNOTSUPP:
    case EISDIR:
      return std::string{folder} + " is not a tmpfs; mount one there";
    default:
      return {};
  }
}

Error creation_error(Error error, const std::string& name, Bytes size) {
  if (error.hint().empty()) {
    const std::string hint = creation_hint(error.code(), size);
    error = std::move(error).with_hint(hint);
  }
  return std::move(error).with_object(name);
}

/// What the caller may know of an object that it may not open.
std::string access_hint(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) < 0) return {};
  return "it belongs to uid " + std::to_string(status.st_uid) + " and has mode " + octal(status.st_mode);
}

Result<void> check_opened(int fd, const std::string& name, std::optional<uid_t> expected_owner) {
  struct stat status{};
  if (::fstat(fd, &status) < 0) return std::unexpected{Error::last("fstat", name)};
  const auto refuse = [&](int code, std::string_view why) {
    return std::unexpected{Error{code, "shm_open", name, why}};
  };

  if (!S_ISREG(status.st_mode))
    return refuse(EINVAL, "what has this name is no shared memory, and no regular file at all");
  if (expected_owner && status.st_uid != *expected_owner)
    return refuse(EPERM, "it belongs to uid " + std::to_string(status.st_uid) + ", not to uid " +
                             std::to_string(*expected_owner) + ": somebody else took the name");
  if (status.st_nlink == 0) return refuse(ENOENT, "it was unlinked while it was being opened");
  if (status.st_nlink > 1)
    return refuse(EPERM, "it has " + std::to_string(status.st_nlink) +
                             " hard links: it is another file too, which somebody may have put here");
  return {};
}

/// What shm_open(3) makes is empty until ftruncate(2): whoever stopped in between, or took the name and no more, left nothing to map.
Result<Bytes> size_to_map(int fd, const std::string& name) {
  struct stat status{};
  if (::fstat(fd, &status) < 0) return std::unexpected{Error::last("fstat", name)};
  if (status.st_size > 0) return Bytes{static_cast<std::uint64_t>(status.st_size)};
  return std::unexpected{Error{EINVAL, "mmap", name,
                               "it is empty: uid " + std::to_string(status.st_uid) +
                                   ", whose it is, has not given it a size (ftruncate), or has only taken the name"}};
}

}  // namespace

Result<PosixShm> PosixShm::create(const std::string& name, Bytes size, mode_t mode) {
  auto path = path_of("shm_open", name);
  if (!path) return std::unexpected{path.error()};
  const auto failed = [&](Error error) { return std::unexpected{creation_error(std::move(error), name, size)}; };

  UniqueFd file{retry_interrupted([&] { return ::open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, mode & 0777U); })};
  if (!file.valid()) return failed(Error::last("open O_TMPFILE"));
  if (retry_interrupted([&] { return ::fchmod(file.get(), mode & 0777U); }) < 0) return failed(Error::last("fchmod"));
  const Bytes page{static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))};
  if (auto allocated = allocate_memory(file.get(), size, page, name); !allocated) return failed(allocated.error());

  const std::string nameless = "/proc/self/fd/" + std::to_string(file.get());
  if (::linkat(AT_FDCWD, nameless.c_str(), AT_FDCWD, path->c_str(), AT_SYMLINK_FOLLOW) < 0)
    return failed(Error::last("linkat"));
  return PosixShm{std::move(file), name};
}

Result<PosixShm> PosixShm::open(const std::string& name, Access access, std::optional<uid_t> expected_owner) {
  auto path = path_of("shm_open", name);
  if (!path) return std::unexpected{path.error()};
  const int flags = (access == Access::read_only ? O_RDONLY : O_RDWR) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  UniqueFd file{retry_interrupted([&] { return ::open(path->c_str(), flags); })};
  if (!file.valid()) {
    Error error = Error::last("shm_open", name);
    std::string hint;
    if (error.code() == ELOOP) hint = "it is a symbolic link, which is never followed here";
    if (error.code() == EACCES) hint = access_hint(*path);
    return std::unexpected{std::move(error).with_hint(hint)};
  }
  if (auto checked = check_opened(file.get(), name, expected_owner); !checked) return std::unexpected{checked.error()};
  return PosixShm{std::move(file), name};
}

Result<void> PosixShm::unlink(const std::string& name) {
  auto path = path_of("shm_unlink", name);
  if (!path) return std::unexpected{path.error()};
  if (::shm_unlink(name.c_str()) == 0) return {};
  Error error = Error::last("shm_unlink", name);
  if (error.code() != EACCES) return std::unexpected{std::move(error)};
  const std::string hint = access_hint(*path) + "; only its owner or root may unlink it";
  return std::unexpected{std::move(error).with_hint(hint)};
}

Result<Bytes> PosixShm::size() const { return file_size(file_.get(), name_); }

Result<ReadOnlyMapping> PosixShm::map_read_only() const {
  auto whole = size_to_map(file_.get(), name_);
  if (!whole) return std::unexpected{whole.error()};
  auto mapping = ReadOnlyMapping::map(file_.get(), *whole);
  if (!mapping) return std::unexpected{std::move(mapping.error()).with_object(name_)};
  return mapping;
}

Result<ReadWriteMapping> PosixShm::map_read_write() const {
  auto whole = size_to_map(file_.get(), name_);
  if (!whole) return std::unexpected{whole.error()};
  auto mapping = ReadWriteMapping::map(file_.get(), *whole);
  if (!mapping) return std::unexpected{std::move(mapping.error()).with_object(name_)};
  return mapping;
}

}  // namespace ginnel
