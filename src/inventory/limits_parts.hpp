#pragma once

#include <string_view>
#include <vector>

#include "ginnel/sys/directory.hpp"
#include "limits_use.hpp"

// The parts that limits() puts together, apart from limits_settings.hpp. `folder` is the process's directory in /proc.

namespace ginnel::inventory {

/// Resource limits, by the rows of /proc/PID/limits.
[[nodiscard]] std::vector<Limit> process_limits(const Viewpoint& here, const Directory& folder);
/// Of the process's cgroup and of all above it, as far as they can be seen from here; at least one limit, without a value
/// where there is none to be seen. Errors of a hierarchy that is not mounted become reasons.
[[nodiscard]] std::vector<Limit> cgroup_limits(const Viewpoint& here, const Directory& folder);
/// Bytes and inodes of the file systems where IPC keeps files, as the process sees them.
[[nodiscard]] std::vector<Limit> file_system_limits(const Viewpoint& here, const Directory& folder);
/// What belongs to nobody: huge pages, and the numbers that are compiled into the kernel.
[[nodiscard]] std::vector<Limit> machine_limits();

/// Counts the descriptors of each process of the snapshot that may be looked into, and in those of `user` the watches of
/// inotify. Errors: EMFILE, ENFILE, ENOENT (/proc is not mounted).
[[nodiscard]] Result<std::vector<DescriptorCount>> count_descriptors(const Snapshot& snapshot,
                                                                     const Fact<std::uint32_t>& user);

}  // namespace ginnel::inventory
