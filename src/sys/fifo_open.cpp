#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <utility>

#include "fifo_inode.hpp"
#include "ginnel/sys/fifo.hpp"
#include "path_hint.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

constexpr std::chrono::milliseconds longest_pause{5};

/// Never waits: O_NONBLOCK. -1 with ENXIO for a writer where there is no reader.
UniqueFd open_now(const FifoInode& inode, const std::string& path, int direction) {
  const int flags = direction | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  UniqueFd fd{retry_interrupted([&] { return ::open(inode.proc_path().c_str(), flags); })};
  if (fd.valid() || errno != ENOENT || ::access("/proc/self/fd", F_OK) == 0) return fd;
  // No /proc here: by name, and what came is compared with what was checked.
  fd = UniqueFd{retry_interrupted([&] { return ::open(path.c_str(), flags | O_NOFOLLOW); })};
  struct stat status{};
  if (fd.valid() && (::fstat(fd.get(), &status) < 0 || status.st_ino != inode.status.st_ino ||
                     status.st_dev != inode.status.st_dev)) {
    fd.reset();
    errno = ENOENT;
  }
  return fd;
}

}  // namespace

Result<UniqueFd> open_fifo_reader(const std::string& path) {
  auto inode = FifoInode::look_up(path, "open fifo");
  if (!inode) return std::unexpected{inode.error()};
  UniqueFd fd = open_now(*inode, path, O_RDONLY);
  if (!fd.valid()) return std::unexpected{last_path_error("open fifo", path)};
  return fd;
}

Result<Outcome<UniqueFd, TimedOut>> open_fifo_writer(const std::string& path, Deadline deadline) {
  auto inode = FifoInode::look_up(path, "open fifo");
  if (!inode) return std::unexpected{inode.error()};
  // inotify(7) would not tell: a reader in a blocking open(2) waits there for us, and IN_OPEN comes only when that returns.
  Backoff backoff{longest_pause};
  while (true) {
    UniqueFd fd = open_now(*inode, path, O_WRONLY);
    if (fd.valid()) return fd;
    if (errno != ENXIO) return std::unexpected{last_path_error("open fifo", path)};
    if (deadline.passed()) return TimedOut{};
    backoff.pause(deadline);
  }
}

}  // namespace ginnel
