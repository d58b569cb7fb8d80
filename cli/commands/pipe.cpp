#include "verbs.hpp"

namespace ginnel::cli {

const Verb pipe_verb{"pipe", "", "", false, nullptr};

}  // namespace ginnel::cli
