#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"

namespace ginnel {

enum class FileType { unknown, none, regular, directory, symlink, fifo, socket, character_device, block_device };

/// What statx(2) tells of a file.
struct FileStatus {
  std::uint64_t device = 0;  ///< as makedev(3) puts it together
  std::uint64_t inode = 0;
  FileType type = FileType::unknown;  ///< none: an anonymous inode (eventfd, epoll, …)
  std::uint32_t mode = 0;             ///< permission bits, with set-id and sticky bits
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  std::uint32_t links = 0;
  std::uint64_t size = 0;       ///< bytes
  std::uint64_t allocated = 0;  ///< bytes of storage
  std::chrono::sys_time<std::chrono::nanoseconds> changed{};
  std::optional<std::chrono::sys_time<std::chrono::nanoseconds>> born{};
};

/// `/proc/PID/maps` and the like print devices as MAJOR:MINOR in hexadecimal; FileStatus has them in one number.
[[nodiscard]] std::uint64_t device_number(std::uint32_t major, std::uint32_t minor) noexcept;

enum class Follow { no, yes };

/// An open directory from which others are reached by relative paths: what is below stays what it was when the tree above is
/// moved. Reads only. Thread-safe apart from moves and for_each. Source: openat(2), getdents64(2), statx(2), readlinkat(2).
class [[nodiscard]] Directory {
 public:
  /// Errors: ENOENT, ENOTDIR, EACCES, ESRCH (of a process that has gone), EMFILE, ENFILE.
  [[nodiscard]] static Result<Directory> open(const char* path);
  [[nodiscard]] static Result<Directory> adopt(UniqueFd directory);  ///< errors: ENOTDIR, EBADF
  [[nodiscard]] Result<Directory> open_below(const char* path) const;

  /// Calls `found` with each name but `.` and `..`, until it returns false; the type is `unknown` where the file system keeps none with
  /// the name. Errors: ENOENT, ESRCH (removed meanwhile), EACCES.
  [[nodiscard]] Result<void> for_each(const std::function<bool(const char* name, FileType type)>& found);

  /// Puts the content of a file into `text`, whose memory is used again; for files of /proc, /sys and the like, whose size is
  /// not known before, and never for what could block (FIFOs and devices are opened O_NONBLOCK).
  /// Errors: as open, EISDIR, EFBIG (longer than `limit` bytes: the text is cut there).
  [[nodiscard]] Result<void> read_file(const char* path, std::string& text, std::size_t limit = 64U << 20U) const;
  /// Opens a file for reading, under the same cautions. Errors: as open.
  [[nodiscard]] Result<UniqueFd> open_file(const char* path) const;
  /// Opens a regular file of another user's folder for reading. Whatever else its owner puts there is not opened at all: neither a
  /// link nor what it leads to, no FIFO, no device. Errors: ELOOP (a symbolic link), EINVAL (no regular file), as open.
  [[nodiscard]] Result<UniqueFd> open_regular_file(const char* name) const;
  /// Puts the target of a symbolic link into `text`. Errors: EINVAL (none), ENOENT, ESRCH, EACCES.
  [[nodiscard]] Result<void> read_link(const char* path, std::string& text) const;
  /// What the file system has cached is enough (AT_STATX_DONT_SYNC): a file server that is down holds nobody up, and nothing is mounted for it.
  [[nodiscard]] Result<FileStatus> status(const char* path, Follow follow) const;

  /// A hash of the file's handle, in which its generation counts: two files of one inode number, one after the other or in two
  /// file systems of the kernel's own, differ. Never 0. Errors: EOPNOTSUPP (the file system has no handles), EPERM, as status().
  /// Source: name_to_handle_at(2).
  [[nodiscard]] Result<std::uint64_t> handle(const char* path) const;

  [[nodiscard]] int descriptor() const noexcept { return directory_.get(); }
  /// The descriptor, of which the caller is the owner from then on.
  [[nodiscard]] UniqueFd release() && noexcept { return std::move(directory_); }

 private:
  explicit Directory(UniqueFd directory) noexcept : directory_{std::move(directory)} {}
  UniqueFd directory_;
};

/// Puts what a descriptor gives up to its end into `text`, whose memory is used again. Errors: as Directory::read_file.
[[nodiscard]] Result<void> read_text(int fd, std::string& text, std::size_t limit = 64U << 20U);

/// Reads from an offset on, into all of `bytes` or up to the end of the file, and tells how many came; the position of the
/// descriptor stays. Of memory that others shrink fewer come, and never SIGBUS. Errors: ESPIPE, EISDIR, EIO. Source: pread(2).
[[nodiscard]] Result<std::size_t> read_at(int fd, std::uint64_t offset, std::span<std::byte> bytes);

/// The status of an open descriptor. Errors: EBADF.
[[nodiscard]] Result<FileStatus> file_status(int fd);

}  // namespace ginnel
