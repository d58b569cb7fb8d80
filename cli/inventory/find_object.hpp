#pragma once

#include <string>
#include <vector>

#include "ginnel/core/result.hpp"
#include "ginnel/inventory.hpp"

namespace ginnel::cli {

/// The objects that an address or a uid means: one, several (a socket path and the connections made through it, two IPC
/// namespaces with one key), or none. Errors: a usage error when it is neither.
[[nodiscard]] Result<std::vector<const inventory::Object*>> find_objects(const inventory::Snapshot& snapshot,
                                                                         const std::string& text);

}  // namespace ginnel::cli
