#include "verbs.hpp"

namespace ginnel::cli {

const Verb sem_verb{"sem", "", "", false, nullptr};

}  // namespace ginnel::cli
