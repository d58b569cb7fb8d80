#include "usage_error.hpp"

#include <cerrno>

namespace ginnel::cli {
namespace {

constexpr std::string_view usage_operation = "usage";

}  // namespace

Error usage_error(std::string_view object, std::string_view what_to_do) {
  return Error{EINVAL, usage_operation, object, what_to_do};
}

bool is_usage_error(const Error& error) noexcept { return error.operation() == usage_operation; }

}  // namespace ginnel::cli
