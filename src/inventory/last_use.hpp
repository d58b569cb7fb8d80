#pragma once

#include "ginnel/inventory/object.hpp"

namespace ginnel::inventory {

/// The latest time at which an object is known to have been made, changed or used; of System V objects in whole seconds.
/// Missing when no time of it is known. Pure.
[[nodiscard]] Fact<Time> last_use(const Object& object);

}  // namespace ginnel::inventory
