#pragma once

#include <string_view>

#include "ginnel/inventory/object.hpp"

namespace ginnel::inventory {

/// A program known to leave an object behind when it is killed and to take it over or remove it at its next start.
struct Recycler {
  std::string_view program;
  std::string_view command;  ///< by which its processes run
  std::string_view by;       ///< what it is known by: `its name`
  std::string_view does;     ///< `recycles it at its next start`
  std::string_view check;    ///< how to make sure that it is this program's; empty when the name says enough
};

/// By what can be seen of the object itself: its size, mode, name or path. Nullptr for none. Pure.
[[nodiscard]] const Recycler* recycler_of(const Object& object);

}  // namespace ginnel::inventory
