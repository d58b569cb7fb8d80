#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <fstream>
#include <memory>
#include <sstream>

#include "ginnel/sys/file_lock.hpp"
#include "held_lock.hpp"

namespace ginnel {
namespace {

struct CloseFolder {
  void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

/// Calls `found` with each entry whose name is a number.
template <class Found>
void for_each_number(DIR* folder, Found found) {
  while (const dirent* entry = ::readdir(folder)) {
    const std::string_view name = entry->d_name;
    int number = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
    if (parsed.ec == std::errc{} && parsed.ptr == name.data() + name.size()) found(number);
  }
}

struct FileIdentity {
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::uint64_t inode = 0;
  bool operator==(const FileIdentity&) const = default;
};

/// Through the file system and not by the device:inode of the lock line: these two differ on overlayfs and btrfs.
/// What the file system has cached is enough, so that a file server that is down holds nobody up.
std::optional<FileIdentity> identity_of(const std::string& path, int flags) {
  struct statx status{};
  if (::statx(AT_FDCWD, path.c_str(), flags, STATX_INO, &status) < 0) return std::nullopt;
  return FileIdentity{status.stx_dev_major, status.stx_dev_minor, status.stx_ino};
}

std::string read_line(const std::string& path) {
  std::string line;
  std::ifstream file{path};
  std::getline(file, line);
  return line;
}

/// Kernel threads and processes that have ended but are not collected: nobody may read their descriptors, and they have none.
bool has_no_descriptors(const std::string& process) {
  const std::string stat = read_line(process + "/stat");
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos) return true;  // gone since
  std::istringstream fields{stat.substr(name_end + 1)};
  char state = 0;
  long skipped = 0;
  unsigned long flags = 0;
  fields >> state >> skipped >> skipped >> skipped >> skipped >> skipped >> flags;
  constexpr unsigned long pf_kthread = 0x0020'0000;
  return state == 'Z' || state == 'X' || (flags & pf_kthread) != 0;
}

void add_locks_of_descriptor(const std::string& process, pid_t pid, int fd, std::vector<LockHolder>& holders) {
  std::ifstream info{process + "/fdinfo/" + std::to_string(fd)};
  for (std::string line; std::getline(info, line);) {
    auto holder = parse_held_lock(line);
    if (!holder) continue;
    holder->pid = pid;
    holder->command = read_line(process + "/comm");
    holder->fd = fd;
    holders.push_back(std::move(*holder));
  }
}

}  // namespace

std::optional<LockHolder> parse_held_lock(const std::string& line) {
  std::istringstream words{line};
  std::string label, number, kind, advisory, mode, taker, file, first, last;
  if (!(words >> label >> number >> kind >> advisory >> mode >> taker >> file >> first >> last)) return std::nullopt;
  if (label != "lock:") return std::nullopt;

  LockHolder holder;
  if (kind == "FLOCK")
    holder.kind = LockHolder::Kind::flock;
  else if (kind == "OFDLCK")
    holder.kind = LockHolder::Kind::ofd;
  else if (kind == "POSIX")
    holder.kind = LockHolder::Kind::posix;
  else
    return std::nullopt;
  holder.mode = mode == "READ" ? LockMode::shared : LockMode::exclusive;

  std::from_chars(first.data(), first.data() + first.size(), holder.range.start);
  if (last != "EOF") {
    std::int64_t end = 0;
    std::from_chars(last.data(), last.data() + last.size(), end);
    // The kernel writes EOF for the largest number.
    if (holder.range.start < 0 || end < holder.range.start || end == INT64_MAX) return std::nullopt;
    holder.range.length = end - holder.range.start + 1;
  }
  return holder;
}

Result<LockHolders> lock_holders(const std::string& path) {
  const auto wanted = identity_of(path, AT_STATX_SYNC_AS_STAT);
  if (!wanted) return std::unexpected{Error::last("statx", path)};
  const Folder processes{::opendir("/proc")};
  if (!processes) return std::unexpected{Error::last("opendir", "/proc").with_hint("is /proc mounted?")};

  LockHolders found;
  for_each_number(processes.get(), [&](int pid) {
    const std::string process = "/proc/" + std::to_string(pid);
    const Folder descriptors{::opendir((process + "/fd").c_str())};
    if (!descriptors) {
      if (errno == EACCES || errno == EPERM) found.unreadable_processes += has_no_descriptors(process) ? 0 : 1;
      return;
    }
    for_each_number(descriptors.get(), [&](int fd) {
      if (identity_of(process + "/fd/" + std::to_string(fd), AT_STATX_DONT_SYNC) == wanted)
        add_locks_of_descriptor(process, pid, fd, found.holders);
    });
  });
  return found;
}

}  // namespace ginnel
