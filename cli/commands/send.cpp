#include "verbs.hpp"

namespace ginnel::cli {

const Verb send_verb{"send", "", "", false, nullptr};

}  // namespace ginnel::cli
