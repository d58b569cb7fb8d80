#pragma once

#include <vector>

#include "ginnel/core/result.hpp"

namespace ginnel {

/// A processor as the scheduler counts them: one hardware thread.
struct Processor {
  int number = 0;
  int core = 0;     ///< of its package; two processors of one core share its caches and its pipelines
  int package = 0;  ///< the socket; 0 where the kernel does not tell
  auto operator<=>(const Processor&) const = default;
};

/// Those on which the calling thread may run, by number. Where /sys tells no topology each counts as a core of its own.
/// Errors: EINVAL (more processors than 8192). Source: sched_getaffinity(2), sysfs(5) (/sys/devices/system/cpu).
[[nodiscard]] Result<std::vector<Processor>> allowed_processors();

/// From now on the calling thread, and what it starts, runs on this processor only.
/// Errors: EINVAL (there is none of that number, or the cpuset does not allow it). Source: sched_setaffinity(2).
[[nodiscard]] Result<void> pin_to_processor(int number);

}  // namespace ginnel
