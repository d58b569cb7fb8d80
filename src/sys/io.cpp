#include "ginnel/sys/io.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <optional>
#include <string>
#include <utility>

#include "system_call.hpp"

namespace ginnel {
namespace {

std::string name_of(int fd) { return "fd " + std::to_string(fd); }

bool is_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

/// Keeps SIGPIPE from being delivered for a write of this thread, whatever the process does with that signal.
/// write(2) has no flag for it on the kernels in use, and ignoring it would change the process for everyone.
class SigpipeHeldBack {
 public:
  SigpipeHeldBack() noexcept {
    ::sigemptyset(&sigpipe_);
    ::sigaddset(&sigpipe_, SIGPIPE);
    sigset_t pending{};
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    if (!was_pending_) ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &previous_);
  }
  SigpipeHeldBack(const SigpipeHeldBack&) = delete;
  SigpipeHeldBack& operator=(const SigpipeHeldBack&) = delete;
  ~SigpipeHeldBack() {
    if (was_pending_) return;  // blocked already by the caller: one more changes nothing
    const int saved = errno;
    if (raised_) {
      const timespec no_wait{};
      retry_interrupted([&] { return ::sigtimedwait(&sigpipe_, nullptr, &no_wait); });
    }
    ::pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
    errno = saved;
  }
  void raised() noexcept { raised_ = true; }

 private:
  sigset_t sigpipe_{};
  sigset_t previous_{};
  bool was_pending_ = false;
  bool raised_ = false;
};

/// One read that does not block, or nullopt where the kernel offers none for this kind of descriptor.
std::optional<ssize_t> try_read(int fd, iovec& buffer) {
  const ssize_t got = retry_interrupted([&] { return ::preadv2(fd, &buffer, 1, -1, RWF_NOWAIT); });
  if (got >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != ESPIPE)) return got;
  if (is_nonblocking(fd)) return retry_interrupted([&] { return ::readv(fd, &buffer, 1); });
  return std::nullopt;
}

std::optional<ssize_t> try_write(int fd, iovec& data) {
  const ssize_t put = retry_interrupted([&] { return ::pwritev2(fd, &data, 1, -1, RWF_NOWAIT); });
  if (put >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != ESPIPE)) return put;
  if (is_nonblocking(fd)) return retry_interrupted([&] { return ::writev(fd, &data, 1); });
  return std::nullopt;
}

bool would_block(int code) { return code == EAGAIN || code == EWOULDBLOCK; }

}  // namespace

Result<Outcome<Done, TimedOut>> wait_ready(int fd, Interest interest, Deadline deadline) {
  pollfd waiting{.fd = fd, .events = static_cast<short>(interest == Interest::readable ? POLLIN : POLLOUT), .revents = 0};
  while (true) {
    const RemainingTime remaining{deadline};
    const int ready = ::ppoll(&waiting, 1, remaining.get(), nullptr);
    if (ready > 0) {
      if ((waiting.revents & POLLNVAL) != 0) return std::unexpected{Error{EBADF, "ppoll", name_of(fd)}};
      return Done{};
    }
    if (ready < 0 && errno != EINTR) return std::unexpected{Error::last("ppoll", name_of(fd))};
    if (deadline.passed()) return TimedOut{};
  }
}

Result<Outcome<BytesRead, EndOfStream, TimedOut>> read_some(int fd, std::span<std::byte> buffer, Deadline deadline) {
  if (buffer.empty()) return BytesRead{0};
  iovec place{.iov_base = buffer.data(), .iov_len = buffer.size()};
  while (true) {
    auto got = try_read(fd, place);
    if (!got) {
      auto ready = wait_ready(fd, Interest::readable, deadline);
      if (!ready) return std::unexpected{ready.error()};
      if (ready->is<TimedOut>()) return TimedOut{};
      got = retry_interrupted([&] { return ::readv(fd, &place, 1); });
    }
    if (*got > 0) return BytesRead{static_cast<std::size_t>(*got)};
    if (*got == 0) return EndOfStream{};
    if (!would_block(errno)) return std::unexpected{Error::last("read", name_of(fd))};

    auto ready = wait_ready(fd, Interest::readable, deadline);
    if (!ready) return std::unexpected{ready.error()};
    if (ready->is<TimedOut>()) return TimedOut{};
  }
}

