#include "ginnel/sys/directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>

#include "system_call.hpp"

namespace ginnel {
namespace {

constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

FileType type_of(unsigned mode) noexcept {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return FileType::regular;
    case S_IFDIR:
      return FileType::directory;
    case S_IFLNK:
      return FileType::symlink;
    case S_IFIFO:
      return FileType::fifo;
    case S_IFSOCK:
      return FileType::socket;
    case S_IFCHR:
      return FileType::character_device;
    case S_IFBLK:
      return FileType::block_device;
    default:
      return FileType::none;
  }
}

FileType type_of(const dirent64& entry) noexcept {
  return entry.d_type == DT_UNKNOWN ? FileType::unknown : type_of(static_cast<unsigned>(DTTOIF(entry.d_type)));
}

std::chrono::sys_time<std::chrono::nanoseconds> to_time(const statx_timestamp& stamp) noexcept {
  return std::chrono::sys_time<std::chrono::nanoseconds>{std::chrono::seconds{stamp.tv_sec} +
                                                         std::chrono::nanoseconds{stamp.tv_nsec}};
}

Result<FileStatus> status_at(int directory, const char* path, int flags) {
  struct statx raw{};
  constexpr unsigned wanted = STATX_BASIC_STATS | STATX_BTIME;
  if (::statx(directory, path, flags | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, wanted, &raw) < 0)
    return std::unexpected{Error::last("statx", path)};
  FileStatus status;
  status.device = device_number(raw.stx_dev_major, raw.stx_dev_minor);
  status.inode = raw.stx_ino;
  status.type = type_of(raw.stx_mode);
  status.mode = raw.stx_mode & 07777U;
  status.user = raw.stx_uid;
  status.group = raw.stx_gid;
  status.links = raw.stx_nlink;
  status.size = raw.stx_size;
  status.allocated = raw.stx_blocks * 512;
  status.changed = to_time(raw.stx_ctime);
  if ((raw.stx_mask & STATX_BTIME) != 0) status.born = to_time(raw.stx_btime);
  return status;
}

bool is_dot_name(const char* name) noexcept { return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0; }

}  // namespace

std::uint64_t device_number(std::uint32_t major, std::uint32_t minor) noexcept { return makedev(major, minor); }

Result<Directory> Directory::open(const char* path) {
  UniqueFd directory{::open(path, directory_flags)};
  if (!directory.valid()) return std::unexpected{Error::last("open", path)};
  return Directory{std::move(directory)};
}

Result<Directory> Directory::adopt(UniqueFd directory) {
  const auto status = status_at(directory.get(), "", AT_EMPTY_PATH);
  if (!status) return std::unexpected{status.error()};
  if (status->type != FileType::directory) return std::unexpected{Error{ENOTDIR, "open", "descriptor"}};
  return Directory{std::move(directory)};
}

Result<Directory> Directory::open_below(const char* path) const {
  UniqueFd directory{::openat(directory_.get(), path, directory_flags)};
  if (!directory.valid()) return std::unexpected{Error::last("openat", path)};
  return Directory{std::move(directory)};
}

Result<void> Directory::for_each(const std::function<bool(const char* name, FileType type)>& found) {
  if (::lseek(directory_.get(), 0, SEEK_SET) < 0) return std::unexpected{Error::last("lseek", "directory")};
  alignas(dirent64) std::array<char, 16384>
      entries;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by the kernel
  while (true) {
    const ssize_t got = ::getdents64(directory_.get(), entries.data(), entries.size());
    if (got < 0) return std::unexpected{Error::last("getdents64", "directory")};
    if (got == 0) return {};
    for (ssize_t at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const dirent64*>(entries.data() + at);
      at += entry->d_reclen;
      const char* name = &entry->d_name[0];
      if (!is_dot_name(name) && !found(name, type_of(*entry))) return {};
    }
  }
}

