#include "lock_table.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

namespace ginnel::cli {
namespace {

namespace fs = std::filesystem;

/// `fe:00:10977445`: the device in hexadecimal, the inode in decimal.
bool read_file_key(const std::string& text, LockEntry& entry) {
  std::istringstream fields{text};
  char colon = 0;
  char second_colon = 0;
  fields >> std::hex >> entry.device_major >> colon >> entry.device_minor >> std::dec >> second_colon >> entry.inode;
  return fields && colon == ':' && second_colon == ':';
}

/// `3: -> FLOCK  ADVISORY  WRITE 27144 fe:00:10977445 0 EOF`; the arrow stands where it waits.
std::optional<LockEntry> parse(const std::string& line) {
  std::istringstream fields{line};
  LockEntry entry;
  char colon = 0;
  std::string strength;
  std::string file;
  std::string end;
  fields >> entry.number >> colon >> entry.type;
  entry.waiting = entry.type == "->";
  if (entry.waiting) fields >> entry.type;
  fields >> strength >> entry.mode >> entry.pid >> file >> entry.start >> end;
  if (!fields || !read_file_key(file, entry)) return std::nullopt;
  entry.mandatory = strength == "MANDATORY";
  if (end != "EOF") std::from_chars(end.data(), end.data() + end.size(), entry.end);
  return entry;
}

std::string command_of(pid_t pid) {
  if (pid <= 0) return "(undefined)";
  std::ifstream file{"/proc/" + std::to_string(pid) + "/comm"};
  std::string name;
  return std::getline(file, name) ? name : "(unknown)";
}

/// Looks for the file among what the process has open. By the inode only: on file systems with volumes (btrfs, overlayfs)
/// /proc/locks and stat(2) name different devices.
void find_file(LockEntry& entry) {
  std::error_code fault;
  for (const auto& link : fs::directory_iterator{"/proc/" + std::to_string(entry.pid) + "/fd", fault}) {
    struct stat file{};
    if (::stat(link.path().c_str(), &file) < 0 || file.st_ino != entry.inode) continue;
    const fs::path target = fs::read_symlink(link.path(), fault);
    if (fault) continue;
    entry.path = target.string();
    entry.size = static_cast<std::uint64_t>(file.st_size);
    return;
  }
}

/// Undoes the `\040` in which mountinfo writes blanks.
std::string without_octal(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    unsigned code = 0;
    const auto* const digits = text.data() + 1;
    if (text.front() == '\\' && text.size() >= 4 && std::from_chars(digits, digits + 3, code, 8).ptr == digits + 3) {
      plain += static_cast<char>(code);
      text.remove_prefix(4);
    } else {
      plain += text.front();
      text.remove_prefix(1);
    }
  }
  return plain;
}

/// Where the file system is mounted; of several places the last. Source: proc(5), mountinfo.
std::string mount_point_of(unsigned device_major, unsigned device_minor) {
  const std::string device = std::to_string(device_major) + ":" + std::to_string(device_minor);
  std::ifstream mounts{"/proc/self/mountinfo"};
  std::string line;
  std::string found;
  while (std::getline(mounts, line)) {
    std::istringstream fields{line};
    std::string id;
    std::string parent;
    std::string key;
    std::string root;
    std::string place;
    if (fields >> id >> parent >> key >> root >> place && key == device) found = without_octal(place);
  }
  return found;
}

}  // namespace

Result<std::vector<LockEntry>> read_lock_table() {
  constexpr const char* path = "/proc/locks";
  std::ifstream table{path};
  if (!table) return std::unexpected{Error{ENOENT, "open", path}};
  std::vector<LockEntry> entries;
  std::string line;
  while (std::getline(table, line))
    if (auto entry = parse(line)) entries.push_back(std::move(*entry));
  std::reverse(entries.begin(), entries.end());

  for (LockEntry& entry : entries) {
    entry.command = command_of(entry.pid);
    find_file(entry);
    entry.mount_point = mount_point_of(entry.device_major, entry.device_minor);
    if (!entry.waiting) continue;
    const auto held = std::find_if(entries.begin(), entries.end(), [&](const LockEntry& other) {
      return other.number == entry.number && !other.waiting;
    });
    if (held != entries.end()) entry.blocker = held->pid;
  }
  return entries;
}

}  // namespace ginnel::cli
