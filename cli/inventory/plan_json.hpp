#pragma once

#include <string_view>

#include "ginnel/inventory/plan.hpp"
#include "render/json.hpp"

namespace ginnel::cli {

[[nodiscard]] Json to_json(const inventory::Plan& plan);
/// Reads back what `gc --json` printed. Errors: EINVAL (no plan, or of another version of ginnel).
[[nodiscard]] Result<inventory::Plan> parse_plan(std::string_view text);
[[nodiscard]] Json to_json(const inventory::RemovalReport& report);

}  // namespace ginnel::cli
