#include "unix_credentials.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string>

#include "ginnel/sys/io.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

constexpr int so_peerpidfd = 77;  // SO_PEERPIDFD, Linux 6.5

std::string name_of(int fd) { return "fd " + std::to_string(fd); }

/// The real, effective, saved and file-system user of a process.
Result<std::array<uid_t, 4>> users_of(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/status";
  const UniqueFd file{retry_interrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); })};
  if (!file.valid()) return std::unexpected{Error::last("open", path)};
  std::array<std::byte, 4096> buffer{};
  auto length = read_all(file.get(), buffer);
  if (!length) return std::unexpected{length.error()};

  const auto users = parse_users(as_text(std::span{buffer}.first(length->bytes)));
  if (!users) return std::unexpected{Error{EPROTO, "read", path, "not of the form of proc(5)"}};
  return *users;
}

Error peer_ended(const Credentials& peer) {
  return Error{ESRCH, "find the peer's process", "pid " + std::to_string(peer.pid),
               peer.pid == 0 ? "it lives in a pid namespace that cannot be seen from here" : "it has ended"};
}

}  // namespace

std::optional<std::array<uid_t, 4>> parse_users(std::string_view status) {
  constexpr std::string_view label = "\nUid:\t";
  const auto at = status.find(label);
  if (at == std::string_view::npos) return std::nullopt;
  status.remove_prefix(at + label.size());
  std::array<uid_t, 4> users{};
  for (uid_t& user : users) {
    const auto [rest, fault] = std::from_chars(status.data(), status.data() + status.size(), user);
    // A number at the end may have been cut off within its digits: the kernel ends each with a blank or the line.
    if (fault != std::errc{} || rest == status.data() + status.size()) return std::nullopt;
    status.remove_prefix(static_cast<std::size_t>(rest - status.data()) + 1);
  }
  return users;
}

Result<Credentials> peer_credentials(int socket) {
  ucred found{};
  socklen_t size = sizeof found;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &found, &size) < 0)
    return std::unexpected{Error::last("getsockopt SO_PEERCRED", name_of(socket))};
  // What the kernel says where there never was a peer.
  if (found.pid == 0 && found.uid == static_cast<uid_t>(-1))
    return std::unexpected{Error{ENOTCONN, "getsockopt SO_PEERCRED", name_of(socket), "this socket has no peer"}};
  return Credentials{.pid = found.pid, .uid = found.uid, .gid = found.gid};
}

Result<std::vector<gid_t>> peer_groups(int socket) {
  std::vector<gid_t> groups(32);
  while (true) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0) {
      groups.resize(size / sizeof(gid_t));
      return groups;
    }
    if (errno == ENODATA)
      return std::unexpected{Error{ENOTCONN, "getsockopt SO_PEERGROUPS", name_of(socket), "this socket has no peer"}};
    if (errno != ERANGE) return std::unexpected{Error::last("getsockopt SO_PEERGROUPS", name_of(socket))};
    groups.resize(size / sizeof(gid_t));
  }
}

Result<Process> process_by_credentials(const Credentials& peer) {
  if (peer.pid <= 0) return std::unexpected{peer_ended(peer)};
  auto process = Process::open(peer.pid);
  if (!process) return process;
  // Read while the pidfd is held: if that process still lives after this, the users were its own.
  auto users = users_of(peer.pid);
  if (!process->alive()) return std::unexpected{peer_ended(peer)};
  if (!users) return std::unexpected{users.error()};
  for (const uid_t user : *users)
    if (user == peer.uid) return process;
  return std::unexpected{
      Error{ESRCH, "find the peer's process", "pid " + std::to_string(peer.pid),
            "it has ended and its number belongs to another user's process, or it changed its user"}};
}

Result<Process> peer_process(int socket) {
  auto peer = peer_credentials(socket);
  if (!peer) return std::unexpected{peer.error()};

  int pidfd = -1;
  socklen_t size = sizeof pidfd;
  if (::getsockopt(socket, SOL_SOCKET, so_peerpidfd, &pidfd, &size) == 0) return Process::adopt(UniqueFd{pidfd});
  if (errno == ENOPROTOOPT) return process_by_credentials(*peer);
  if (errno == ESRCH || errno == EINVAL)
    return std::unexpected{peer_ended(*peer)};  // which of them depends on the kernel
  return std::unexpected{Error::last("getsockopt SO_PEERPIDFD", name_of(socket))};
}

}  // namespace ginnel
