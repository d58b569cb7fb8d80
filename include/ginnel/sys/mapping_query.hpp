#pragma once

#include <cstdint>
#include <string>

#include "ginnel/core/result.hpp"

namespace ginnel {

/// A piece of a process's address space.
struct MappingStatus {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::uint64_t offset = 0;  ///< in the file, bytes
  std::uint64_t device = 0;  ///< 0 with inode 0: no file
  std::uint64_t inode = 0;
  bool readable = false;
  bool writable = false;
  bool shared = false;
};

enum class MappingChoice : std::uint8_t {
  covering,   ///< the mapping that the address is in
  next_file,  ///< that one if it is of a file, or else the first of a file above the address
};

/// Asks the kernel about one mapping without having it print all of them, which is what reading /proc/PID/maps costs.
/// `maps` is that file, open for reading. The path is asked for only when there is somewhere to put it: that is the slow part.
/// Errors: ENOENT (no such mapping), ESRCH (the process has ended), ENOTTY (older than Linux 6.11: read the text),
/// ENAMETOOLONG (the path is longer than PATH_MAX). Source: PROCMAP_QUERY of proc_pid_maps(5).
[[nodiscard]] Result<MappingStatus> query_mapping(int maps, std::uint64_t address, MappingChoice choice,
                                                  std::string* path = nullptr);

}  // namespace ginnel
