#include "ginnel/sys/io.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <optional>
#include <string>

#include "first_writer.hpp"
#include "sigpipe.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

std::string name_of(int fd) { return "fd " + std::to_string(fd); }

/// A plain read or write of this descriptor returns at once: it is non-blocking, or not open for that at all.
bool returns_at_once(int fd, Interest interest) {
  const int flags = ::fcntl(fd, F_GETFL);
  const int refused = interest == Interest::readable ? O_WRONLY : O_RDONLY;
  return flags < 0 || (flags & O_NONBLOCK) != 0 || (flags & O_ACCMODE) == refused;
}

/// The kernel, or this kind of descriptor, has no such flag. ESPIPE: it has no vectored call with a position.
bool has_no_such_flag(int code) { return code == EOPNOTSUPP || code == ENOSYS || code == ESPIPE; }

bool would_block(int code) { return code == EAGAIN || code == EWOULDBLOCK; }

/// Files of a disk: poll(2) calls them ready always, and one that RWF_NOWAIT will not serve out of memory would be tried
/// for ever. Their waits are the disk's, which no deadline of a caller means.
bool never_polls_busy(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode));
}

/// One read that does not block, or nullopt where the kernel offers none for this kind of descriptor.
std::optional<ssize_t> try_read(int fd, const iovec& buffer) {
  const ssize_t got = retry_interrupted([&] { return ::preadv2(fd, &buffer, 1, -1, RWF_NOWAIT); });
  if (got >= 0) return got;
  if (would_block(errno) && never_polls_busy(fd)) return retry_interrupted([&] { return ::readv(fd, &buffer, 1); });
  if (!has_no_such_flag(errno)) return got;
  if (returns_at_once(fd, Interest::readable)) return retry_interrupted([&] { return ::readv(fd, &buffer, 1); });
  return std::nullopt;
}

enum class Manner { wait_free, may_block };

/// One write without SIGPIPE, or nullopt where it could not be wait-free.
class Writer {
 public:
  explicit Writer(int fd) noexcept : fd_{fd} {}

  std::optional<ssize_t> write(const iovec& data, Manner manner) {
    if (knows_rwf_nosignal()) {
      const ssize_t put = positioned(data, manner, rwf_nosignal);
      if (put >= 0 || !has_no_such_flag(errno)) return put;
      if (manner == Manner::wait_free) {
        if (!returns_at_once(fd_, Interest::writable)) return std::nullopt;
        return write(data, Manner::may_block);
      }
    } else if (const ssize_t put = to_socket(data, manner); put >= 0 || errno != ENOTSOCK) {
      return put;
    }
    if (!sigpipe_) sigpipe_.emplace();
    auto put = masked(data, manner);
    if (put && *put < 0 && errno == EPIPE) sigpipe_->raised();
    return put;
  }

 private:
  ssize_t positioned(const iovec& data, Manner manner, int flags) const {
    if (manner == Manner::wait_free) flags |= RWF_NOWAIT;
    const ssize_t put = retry_interrupted([&] { return ::pwritev2(fd_, &data, 1, -1, flags); });
    if (put < 0 && manner == Manner::wait_free && would_block(errno) && never_polls_busy(fd_))
      return positioned(data, Manner::may_block, flags & ~RWF_NOWAIT);
    return put;
  }

  ssize_t to_socket(const iovec& data, Manner manner) const {
    const int flags = MSG_NOSIGNAL | (manner == Manner::wait_free ? MSG_DONTWAIT : 0);
    return retry_interrupted([&] { return ::send(fd_, data.iov_base, data.iov_len, flags); });
  }

  std::optional<ssize_t> masked(const iovec& data, Manner manner) const {
    if (manner == Manner::wait_free) {
      const ssize_t put = positioned(data, manner, 0);
      if (put >= 0 || !has_no_such_flag(errno)) return put;
      if (!returns_at_once(fd_, Interest::writable)) return std::nullopt;
    }
    return retry_interrupted([&] { return ::writev(fd_, &data, 1); });
  }

  int fd_;
  std::optional<SigpipeHeldBack> sigpipe_;
};

/// Waits between two tries that the kernel refused with EAGAIN. Where it says ready at once and refuses again (an eventfd
/// too full for this value, a byte that another reader took) it is asked less and less often, so that nobody spins.
class ReadinessWait {
 public:
  Result<Outcome<Done, TimedOut>> wait(int fd, Interest interest, Deadline deadline) {
    if (tries_++ > 1) {
      if (deadline.passed()) return TimedOut{};
      backoff_.pause(deadline);
    }
    return wait_ready(fd, interest, deadline);
  }

 private:
  int tries_ = 0;
  Backoff backoff_{std::chrono::milliseconds{5}};
};

}  // namespace

Result<Outcome<Done, TimedOut>> wait_ready(int fd, Interest interest, Deadline deadline) {
  pollfd waiting{
      .fd = fd, .events = static_cast<short>(interest == Interest::readable ? POLLIN : POLLOUT), .revents = 0};
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
  const iovec place{.iov_base = buffer.data(), .iov_len = buffer.size()};
  ReadinessWait readiness;
  bool ready_seen = false;
  while (true) {
    auto got = try_read(fd, place);
    if (!got && ready_seen) got = retry_interrupted([&] { return ::readv(fd, &place, 1); });
    if (got && *got > 0) return BytesRead{static_cast<std::size_t>(*got)};
    if (got && *got == 0 && !awaits_first_writer(fd)) return EndOfStream{};
    if (got && *got < 0 && !would_block(errno)) return std::unexpected{Error::last("read", name_of(fd))};

    auto ready = readiness.wait(fd, Interest::readable, deadline);
    if (!ready) return std::unexpected{ready.error()};
    if (ready->is<TimedOut>()) return TimedOut{};
    ready_seen = true;
  }
}

Result<Outcome<BytesWritten, PeerGone, TimedOut>> write_some(int fd, std::span<const std::byte> data,
                                                             Deadline deadline) {
  if (data.empty()) return BytesWritten{0};
  const iovec whole{.iov_base = const_cast<std::byte*>(data.data()), .iov_len = data.size()};
  Writer writer{fd};
  ReadinessWait readiness;
  bool ready_seen = false;
  while (true) {
    auto put = writer.write(whole, Manner::wait_free);
    if (!put && ready_seen) {
      // A blocking pipe that polls writable takes PIPE_BUF bytes without blocking; more might wait past the deadline.
      iovec part = whole;
      if (!deadline.is_never() && !never_polls_busy(fd)) part.iov_len = std::min<std::size_t>(part.iov_len, PIPE_BUF);
      put = writer.write(part, Manner::may_block);
    }
    if (put && *put >= 0) return BytesWritten{static_cast<std::size_t>(*put)};
    if (put && (errno == EPIPE || errno == ECONNRESET)) return PeerGone{};
    if (put && !would_block(errno)) return std::unexpected{Error::last("write", name_of(fd))};

    auto ready = readiness.wait(fd, Interest::writable, deadline);
    if (!ready) return std::unexpected{ready.error()};
    if (ready->is<TimedOut>()) return TimedOut{};
    ready_seen = true;
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
