#pragma once

#include <vector>

#include "wait_map.hpp"

namespace ginnel::inventory {

/// What a polling thread waits for, object by object and direction by direction; what would be ready at once is left out.
[[nodiscard]] std::vector<Watch> watches_of(const Snapshot& snapshot, const Poll& poll);

}  // namespace ginnel::inventory
