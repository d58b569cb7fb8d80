#pragma once

#include <chrono>
#include <cstdint>

namespace ginnel {

/// What the calling process has used since it was started, its ended children not counted.
struct ResourceUse {
  std::chrono::nanoseconds user{};
  std::chrono::nanoseconds system{};
  std::uint64_t voluntary_switches = 0;    ///< it waited for something
  std::uint64_t involuntary_switches = 0;  ///< its time was up, or somebody else was more urgent
  std::uint64_t minor_faults = 0;          ///< pages that were found in memory

  [[nodiscard]] ResourceUse since(const ResourceUse& earlier) const noexcept;
};
/// Never fails. Source: getrusage(2), RUSAGE_SELF; its times are of microseconds.
[[nodiscard]] ResourceUse own_resource_use() noexcept;
/// The same of its children that have ended and been collected, and of theirs. Source: getrusage(2), RUSAGE_CHILDREN.
[[nodiscard]] ResourceUse children_resource_use() noexcept;

/// The cheapest system call, which enters the kernel and does nothing there: to learn what entering costs. Source: getppid(2).
void enter_kernel() noexcept;

}  // namespace ginnel
