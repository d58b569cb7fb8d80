#pragma once

#include <string>
#include <vector>

#include "ginnel/core/result.hpp"

namespace ginnel::measure {

/// Where the two sides of a measurement run. `name` is `one processor`, `one core` (its two hardware threads), `two cores` (of one
/// package) or `two packages`.
struct Placement {
  std::string name{};
  int first = 0;   ///< number of a processor
  int second = 0;  ///< the same, or another
  [[nodiscard]] bool is_shared() const noexcept { return first == second; }
};

/// One of each kind that the processors of this process allow, the nearest kind that is not `one processor` first and that last. Never empty.
[[nodiscard]] Result<std::vector<Placement>> placements();

}  // namespace ginnel::measure
