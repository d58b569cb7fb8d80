#include "ginnel/sys/foreign_descriptor.hpp"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>

#include "system_call.hpp"

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020  // Linux 6.3, newer than the headers of Debian 12
#endif

namespace ginnel {
namespace {

Error foreign_error(std::string_view operation, pid_t pid) {
  const Error error = Error::last(operation, "pid " + std::to_string(pid));
  if (error.code() != EPERM && error.code() != EACCES) return error;
  return Error{error}.with_hint(
      "it belongs to another user, or kernel.yama.ptrace_scope forbids it: needs CAP_SYS_PTRACE");
}

Result<long> compare_in_kernel(pid_t a, pid_t b, int what, unsigned long index_a, unsigned long index_b) {
  const long order = ::syscall(SYS_kcmp, a, b, what, index_a, index_b);
  if (order < 0) return std::unexpected{foreign_error("kcmp", a)};
  return order;
}

}  // namespace

Result<UniqueFd> copy_descriptor(const Process& process, int fd) {
  UniqueFd copy{static_cast<int>(::syscall(SYS_pidfd_getfd, process.pollable(), fd, 0))};
  if (!copy.valid()) return std::unexpected{foreign_error("pidfd_getfd", process.pid())};
  return copy;
}

Result<UniqueFd> copy_descriptor_of_thread(pid_t tid, int fd) {
  constexpr unsigned of_a_thread = O_EXCL;  // PIDFD_THREAD
  const UniqueFd thread{static_cast<int>(::syscall(SYS_pidfd_open, tid, of_a_thread))};
  if (!thread.valid()) return std::unexpected{foreign_error("pidfd_open", tid)};
  UniqueFd copy{static_cast<int>(::syscall(SYS_pidfd_getfd, thread.get(), fd, 0))};
  if (!copy.valid()) return std::unexpected{foreign_error("pidfd_getfd", tid)};
  return copy;
}

Result<PipeStatus> pipe_status(int fd) {
  const int capacity = ::fcntl(fd, F_GETPIPE_SZ);
  if (capacity < 0) return std::unexpected{Error::last("fcntl F_GETPIPE_SZ")};
  int waiting = 0;
  if (::ioctl(fd, FIONREAD, &waiting) < 0) return std::unexpected{Error::last("ioctl FIONREAD")};
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return std::unexpected{Error::last("fcntl F_GETFL")};

  PipeStatus status{
      .waiting = static_cast<std::uint64_t>(waiting), .capacity = static_cast<std::uint64_t>(capacity), .full = {}};
  if ((flags & O_ACCMODE) != O_RDONLY) {
    pollfd writable{.fd = fd, .events = POLLOUT, .revents = 0};
    if (retry_interrupted([&] { return ::poll(&writable, 1, 0); }) < 0) return std::unexpected{Error::last("poll")};
    status.full = (writable.revents & POLLOUT) == 0;
  }
  return status;
}

Result<std::vector<std::string>> memfd_seals(int fd) {
  const int seals = ::fcntl(fd, F_GET_SEALS);
  if (seals < 0) return std::unexpected{Error::last("fcntl F_GET_SEALS")};
  struct Seal {
    int bit;
    const char* name;
  };
  constexpr std::array names{Seal{F_SEAL_SEAL, "seal"},
                             Seal{F_SEAL_SHRINK, "shrink"},
                             Seal{F_SEAL_GROW, "grow"},
                             Seal{F_SEAL_WRITE, "write"},
                             Seal{F_SEAL_FUTURE_WRITE, "future-write"},
                             Seal{F_SEAL_EXEC, "exec"}};
  std::vector<std::string> set;
  for (const Seal& seal : names)
    if ((seals & seal.bit) != 0) set.emplace_back(seal.name);
  return set;
}

Result<std::strong_ordering> compare_descriptions(DescriptorOf a, DescriptorOf b) {
  const auto order =
      compare_in_kernel(a.pid, b.pid, KCMP_FILE, static_cast<unsigned long>(a.fd), static_cast<unsigned long>(b.fd));
  if (!order) return std::unexpected{order.error()};
  switch (*order) {
    case 0:
      return std::strong_ordering::equal;
    case 1:
      return std::strong_ordering::less;
    case 2:
      return std::strong_ordering::greater;
    default:
      return std::unexpected{Error{EBADMSG, "kcmp", "order " + std::to_string(*order)}};
  }
}

Result<bool> is_watched_as(DescriptorOf epoll_set, int number, DescriptorOf file) {
  kcmp_epoll_slot slot{
      .efd = static_cast<std::uint32_t>(epoll_set.fd), .tfd = static_cast<std::uint32_t>(number), .toff = 0};
  const auto order = compare_in_kernel(file.pid, epoll_set.pid, KCMP_EPOLL_TFD, static_cast<unsigned long>(file.fd),
                                       std::bit_cast<unsigned long>(&slot));
  if (!order) return std::unexpected{order.error()};
  return *order == 0;
}

Result<bool> shares_descriptors(pid_t leader, pid_t thread) {
  const auto order = compare_in_kernel(leader, thread, KCMP_FILES, 0, 0);
  if (!order) return std::unexpected{order.error()};
  return *order == 0;
}

}  // namespace ginnel
