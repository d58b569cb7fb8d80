#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ginnel/inventory/fact.hpp"

// The texts that tell limits and their use, as values. Pure functions over whatever text comes: what is not of the form
// that the kernel prints gives nothing, or a missing fact with the reason. Source: proc(5), cgroups(7).

namespace ginnel::inventory {

inline constexpr std::string_view unlimited = "unlimited";
inline constexpr std::string_view not_told = "not told by this kernel";

/// The number at a place in a line of numbers, counted from 0: of /proc/sys/kernel/sem, fs/file-nr, or any file of one number.
/// `max` and `unlimited` are missing with the reason `unlimited`.
[[nodiscard]] Fact<std::uint64_t> parse_setting(std::string_view text, std::size_t place = 0);

/// The soft limit of a row of /proc/PID/limits, by its title: `Max open files`.
[[nodiscard]] Fact<std::uint64_t> parse_process_limit(std::string_view text, std::string_view title);

/// The bytes of a line `KEY:  12 kB` of /proc/PID/status or /proc/meminfo.
[[nodiscard]] std::optional<std::uint64_t> parse_kilobytes(std::string_view text, std::string_view key);

/// HugePages_Total of /proc/meminfo, and how many of them are taken or promised. Missing where none are set aside.
struct HugePagePool {
  Fact<std::uint64_t> total;
  Fact<std::uint64_t> used;
};
[[nodiscard]] HugePagePool parse_huge_page_pool(std::string_view meminfo);

/// Rows of /proc/PID/maps that count against vm.max_map_count: all but `[vsyscall]`, which belongs to the kernel.
[[nodiscard]] std::uint64_t count_mappings(std::string_view maps);
/// Watches in the fdinfo of an inotify descriptor.
[[nodiscard]] std::uint64_t count_inotify_watches(std::string_view fdinfo);

/// The value of a variable in /proc/PID/environ.
[[nodiscard]] std::optional<std::string_view> environment_value(std::string_view environment, std::string_view name);

/// A line of /proc/PID/cgroup.
struct CgroupLine {
  bool unified = false;          ///< of cgroup v2
  std::string_view controllers;  ///< `memory` or `cpu,cpuacct`; empty in v2
  std::string_view path;
};
[[nodiscard]] std::optional<CgroupLine> parse_cgroup_line(std::string_view line);

/// A line of /proc/PID/mountinfo.
struct MountLine {
  std::string root;   ///< the directory of its file system that is mounted
  std::string point;  ///< where
  std::string_view type;
  std::string_view options;  ///< of the file system: `rw,memory`
};
[[nodiscard]] std::optional<MountLine> parse_mount_line(std::string_view line);

/// Whether a comma-separated list has this word.
[[nodiscard]] bool lists(std::string_view list, std::string_view word) noexcept;

}  // namespace ginnel::inventory
