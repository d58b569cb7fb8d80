#pragma once

#include <vector>

#include "ginnel/inventory.hpp"
#include "render/json.hpp"

// The JSON of the inventory, as docs/INVENTORY-JSON.md describes it.

namespace ginnel::cli {

inline constexpr int inventory_schema = 1;

/// Prints `{schema, boot_id, taken_at, coverage, objects}`, object after object: the whole of it is never in memory.
void put_document(const inventory::Judge& judge, const std::vector<const inventory::Object*>& objects);
[[nodiscard]] Json to_json(const inventory::Judge& judge, const inventory::Object& object);
[[nodiscard]] Json to_json(const inventory::Coverage& coverage);
/// Seconds since the epoch.
[[nodiscard]] double seconds_of(inventory::Time time);

}  // namespace ginnel::cli
