#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ginnel/core/result.hpp"

// The locks of the system as lslocks(8) tells them: each line of /proc/locks, with the process it names and its file.

namespace ginnel::cli {

struct LockEntry {
  int number = 0;        ///< in /proc/locks; a lock and those that wait for it have the same
  bool waiting = false;  ///< not held: asked for
  std::string type;      ///< `FLOCK`, `POSIX`, `OFDLCK`, `LEASE`
  bool mandatory = false;
  std::string mode;  ///< `READ`, `WRITE`
  pid_t pid = 0;     ///< who took it; -1 for an OFD lock, which is no process's
  unsigned device_major = 0;
  unsigned device_minor = 0;
  std::uint64_t inode = 0;
  std::uint64_t start = 0;
  std::uint64_t end = 0;  ///< 0: of the file

  std::string command;           ///< of that process
  std::string path;              ///< empty where that process does not let us see it
  std::uint64_t size = 0;        ///< of the file
  std::string mount_point;       ///< of the file system, which is known without the process
  std::optional<pid_t> blocker;  ///< who has the lock that this one waits for
};

/// The newest line of /proc/locks first. Errors: ENOENT (no /proc).
[[nodiscard]] Result<std::vector<LockEntry>> read_lock_table();

}  // namespace ginnel::cli
