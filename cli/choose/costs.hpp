#pragma once

#include <string>
#include <vector>

#include "ginnel/measure/choice.hpp"

namespace ginnel::cli::choose {

/// What a stored run tells, of the placement that it measured first.
struct StoredCosts {
  std::vector<measure::KnownCost> costs{};
  std::int64_t when = 0;  ///< seconds since the epoch; 0: nothing is stored
};

/// Errors: EINVAL (no report of `ginnel bench`), those of reading the file; a file that is not there stores nothing.
[[nodiscard]] Result<StoredCosts> stored_costs(const std::string& path);

}  // namespace ginnel::cli::choose
