#include "command.hpp"

#include "render/harmless.hpp"
#include "render/output.hpp"

namespace ginnel::cli {

int nothing(const Verb& verb, std::string_view text) {
  note("ginnel {}: {}\n", verb.name, on_one_line(text));
  return exit_nothing;
}

}  // namespace ginnel::cli
