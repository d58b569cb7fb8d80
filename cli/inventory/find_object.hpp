#pragma once

#include <string>
#include <vector>

#include "ginnel/core/address.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/inventory.hpp"

namespace ginnel::cli {

/// The objects that an address or a uid means: one, several (a socket path and the connections made through it, two IPC
/// namespaces with one key), or none. Errors: a usage error when it is neither.
[[nodiscard]] Result<std::vector<const inventory::Object*>> find_objects(const inventory::Snapshot& snapshot,
                                                                         const std::string& text);

/// The one that the caller comes to by this address: of its own IPC namespace, and of a path the file that lies there now, however the
/// path is spelled. Nullptr where the scan has none: nobody was seen to have it, and it does not lie where a scan looks.
[[nodiscard]] const inventory::Object* find_here(const inventory::Snapshot& snapshot, const Address& address);

}  // namespace ginnel::cli