Result<Outcome<BytesWritten, PeerGone, TimedOut>> write_some(int fd, std::span<const std::byte> data,
                                                             Deadline deadline) {
  if (data.empty()) return BytesWritten{0};
  iovec whole{.iov_base = const_cast<std::byte*>(data.data()), .iov_len = data.size()};
  SigpipeHeldBack sigpipe;
  while (true) {
    auto put = try_write(fd, whole);
    if (!put) {
      auto ready = wait_ready(fd, Interest::writable, deadline);
      if (!ready) return std::unexpected{ready.error()};
      if (ready->is<TimedOut>()) return TimedOut{};
      // A blocking pipe that polls writable takes PIPE_BUF bytes without blocking; more might wait past the deadline.
      iovec part = whole;
      if (!deadline.is_never() && part.iov_len > PIPE_BUF) part.iov_len = PIPE_BUF;
      put = retry_interrupted([&] { return ::writev(fd, &part, 1); });
    }
    if (*put >= 0) return BytesWritten{static_cast<std::size_t>(*put)};
    if (errno == EPIPE || errno == ECONNRESET) {
      if (errno == EPIPE) sigpipe.raised();
      return PeerGone{};
    }
    if (!would_block(errno)) return std::unexpected{Error::last("write", name_of(fd))};

    auto ready = wait_ready(fd, Interest::writable, deadline);
    if (!ready) return std::unexpected{ready.error()};
    if (ready->is<TimedOut>()) return TimedOut{};
  }
}

Result<Transfer> read_all(int fd, std::span<std::byte> buffer, Deadline deadline) {
  Transfer transfer;
  while (transfer.bytes < buffer.size()) {
    auto got = read_some(fd, buffer.subspan(transfer.bytes), deadline);
    if (!got) return std::unexpected{got.error()};
    if (const auto* read = got->get_if<BytesRead>()) {
      transfer.bytes += read->count;
      continue;
    }
    transfer.end = got->is<EndOfStream>() ? Transfer::End::end_of_stream : Transfer::End::timed_out;
    return transfer;
  }
  return transfer;
}

Result<Transfer> write_all(int fd, std::span<const std::byte> data, Deadline deadline) {
  Transfer transfer;
  while (transfer.bytes < data.size()) {
    auto put = write_some(fd, data.subspan(transfer.bytes), deadline);
    if (!put) return std::unexpected{put.error()};
    if (const auto* written = put->get_if<BytesWritten>()) {
      transfer.bytes += written->count;
      continue;
    }
    transfer.end = put->is<PeerGone>() ? Transfer::End::peer_gone : Transfer::End::timed_out;
    return transfer;
  }
  return transfer;
}

Result<void> set_nonblocking(int fd, bool nonblocking) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return std::unexpected{Error::last("fcntl F_GETFL", name_of(fd))};
  const int wanted = nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  if (wanted != flags && ::fcntl(fd, F_SETFL, wanted) < 0)
    return std::unexpected{Error::last("fcntl F_SETFL", name_of(fd))};
  return {};
}

Result<void> set_close_on_exec(int fd, bool close_on_exec) {
  const int flags = ::fcntl(fd, F_GETFD);
  if (flags < 0) return std::unexpected{Error::last("fcntl F_GETFD", name_of(fd))};
  const int wanted = close_on_exec ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC;
  if (wanted != flags && ::fcntl(fd, F_SETFD, wanted) < 0)
    return std::unexpected{Error::last("fcntl F_SETFD", name_of(fd))};
  return {};
}

}  // namespace ginnel
