#pragma once

#include <expected>

#include "ginnel/core/error.hpp"

namespace ginnel {

/// A value, or the kernel's refusal. Functions that return it are marked [[nodiscard]] one by one: the class template of
/// g++ 12 is not.
template <class T>
using Result = std::expected<T, Error>;

}  // namespace ginnel
