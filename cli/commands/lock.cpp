#include "verbs.hpp"

namespace ginnel::cli {

const Verb lock_verb{"lock", "", "", false, nullptr};

}  // namespace ginnel::cli
