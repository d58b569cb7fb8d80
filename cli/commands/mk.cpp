#include "verbs.hpp"

namespace ginnel::cli {

const Verb mk_verb{"mk", "", "", false, nullptr};

}  // namespace ginnel::cli
