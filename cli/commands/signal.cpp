#include "verbs.hpp"

namespace ginnel::cli {

const Verb signal_verb{"signal", "", "", false, nullptr};

}  // namespace ginnel::cli
