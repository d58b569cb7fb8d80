#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "ginnel/sys/io.hpp"
#include "system_call.hpp"
#include "unix_address.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

/// A connection to a file of any other kind is refused like one to a socket that nobody has.
bool is_another_file(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && !S_ISSOCK(status.st_mode);
}

std::string_view refusal_hint(int code, const UnixAddress& address) {
  switch (code) {
    case ECONNREFUSED:
      if (address.is_abstract()) return "no socket of this network namespace has that abstract name";
      if (is_another_file(address.name)) return "what has this path is no socket";
      return "nobody listens there: the server has ended and left its path, or does not listen yet";
    case EACCES:
      return "connecting needs write permission on the socket and search permission on each directory of its path";
    case EPROTOTYPE:
      return "a socket of another type is bound there (stream, seqpacket and datagram do not mix)";
    case EPERM:
      return "the receiver is connected to another socket and takes nothing else, or a security module refuses";
    default:
      return {};
  }
}

Error refusal(int code, const UnixAddress& address) {
  return Error{code, "connect", address.name, refusal_hint(code, address)};
}

/// A path that is too long for sun_path is reached through a descriptor of the socket's file.
Result<SocketName> name_to_connect(const UnixAddress& address) {
  if (auto good = check_name("connect", address); !good) return std::unexpected{good.error()};
  if (address.is_abstract()) return abstract_name("connect", address);
  if (address.name.size() <= longest_plain_name) return plain_name(address.name);

  UniqueFd file{retry_interrupted([&] { return ::open(address.name.c_str(), O_PATH | O_CLOEXEC); })};
  if (!file.valid()) return std::unexpected{refusal(errno, address)};
  SocketName name = descriptor_name(file.get());
  name.held = std::move(file);
  return name;
}

/// SO_SNDTIMEO is what connect(2) on a Unix socket waits by; a wait longer than this is made of several.
constexpr auto longest_wait = 3600s;

/// How long a call that waits in the kernel may do so. Zero is for ever.
Result<void> set_send_timeout(int socket, Deadline deadline) {
  timeval span{};
  if (!deadline.is_never()) {
    const auto left = std::min<std::chrono::nanoseconds>(deadline.remaining(), longest_wait);
    const auto microseconds = std::max<std::int64_t>(std::chrono::ceil<std::chrono::microseconds>(left).count(), 1);
    span = {.tv_sec = microseconds / 1'000'000, .tv_usec = microseconds % 1'000'000};
  }
  if (::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &span, sizeof span) < 0)
    return std::unexpected{Error::last("setsockopt SO_SNDTIMEO")};
  return {};
}

}  // namespace

Result<Outcome<UniqueFd, TimedOut>> connect_socket(UnixType type, const UnixAddress& address, Deadline deadline) {
  auto name = name_to_connect(address);
  if (!name) return std::unexpected{name.error()};
  auto socket = make_socket(type);
  if (!socket) return std::unexpected{socket.error()};

  const bool one_try = deadline.is_immediate();
  if (one_try) {
    if (auto set = set_nonblocking(socket->get(), true); !set) return std::unexpected{set.error()};
  }
  while (true) {
    if (!deadline.is_never() && !one_try) {
      if (auto set = set_send_timeout(socket->get(), deadline); !set) return std::unexpected{set.error()};
    }
    if (::connect(socket->get(), name->get(), name->length) == 0) break;
    // Interrupted, a Unix connect has not been begun: unlike TCP it does not go on by itself.
    if (errno != EAGAIN && errno != EINTR) return std::unexpected{refusal(errno, address)};
    if (deadline.passed()) return TimedOut{};
  }
  if (one_try) {
    if (auto set = set_nonblocking(socket->get(), false); !set) return std::unexpected{set.error()};
  } else if (!deadline.is_never()) {
    if (auto set = set_send_timeout(socket->get(), Deadline::never()); !set) return std::unexpected{set.error()};
  }
  return std::move(*socket);
}

}  // namespace ginnel
