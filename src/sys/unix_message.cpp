#include "unix_message.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "system_call.hpp"

namespace ginnel {
namespace {

constexpr int scm_pidfd = 4;  // SCM_PIDFD, Linux 6.5

std::string name_of(int fd) { return "fd " + std::to_string(fd); }

constexpr std::size_t stamp_space = CMSG_SPACE(sizeof(timeval));
constexpr std::size_t descriptors_space = CMSG_SPACE(sizeof(int) * passed_descriptors_max);
// What a socket may be set to receive besides: SCM_CREDENTIALS, SCM_PIDFD, and SCM_SECURITY with a label.
constexpr std::size_t others_space = CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(int)) + CMSG_SPACE(1024);

/// Owns at once every descriptor that came, so that none is lost whatever happens next.
std::vector<UniqueFd> own_descriptors(msghdr& header) {
  std::vector<UniqueFd> owned;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET) continue;
    if (part->cmsg_type != SCM_RIGHTS && part->cmsg_type != scm_pidfd) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    if (part->cmsg_type == SCM_RIGHTS) owned.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
      if (fd < 0) continue;  // SCM_PIDFD carries an error where it has no pidfd
      UniqueFd came{fd};
      if (part->cmsg_type == SCM_RIGHTS) owned.push_back(std::move(came));
    }
  }
  return owned;
}

Error truncated(int socket, std::size_t real_size, std::size_t buffer_size) {
  return Error{EMSGSIZE, "recvmsg", name_of(socket),
               "the message had " + std::to_string(real_size) + " bytes and the buffer has " +
                   std::to_string(buffer_size) + "; the message is gone"};
}

Error descriptors_lost(int socket, std::size_t came) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return Error{EMFILE, "recvmsg", name_of(socket),
               "not all of the message's descriptors could be taken (" + std::to_string(came) +
                   " could, and were closed): this process may have " + std::to_string(limit.rlim_cur) +
                   " (RLIMIT_NOFILE, see 'ulimit -n'), or a security module refused one; the message is gone"};
}

Error too_large(int socket, std::size_t size) {
  int room = 0;
  socklen_t length = sizeof room;
  ::getsockopt(socket, SOL_SOCKET, SO_SNDBUF, &room, &length);
  return Error{EMSGSIZE, "sendmsg", name_of(socket),
               "the message has " + std::to_string(size) + " bytes and the send buffer (SO_SNDBUF) is " +
                   std::to_string(room) + ", which takes messages of up to " + std::to_string(room - 32) +
                   "; it can be enlarged up to twice net.core.wmem_max"};
}

Error bad_descriptor(std::span<const int> descriptors) {
  for (const int fd : descriptors)
    if (::fcntl(fd, F_GETFD) < 0) return Error{EBADF, "sendmsg", name_of(fd), "a descriptor to be passed is not open"};
  return Error{EBADF, "sendmsg"};
}

}  // namespace

Error connection_reset(int socket) {
  return Error{ECONNRESET, "recv", name_of(socket),
               "the peer closed, or died, without reading all that was sent to it"};
}