Result<UniqueFd> Directory::open_file(const char* path) const {
  UniqueFd file{::openat(directory_.get(), path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (!file.valid()) return std::unexpected{Error::last("openat", path)};
  return file;
}

Result<UniqueFd> Directory::open_regular_file(const char* name) const {
  const UniqueFd place{::openat(directory_.get(), name, O_PATH | O_NOFOLLOW | O_CLOEXEC)};
  if (!place.valid()) return std::unexpected{Error::last("openat", name)};
  const auto status = status_at(place.get(), "", AT_EMPTY_PATH);
  if (!status) return std::unexpected{status.error()};
  if (status->type == FileType::symlink) return std::unexpected{Error{ELOOP, "openat", name, "it is a symbolic link"}};
  if (status->type != FileType::regular) return std::unexpected{Error{EINVAL, "openat", name, "it is no regular file"}};
  const std::string same = "/proc/self/fd/" + std::to_string(place.get());
  UniqueFd file{::open(same.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (!file.valid()) return std::unexpected{Error::last("openat", name)};
  return file;
}

Result<void> Directory::read_file(const char* path, std::string& text, std::size_t limit) const {
  text.clear();
  const auto file = open_file(path);
  if (!file) return std::unexpected{file.error()};
  auto read = read_text(file->get(), text, limit);
  if (!read) return std::unexpected{std::move(read.error()).with_object(path)};
  return read;
}

Result<void> Directory::read_link(const char* path, std::string& text) const {
  text.resize(std::max<std::size_t>(text.capacity(), 64));
  while (true) {
    const ssize_t length = ::readlinkat(directory_.get(), path, text.data(), text.size());
    if (length < 0) {
      const Error failed = Error::last("readlinkat", path);
      text.clear();
      return std::unexpected{failed};
    }
    const auto filled = static_cast<std::size_t>(length);
    if (filled < text.size()) {
      text.resize(filled);
      return {};
    }
    text.resize(2 * text.size());
  }
}

Result<FileStatus> Directory::status(const char* path, Follow follow) const {
  return status_at(directory_.get(), path, follow == Follow::yes ? 0 : AT_SYMLINK_NOFOLLOW);
}

Result<std::uint64_t> Directory::handle(const char* path) const {
  alignas(file_handle) std::array<unsigned char, sizeof(file_handle) + MAX_HANDLE_SZ> bytes{};
  auto* const handle = reinterpret_cast<file_handle*>(bytes.data());
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  if (::name_to_handle_at(directory_.get(), path, handle, &mount, AT_SYMLINK_FOLLOW) < 0)
    return std::unexpected{Error::last("name_to_handle_at", path)};
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  for (const unsigned char byte : std::span{bytes}.subspan(sizeof(file_handle), handle->handle_bytes))
    hash = (hash ^ byte) * 0x100000001b3U;
  return hash == 0 ? 1 : hash;
}

Result<void> read_text(int fd, std::string& text, std::size_t limit) {
  std::array<char, 16384> chunk;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by the kernel
  ssize_t got = 0;
  text.clear();
  do {
    got = retry_interrupted([&] { return ::read(fd, chunk.data(), chunk.size()); });
    if (got < 0) {
      const Error failed = Error::last("read");
      text.clear();
      return std::unexpected{failed};
    }
    text.append(chunk.data(), static_cast<std::size_t>(got));
  } while (got > 0 && text.size() <= limit);
  if (text.size() <= limit) return {};
  text.resize(limit);
  return std::unexpected{Error{EFBIG, "read"}};
}

Result<std::size_t> read_at(int fd, std::uint64_t offset, std::span<std::byte> bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = retry_interrupted(
        [&] { return ::pread(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done)); });
    if (got < 0) return std::unexpected{Error::last("pread")};
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

Result<FileStatus> file_status(int fd) { return status_at(fd, "", AT_EMPTY_PATH); }

}  // namespace ginnel
