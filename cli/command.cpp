#include "command.hpp"

#include <cerrno>
#include <cstdio>

namespace ginnel::cli {
namespace {

constexpr std::string_view usage_operation = "usage";

}  // namespace

int nothing(const Verb& verb, std::string_view text) {
  std::fprintf(stderr, "ginnel %s: %s\n", std::string{verb.name}.c_str(), std::string{text}.c_str());
  return exit_nothing;
}

Error usage_error(std::string_view object, std::string_view what_to_do) {
  return Error{EINVAL, usage_operation, object, what_to_do};
}

bool is_usage_error(const Error& error) noexcept { return error.operation() == usage_operation; }

}  // namespace ginnel::cli
