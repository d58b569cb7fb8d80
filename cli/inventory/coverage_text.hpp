#pragma once

#include <string>

#include "ginnel/inventory/snapshot.hpp"

namespace ginnel::cli {

/// What could not be seen, a line each, for standard error; empty when nothing was left out.
[[nodiscard]] std::string coverage_text(const inventory::Coverage& coverage);

}  // namespace ginnel::cli
