#include <dirent.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "system_call.hpp"
#include "unix_bind.hpp"

namespace ginnel {
namespace {

using Matches = std::function<bool(unsigned short attribute, std::string_view content)>;

constexpr unsigned char listening = 10;  // TCP_LISTEN, which Unix sockets use too

/// The sockets of a dump that match, of which one that listens is preferred: those it accepted bear its name as well.
struct Search {
  const Matches& matches;
  unsigned inode = 0;
  bool listens = false;

  void look_at(const nlmsghdr& header) {
    const auto* socket = static_cast<const unix_diag_msg*>(NLMSG_DATA(&header));
    const auto* attribute = reinterpret_cast<const rtattr*>(socket + 1);
    std::size_t length = header.nlmsg_len - NLMSG_LENGTH(sizeof *socket);
    for (; RTA_OK(attribute, length); attribute = RTA_NEXT(attribute, length)) {
      const std::string_view content{static_cast<const char*>(RTA_DATA(attribute)), RTA_PAYLOAD(attribute)};
      if (listens || socket->udiag_ino == 0 || !matches(attribute->rta_type, content)) continue;
      inode = socket->udiag_ino;
      listens = socket->udiag_state == listening;
    }
  }
};

/// The inode number of the socket that has the name, as /proc/PID/fd shows it; 0 when there is none to be found.
unsigned find_socket(unsigned show, const Matches& matches) {
  const UniqueFd netlink{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)};
  if (!netlink.valid()) return 0;
  struct {
    nlmsghdr header;
    unix_diag_req request;
  } query{};
  query.header = {.nlmsg_len = sizeof query,
                  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                  .nlmsg_seq = 0,
                  .nlmsg_pid = 0};
  query.request.sdiag_family = AF_UNIX;
  query.request.udiag_states = ~0U;
  query.request.udiag_show = show;
  if (retry_interrupted([&] { return ::send(netlink.get(), &query, sizeof query, 0); }) < 0) return 0;

  Search search{.matches = matches};
  alignas(nlmsghdr) std::array<char, 32768> buffer{};
  while (true) {
    const ssize_t got = retry_interrupted([&] { return ::recv(netlink.get(), buffer.data(), buffer.size(), 0); });
    if (got <= 0) return 0;
    auto length = static_cast<std::size_t>(got);
    for (const auto* header = reinterpret_cast<const nlmsghdr*>(buffer.data()); NLMSG_OK(header, length);
         header = NLMSG_NEXT(header, length)) {
      if (header->nlmsg_type == NLMSG_DONE) return search.inode;
      if (header->nlmsg_type == NLMSG_ERROR) return 0;
      search.look_at(*header);
    }
  }
}

struct CloseFolder {
  void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

bool has_open(const std::string& process, std::string_view wanted) {
  const Folder folder{::opendir((process + "/fd").c_str())};
  if (!folder) return false;
  while (const dirent* entry = ::readdir(folder.get())) {
    std::array<char, 64> target{};
    const ssize_t length = ::readlinkat(::dirfd(folder.get()), entry->d_name, target.data(), target.size());
    if (length > 0 && std::string_view{target.data(), static_cast<std::size_t>(length)} == wanted) return true;
  }
  return false;
}

std::string command_name(const std::string& process) {
  const UniqueFd file{::open((process + "/comm").c_str(), O_RDONLY | O_CLOEXEC)};
  std::array<char, 64> name{};
  const ssize_t length =
      file.valid() ? retry_interrupted([&] { return ::read(file.get(), name.data(), name.size()); }) : 0;
  std::string text{name.data(), static_cast<std::size_t>(length > 0 ? length : 0)};
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

/// Of the processes that may be looked at, one that has this socket open.
std::string process_with(unsigned inode) {
  const std::string wanted = "socket:[" + std::to_string(inode) + "]";
  const Folder folder{::opendir("/proc")};
  if (!folder) return {};
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string_view pid = entry->d_name;
    if (pid.find_first_not_of("0123456789") != std::string_view::npos) continue;
    const std::string process = std::string{"/proc/"}.append(pid);
    if (has_open(process, wanted)) return std::string{"pid "}.append(pid) + " (" + command_name(process) + ")";
  }
  return {};
}

std::string holder(unsigned show, const Matches& matches) {
  const int saved = errno;
  const unsigned inode = find_socket(show, matches);
  std::string found = inode == 0 ? std::string{} : process_with(inode);
  errno = saved;
  return found;
}

}  // namespace

std::string holder_of_path(dev_t device, ino_t inode) {
  return holder(UDIAG_SHOW_VFS, [&](unsigned short attribute, std::string_view content) {
    unix_diag_vfs file{};
    if (attribute != UNIX_DIAG_VFS || content.size() < sizeof file) return false;
    std::memcpy(&file, content.data(), sizeof file);
    // The kernel's own form of a device number, and the lower half of the inode's.
    constexpr unsigned minor_bits = 20;
    return file.udiag_vfs_ino == static_cast<std::uint32_t>(inode) &&
           file.udiag_vfs_dev == ((::major(device) << minor_bits) | ::minor(device));
  });
}

std::string holder_of_abstract(std::string_view name_without_at) {
  return holder(UDIAG_SHOW_NAME, [&](unsigned short attribute, std::string_view content) {
    return attribute == UNIX_DIAG_NAME && content.starts_with('\0') && content.substr(1) == name_without_at;
  });
}

}  // namespace ginnel
