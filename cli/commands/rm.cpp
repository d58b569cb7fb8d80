#include "verbs.hpp"

namespace ginnel::cli {

const Verb rm_verb{"rm", "", "", false, nullptr};

}  // namespace ginnel::cli
