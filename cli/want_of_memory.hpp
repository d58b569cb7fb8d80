#pragma once

// The command where memory has run out (RLIMIT_AS, a cgroup, the machine): it ends with the code of a refusal and says what it lacked.

namespace ginnel::cli {

/// Once, at the start: from then on want of memory is thrown, so that what was begun is taken back on the way out. Before, while the
/// program's own objects are made, it ends the program at once.
void have_want_of_memory_thrown() noexcept;

/// Says on standard error that there is no memory, and which limits there are. Takes none itself.
void tell_want_of_memory() noexcept;

}  // namespace ginnel::cli
