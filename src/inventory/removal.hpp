#pragma once

#include <vector>

#include "ginnel/inventory/plan.hpp"

namespace ginnel::inventory {

/// execute() on a snapshot that was just taken.
[[nodiscard]] Result<std::vector<RemovalReport>> execute_on(const Snapshot& now, const Plan& plan,
                                                            const ExecuteOptions& options);

}  // namespace ginnel::inventory
