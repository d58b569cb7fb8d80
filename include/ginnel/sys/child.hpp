#pragma once

#include <functional>

#include "ginnel/core/process_id.hpp"
#include "ginnel/core/result.hpp"

namespace ginnel {

/// Runs `body` in a child of fork(2), which ends with the code that it returns (its lowest 8 bits), without the caller's exit
/// handlers and destructors. The child has a copy of the caller's memory and of all its descriptors, and is killed (SIGKILL) when
/// the calling thread ends. An exception that leaves `body` ends it with 255.
/// In a program with several threads `body` may not take locks of the program's own. Errors: EAGAIN (RLIMIT_NPROC or the cgroup's
/// pids.max), ENOMEM, EMFILE, ENFILE. Source: fork(2), prctl(2) (PR_SET_PDEATHSIG).
[[nodiscard]] Result<Process> start_child(const std::function<int()>& body);

}  // namespace ginnel
