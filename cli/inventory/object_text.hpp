#pragma once

#include <string>

#include "ginnel/inventory.hpp"
#include "render/screen.hpp"

namespace ginnel::cli {

/// All that is known of an object, a fact a line, with the reasons for what is missing.
[[nodiscard]] std::string object_text(const inventory::Judge& judge, const inventory::Object& object,
                                      const Screen& screen);

}  // namespace ginnel::cli
