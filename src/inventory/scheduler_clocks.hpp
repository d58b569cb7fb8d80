#pragma once

#include <chrono>
#include <map>
#include <optional>

namespace ginnel::inventory {

/// The clock by which the scheduler notes when a thread ran last. Each processor has one of its own, which stands still while a
/// hypervisor or an interrupt has the processor: after some hours two of them are seconds apart.
class SchedulerClocks {
 public:
  /// What the clock of a processor shows now, in milliseconds. Nothing where it cannot be asked: the caller may not run
  /// there, the processors are very busy, or the kernel has no CONFIG_SCHED_DEBUG.
  /// The first call asks all of them, by a short-lived helper process that goes from one to the next.
  [[nodiscard]] std::optional<double> now_on(int processor);

 private:
  void ask();
  using Steady = std::chrono::duration<double, std::milli>;
  bool asked_ = false;
  std::map<int, Steady> ahead_;  ///< of the steady clock, by processor
};

}  // namespace ginnel::inventory
