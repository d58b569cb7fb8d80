#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "ginnel/sys/unix_socket.hpp"

namespace ginnel {
namespace {

constexpr int first_descriptor = 3;  // SD_LISTEN_FDS_START

std::optional<std::string_view> variable(const char* name) {
  const char* value = ::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string_view>{value};
}

Result<int> number_of(const char* name, std::string_view text) {
  int number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, fault] = std::from_chars(text.data(), end, number);
  if (fault != std::errc{} || rest != end || number < 0 || number > INT_MAX - first_descriptor)
    return std::unexpected{Error{EINVAL, "inherit sockets", name, "'" + std::string{text} + "' is not such a number"}};
  return number;
}

}  // namespace

Result<std::vector<InheritedSocket>> inherited_sockets() {
  const auto pid_text = variable("LISTEN_PID");
  const auto count_text = variable("LISTEN_FDS");
  if (!pid_text || !count_text) return std::vector<InheritedSocket>{};
  auto pid = number_of("LISTEN_PID", *pid_text);
  if (!pid) return std::unexpected{pid.error()};
  if (*pid != ::getpid()) return std::vector<InheritedSocket>{};
  auto count = number_of("LISTEN_FDS", *count_text);
  if (!count) return std::unexpected{count.error()};

  for (int fd = first_descriptor; fd < first_descriptor + *count; ++fd) {
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) continue;
    Error error = Error::last("inherit sockets", "fd " + std::to_string(fd));
    if (error.code() != EBADF) return std::unexpected{std::move(error)};
    return std::unexpected{
        std::move(error).with_hint("LISTEN_FDS says " + std::to_string(*count) + ", but this one is not open")};
  }

  std::vector<InheritedSocket> sockets;
  sockets.reserve(static_cast<std::size_t>(*count));
  std::string_view names = variable("LISTEN_FDNAMES").value_or(std::string_view{});
  for (int fd = first_descriptor; fd < first_descriptor + *count; ++fd) {
    const auto colon = names.find(':');
    sockets.push_back({.socket = UniqueFd{fd}, .name = std::string{names.substr(0, colon)}});
    names.remove_prefix(colon == std::string_view::npos ? names.size() : colon + 1);
  }
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(name);
  return sockets;
}

}  // namespace ginnel
