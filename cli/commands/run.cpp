#include "verbs.hpp"

namespace ginnel::cli {

const Verb run_verb{"run", "", "", false, nullptr};

}  // namespace ginnel::cli
