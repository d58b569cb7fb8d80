#include <fcntl.h>
#include <linux/magic.h>
#include <mqueue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <string>
#include <utility>

#include "ginnel/sys/io.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

std::string name_of(int fd) { return "fd " + std::to_string(fd); }

/// What /proc calls the open file: `anon_inode:[eventfd]`, `/memfd:name (deleted)`, `pipe:[123]`.
Result<std::string> proc_link(int fd) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  std::array<char, PATH_MAX> target{};
  const auto length = ::readlink(path.c_str(), target.data(), target.size());
  if (length < 0) return std::unexpected{Error::last("readlink", path)};
  return std::string{target.data(), static_cast<std::size_t>(length)};
}

DescriptorKind kind_of_socket(int fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  const bool known = ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0;
  return known && domain == AF_UNIX ? DescriptorKind::unix_socket : DescriptorKind::other_socket;
}

/// Only a queue of mqueue_open(2) answers; no file system is asked.
bool is_posix_queue(int fd) noexcept {
  mq_attr attributes{};
  return ::mq_getattr(fd, &attributes) == 0;
}

/// A namespace or a process: the files of the kernel itself, which lie in no directory.
Result<DescriptorKind> kind_of_kernel_file(int fd) {
  struct statfs fs{};
  if (retry_interrupted([&] { return ::fstatfs(fd, &fs); }) < 0)
    return std::unexpected{Error::last("fstatfs", name_of(fd))};
  if (fs.f_type == NSFS_MAGIC) return DescriptorKind::namespace_file;
  constexpr long pidfs_magic = 0x50494446;
  return fs.f_type == pidfs_magic ? DescriptorKind::pidfd : DescriptorKind::regular_file;
}

/// What a file in a directory is, told without a question to its file system: that one may be the sender's own process (fuse(4)), which
/// need not answer. Only files of a tmpfs let their seals be read, whatever their names say.
Result<DescriptorKind> kind_of_regular_file(int fd) {
  auto link = proc_link(fd);
  if (!link) return std::unexpected{link.error()};
  if (!link->starts_with('/')) return kind_of_kernel_file(fd);
  if (is_posix_queue(fd)) return DescriptorKind::posix_queue;
  const bool memfd = link->starts_with("/memfd:");
  if (!memfd && !link->starts_with("/dev/shm/")) return DescriptorKind::regular_file;
  if (::fcntl(fd, F_GET_SEALS) >= 0) return memfd ? DescriptorKind::memfd : DescriptorKind::posix_shm;
  if (errno == EINVAL) return DescriptorKind::regular_file;
  return std::unexpected{Error::last("fcntl F_GET_SEALS", name_of(fd))};
}

/// The link of an unnamed pipe is no path, and a FIFO's is.
Result<DescriptorKind> kind_of_pipe(int fd) {
  auto link = proc_link(fd);
  if (!link) return std::unexpected{link.error()};
  return link->starts_with("pipe:[") ? DescriptorKind::pipe : DescriptorKind::fifo;
}

Result<DescriptorKind> kind_of_anonymous_inode(int fd) {
  auto link = proc_link(fd);
  if (!link) return std::unexpected{link.error()};
  constexpr std::array names{
      std::pair{"anon_inode:[eventfd]", DescriptorKind::eventfd},
      std::pair{"anon_inode:[eventpoll]", DescriptorKind::epoll},
      std::pair{"anon_inode:[signalfd]", DescriptorKind::signalfd},
      std::pair{"anon_inode:[timerfd]", DescriptorKind::timerfd},
      std::pair{"anon_inode:[pidfd]", DescriptorKind::pidfd},
      std::pair{"anon_inode:inotify", DescriptorKind::inotify},
  };
  for (const auto& [name, kind] : names)
    if (*link == name) return kind;
  return DescriptorKind::other;
}

}  // namespace

Result<DescriptorKind> descriptor_kind(int fd) {
  struct statx status{};
  if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status) < 0)
    return std::unexpected{Error::last("statx", name_of(fd))};
  switch (status.stx_mode & S_IFMT) {
    case S_IFDIR:
      return DescriptorKind::directory;
    case S_IFLNK:
      return DescriptorKind::symlink;
    case S_IFCHR:
      return DescriptorKind::character_device;
    case S_IFBLK:
      return DescriptorKind::block_device;
    case S_IFIFO:
      return kind_of_pipe(fd);
    case S_IFSOCK:
      return kind_of_socket(fd);
    case S_IFREG:
      return kind_of_regular_file(fd);
    default:
      return kind_of_anonymous_inode(fd);
  }
}

std::string_view to_string(DescriptorKind kind) noexcept {
  switch (kind) {
    case DescriptorKind::regular_file:
      return "file";
    case DescriptorKind::directory:
      return "directory";
    case DescriptorKind::symlink:
      return "symlink";
    case DescriptorKind::character_device:
      return "character device";
    case DescriptorKind::block_device:
      return "block device";
    case DescriptorKind::pipe:
      return "pipe";
    case DescriptorKind::fifo:
      return "fifo";
    case DescriptorKind::unix_socket:
      return "unix socket";
    case DescriptorKind::other_socket:
      return "socket";
    case DescriptorKind::memfd:
      return "memfd";
    case DescriptorKind::posix_shm:
      return "posix shm";
    case DescriptorKind::posix_queue:
      return "posix queue";
    case DescriptorKind::eventfd:
      return "eventfd";
    case DescriptorKind::epoll:
      return "epoll";
    case DescriptorKind::signalfd:
      return "signalfd";
    case DescriptorKind::timerfd:
      return "timerfd";
    case DescriptorKind::pidfd:
      return "pidfd";
    case DescriptorKind::inotify:
      return "inotify";
    case DescriptorKind::namespace_file:
      return "namespace";
    case DescriptorKind::other:
      return "other";
  }
  return "other";
}

}  // namespace ginnel
