#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ginnel/core/process_id.hpp"
#include "ginnel/sys/mapping_query.hpp"

// The texts of /proc, as values. Pure functions over untrusted text (a process chooses its own name, an administrator the
// path of a mount): whatever comes, they give a value or nothing. Source: proc(5).

namespace ginnel::inventory {

/// /proc/PID/stat.
struct ProcessStat {
  std::string_view command;
  char state = '?';
  pid_t parent = 0;
  bool kernel_thread = false;
  unsigned threads = 1;
  std::uint64_t start_ticks = 0;
  std::optional<int> processor;  ///< on which it ran last
};
[[nodiscard]] std::optional<ProcessStat> parse_stat(std::string_view text);

/// /proc/PID/status; signal sets as bits, signal N in bit N-1.
struct ProcessStatus {
  std::optional<std::uint32_t> real_user;
  std::uint64_t pending = 0;  ///< of the leading thread and of the process
  std::uint64_t blocked = 0;
  std::optional<std::uint64_t> queued;        ///< SigQ: signals queued for this real user
  std::optional<std::uint64_t> queued_limit;  ///< … and RLIMIT_SIGPENDING
};
[[nodiscard]] ProcessStatus parse_status(std::string_view text);

/// A line of /proc/PID/maps.
struct MapsLine {
  MappingStatus mapping;
  std::string_view path;
};
[[nodiscard]] std::optional<MapsLine> parse_maps_line(std::string_view line);

/// The inode in `ipc:[4026531839]`, `socket:[81234]`.
[[nodiscard]] std::optional<std::uint64_t> parse_bracketed(std::string_view text);

/// The path of the unified hierarchy, or where that has nothing but the root, of the memory controller.
[[nodiscard]] std::string parse_cgroup(std::string_view text);
/// The container that a cgroup path names: what docker, podman, containerd, cri-o, lxc and systemd-nspawn call it; empty for none.
[[nodiscard]] std::string container_of(std::string_view cgroup);

/// The value after `key:` in a text of `key: value` lines, blanks trimmed.
[[nodiscard]] std::optional<std::string_view> value_of(std::string_view text, std::string_view key);

/// A line of /proc/locks, or what follows `lock:` in fdinfo.
struct LockLine {
  bool waits = false;        ///< a `->` line
  std::string_view kind;     ///< `FLOCK`, `POSIX`, `OFDLCK`, `LEASE`, …
  std::string_view mode;     ///< `READ`, `WRITE`
  std::optional<pid_t> pid;  ///< who took it; none for OFD locks
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t start = 0;
  std::optional<std::uint64_t> end;  ///< none: to the end of the file
};
[[nodiscard]] std::optional<LockLine> parse_lock_line(std::string_view line);

/// A row of /proc/sysvipc/{shm,msg,sem}, by the titles in the first line: kernels add columns.
class SysvRow {
 public:
  SysvRow(std::string_view titles, std::string_view row) noexcept : titles_{titles}, row_{row} {}
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view title) const noexcept;
  [[nodiscard]] std::optional<std::uint32_t> octal(std::string_view title) const noexcept;
  /// As the kernel prints it, a signed decimal number.
  [[nodiscard]] std::optional<std::int32_t> key() const noexcept;

 private:
  [[nodiscard]] std::string_view column(std::string_view title) const noexcept;
  std::string_view titles_;
  std::string_view row_;
};
void for_each_row(std::string_view table, const std::function<void(const SysvRow&)>& found);

/// se.exec_start of /proc/PID/task/TID/sched: when the thread ran last, in milliseconds on the clock of its processor.
[[nodiscard]] std::optional<double> parse_last_ran(std::string_view text);

}  // namespace ginnel::inventory
