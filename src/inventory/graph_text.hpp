#pragma once

#include <string>
#include <string_view>

#include "ginnel/inventory/graph.hpp"

namespace ginnel::inventory {

/// What stands at an edge: the name or kind, and how full it is: `pipe 4 KiB of 64 KiB`. `other_end` may be null.
[[nodiscard]] std::string label_of(const Object& object, const Object* other_end);
/// `sort(812) waits to read`.
[[nodiscard]] std::string describe_waiter(const Snapshot& snapshot, const Waiter& waiter);

/// Grey, amber or red, dark enough for text and thin lines on white.
[[nodiscard]] std::string_view colour_of(EdgeState state) noexcept;

/// Valid UTF-8 without control characters: what is not comes as U+FFFD.
[[nodiscard]] std::string readable(std::string_view text);

}  // namespace ginnel::inventory
