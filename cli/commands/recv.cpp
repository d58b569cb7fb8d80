#include "verbs.hpp"

namespace ginnel::cli {

const Verb recv_verb{"recv", "", "", false, nullptr};

}  // namespace ginnel::cli
