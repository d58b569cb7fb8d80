#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ginnel::inventory {

/// Where a cgroup of a process, or one above it, can be looked into.
struct CgroupPlace {
  std::string controller;  ///< `memory` or `pids` of v1; empty for v2, which has all of them in one
  std::string path;        ///< as /proc/PID/cgroup tells it, or the start of that
  std::string directory;   ///< below a mount of its hierarchy
};

/// The cgroups of v2, and of the memory and pids controllers of v1, each from the process's own up to the highest that is
/// mounted. Pure. `cgroup` is /proc/PID/cgroup, `mounts` the caller's /proc/self/mountinfo.
[[nodiscard]] std::vector<CgroupPlace> cgroup_places(std::string_view cgroup, std::string_view mounts);

}  // namespace ginnel::inventory