bool peer_has_closed(int socket) noexcept {
  pollfd look{.fd = socket, .events = POLLRDHUP, .revents = 0};
  const int found = retry_interrupted([&] { return ::poll(&look, 1, 0); });
  return found > 0 && (look.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0;
}

void end_connection(int socket) noexcept { static_cast<void>(::shutdown(socket, SHUT_RDWR)); }

Result<void> stamp_messages(int socket) {
  const int on = 1;
  if (::setsockopt(socket, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof on) < 0)
    return std::unexpected{Error::last("setsockopt SO_TIMESTAMP", name_of(socket))};
  return {};
}

Result<Outcome<ReceivedWithDescriptors, EndOfStream, TimedOut>> receive_message(int socket, UnixType type,
                                                                                std::span<std::byte> buffer,
                                                                                Passed passed, Deadline deadline) {
  // With room for the stamp alone the kernel installs no descriptor here: it drops them.
  alignas(cmsghdr) std::array<std::byte, stamp_space + descriptors_space + others_space> control{};
  iovec place{.iov_base = buffer.data(), .iov_len = buffer.size()};
  int flags = MSG_CMSG_CLOEXEC;
  if (type != UnixType::stream) flags |= MSG_TRUNC;  // asks for the real size
  if (!deadline.is_never()) flags |= MSG_DONTWAIT;

  while (true) {
    msghdr header{};
    header.msg_iov = &place;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = passed == Passed::taken ? control.size() : stamp_space;
    const ssize_t got = retry_interrupted([&] { return ::recvmsg(socket, &header, flags); });
    if (got >= 0) {
      std::vector<UniqueFd> descriptors = own_descriptors(header);
      const auto size = static_cast<std::size_t>(got);
      const bool ended = type == UnixType::stream      ? got == 0
                         : type == UnixType::seqpacket ? got == 0 && header.msg_controllen == 0
                                                       : false;
      if (ended) return EndOfStream{};
      if ((header.msg_flags & MSG_TRUNC) != 0) return std::unexpected{truncated(socket, size, buffer.size())};
      if (passed == Passed::dropped) return ReceivedWithDescriptors{.bytes = size, .descriptors = {}};
      if ((header.msg_flags & MSG_CTRUNC) != 0) return std::unexpected{descriptors_lost(socket, descriptors.size())};
      return ReceivedWithDescriptors{.bytes = size, .descriptors = std::move(descriptors)};
    }
    if (errno == ECONNRESET) return std::unexpected{connection_reset(socket)};
    if (errno != EAGAIN) return std::unexpected{Error::last("recvmsg", name_of(socket))};

    auto ready = wait_ready(socket, Interest::readable, deadline);
    if (!ready) return std::unexpected{ready.error()};
    if (ready->is<TimedOut>()) return TimedOut{};
  }
}

Result<Outcome<ReceivedWithDescriptors, EndOfStream, TimedOut>> receive_to_the_end(int socket, UnixType type,
                                                                                   std::span<std::byte> buffer,
                                                                                   Passed passed, Deadline deadline,
                                                                                   bool& reset_seen) {
  while (true) {
    auto received = receive_message(socket, type, buffer, passed, deadline);
    // The kernel tells a reset once, and on these sockets before it gives out what is still queued.
    if (type == UnixType::seqpacket && !received && received.error().code() == ECONNRESET && !reset_seen) {
      reset_seen = true;
      continue;
    }
    if (received && received->is<EndOfStream>() && std::exchange(reset_seen, false))
      return std::unexpected{connection_reset(socket)};
    return received;
  }
}

Result<Outcome<BytesWritten, PeerGone, TimedOut, TooManyInFlight>> send_message(int socket, UnixType type,
                                                                                std::span<const std::byte> data,
                                                                                std::span<const int> descriptors,
                                                                                Deadline deadline) {
  alignas(cmsghdr) std::array<std::byte, descriptors_space> control{};
  iovec content{.iov_base = const_cast<std::byte*>(data.data()), .iov_len = data.size()};
  msghdr header{};
  header.msg_iov = &content;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(part), descriptors.data(), descriptors.size_bytes());
  }

  while (true) {
    const ssize_t put = retry_interrupted([&] { return ::sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT); });
    if (put >= 0) return BytesWritten{static_cast<std::size_t>(put)};
    switch (errno) {
      case EAGAIN:
        break;
      case EPIPE:
      case ECONNRESET:
        return PeerGone{};
      case ECONNREFUSED:
        if (type == UnixType::datagram) return PeerGone{};
        return std::unexpected{Error::last("sendmsg", name_of(socket))};
      case ETOOMANYREFS:
        return TooManyInFlight{};
      case EMSGSIZE:
        return std::unexpected{too_large(socket, data.size())};
      case EBADF:
        return std::unexpected{bad_descriptor(descriptors)};
      default:
        return std::unexpected{Error::last("sendmsg", name_of(socket))};
    }
    auto ready = wait_ready(socket, Interest::writable, deadline);
    if (!ready) return std::unexpected{ready.error()};
    if (ready->is<TimedOut>()) return TimedOut{};
  }
}

Result<Outcome<Done, PeerGone, TimedOut>> send_whole(int socket, UnixType type, std::span<const std::byte> message,
                                                     Deadline deadline) {
  auto sent = send_message(socket, type, message, {}, deadline);
  if (!sent) return std::unexpected{sent.error()};
  if (sent->is<PeerGone>()) return PeerGone{};
  if (sent->is<TimedOut>()) return TimedOut{};
  return Done{};
}

}  // namespace ginnel
