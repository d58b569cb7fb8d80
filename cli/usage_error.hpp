#pragma once

#include <string_view>

#include "ginnel/core/result.hpp"

namespace ginnel::cli {

/// A use that option parsing cannot see to be wrong. Printed in plain words (`ginnel VERB: <object>: <what to do>`), with the
/// way to the help text.
[[nodiscard]] Error usage_error(std::string_view object, std::string_view what_to_do);
[[nodiscard]] bool is_usage_error(const Error& error) noexcept;

}  // namespace ginnel::cli
