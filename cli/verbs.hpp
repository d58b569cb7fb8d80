#pragma once

#include <span>

#include "command.hpp"

namespace ginnel::cli {

extern const Verb mk_verb;
extern const Verb rm_verb;
extern const Verb send_verb;
extern const Verb recv_verb;
extern const Verb relay_verb;
extern const Verb pipe_verb;
extern const Verb lock_verb;
extern const Verb sem_verb;
extern const Verb signal_verb;
extern const Verb fd_verb;
extern const Verb run_verb;
extern const Verb ls_verb;
extern const Verb show_verb;
extern const Verb why_verb;
extern const Verb graph_verb;
extern const Verb limits_verb;
extern const Verb explain_verb;
extern const Verb gc_verb;
extern const Verb applet_verb;
extern const Verb tour_verb;
extern const Verb bench_verb;
extern const Verb choose_verb;

}  // namespace ginnel::cli
