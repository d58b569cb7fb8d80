#include "command.hpp"

#include <cstdio>

namespace ginnel::cli {

int nothing(const Verb& verb, std::string_view text) {
  std::fprintf(stderr, "ginnel %s: %s\n", std::string{verb.name}.c_str(), std::string{text}.c_str());
  return exit_nothing;
}

}  // namespace ginnel::cli
