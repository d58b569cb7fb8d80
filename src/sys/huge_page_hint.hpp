#pragma once

#include <string>

#include "ginnel/sys/huge_pages.hpp"

namespace ginnel {

/// What to do when memory of huge pages was refused: how many are wanted and free, and the settings.
[[nodiscard]] std::string huge_page_hint(int code, Bytes size, HugePages huge);

}  // namespace ginnel
