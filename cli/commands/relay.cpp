#include "verbs.hpp"

namespace ginnel::cli {

const Verb relay_verb{"relay", "", "", false, nullptr};

}  // namespace ginnel::cli
