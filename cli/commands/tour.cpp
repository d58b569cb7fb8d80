#include "verbs.hpp"

namespace ginnel::cli {

const Verb tour_verb{"tour", "", "", false, nullptr};

}  // namespace ginnel::cli
