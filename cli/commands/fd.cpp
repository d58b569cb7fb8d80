#include "verbs.hpp"

namespace ginnel::cli {

const Verb fd_verb{"fd", "", "", false, nullptr};

}  // namespace ginnel::cli
