#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "ginnel/measure/trial.hpp"

// What this machine could do at the best: nothing that carries a message is quicker. Every figure is told as a ratio to these too.

namespace ginnel::measure {

/// Of two processes in one placement.
struct PairLimits {
  std::string placement{};
  double cache_line_ns = 0;  ///< round trip of a bare cache line, both polling; 0 where they share a processor
  double futex_ns = 0;       ///< round trip of a bare futex word, both sleeping
};

struct CopySpeed {
  std::size_t bytes = 0;  ///< copied at a time, again and again
  double ns = 0;          ///< for each copy
};

struct MachineLimits {
  std::vector<PairLimits> pairs{};
  std::vector<CopySpeed> copies{};
  double system_call_ns = 0;  ///< entering the kernel and coming back
  double clock_ns = 0;        ///< reading the clock, which each timed round trip contains once

  /// For copying so many bytes once, between the sizes that were measured. 0 while none was.
  [[nodiscard]] double copy_ns(std::size_t bytes) const noexcept;
  [[nodiscard]] const PairLimits* pair(const std::string& placement) const noexcept;
};

/// Measures all of them, each for so long. Medians of five. Errors: as run_pair.
[[nodiscard]] Result<Outcome<MachineLimits, Interrupted>> measure_limits(const std::vector<Placement>& places,
                                                                         const std::vector<std::size_t>& sizes,
                                                                         std::chrono::nanoseconds each,
                                                                         int interrupt = -1);

}  // namespace ginnel::measure
