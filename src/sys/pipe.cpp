#include "ginnel/sys/pipe.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <string>

namespace ginnel {
namespace {

std::string name_of(int fd) { return "fd " + std::to_string(fd); }

std::string capacity_hint(int code, Bytes wanted) {
  if (code == EPERM)
    return wanted.to_string() +
           " is more than /proc/sys/fs/pipe-max-size allows without CAP_SYS_RESOURCE, or this user's pipes " +
           "hold more than /proc/sys/fs/pipe-user-pages-soft pages already";
  if (code == EBUSY) return "the pipe holds more than " + wanted.to_string() + " now; read some of it first";
  return {};
}

}  // namespace

Result<Pipe> Pipe::create(PipeOptions options) {
  int flags = O_CLOEXEC;
  if (options.nonblocking) flags |= O_NONBLOCK;
  if (options.packets) flags |= O_DIRECT;

  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), flags) < 0) return std::unexpected{Error::last("pipe2")};
  return Pipe{UniqueFd{fds[0]}, UniqueFd{fds[1]}};
}

Result<Bytes> pipe_capacity(int fd) {
  const int capacity = ::fcntl(fd, F_GETPIPE_SZ);
  if (capacity < 0) return std::unexpected{Error::last("fcntl F_GETPIPE_SZ", name_of(fd))};
  return Bytes{static_cast<std::uint64_t>(capacity)};
}

Result<Bytes> set_pipe_capacity(int fd, Bytes capacity) {
  // The kernel takes an int: anything larger is over every limit, and must not wrap into something small.
  const auto wanted = static_cast<int>(std::min<std::uint64_t>(capacity.count(), INT_MAX));
  const int given = ::fcntl(fd, F_SETPIPE_SZ, wanted);
  if (given < 0) {
    Error error = Error::last("fcntl F_SETPIPE_SZ", name_of(fd));
    const std::string hint = capacity_hint(error.code(), capacity);
    return std::unexpected{std::move(error).with_hint(hint)};
  }
  return Bytes{static_cast<std::uint64_t>(given)};
}

Result<Bytes> pipe_bytes_waiting(int fd) {
  int waiting = 0;
  if (::ioctl(fd, FIONREAD, &waiting) < 0) return std::unexpected{Error::last("ioctl FIONREAD", name_of(fd))};
  return Bytes{static_cast<std::uint64_t>(waiting)};
}

}  // namespace ginnel
