#pragma once

#include <functional>
#include <span>
#include <vector>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/process_id.hpp"
#include "ginnel/core/result.hpp"

namespace ginnel {

/// Watches children of the calling thread until all have ended, and calls `entered` with the place of a child in the list each time it
/// enters the kernel, before it does. Each system call stops the child twice, so it runs many times slower than by itself: this is for
/// counting, not for timing. Signals of a child are delivered as they come. The children are collected: the result is how each ended, in
/// their order; TimedOut: those that were left are killed and collected.
/// Errors: EPERM (somebody traces the child already, or a filter of system calls forbids it), ESRCH (it has ended and is collected), ECHILD.
/// Source: ptrace(2), PTRACE_SEIZE.
[[nodiscard]] Result<Outcome<std::vector<ExitStatus>, TimedOut>> count_calls(
    std::span<Process> children, const std::function<void(std::size_t)>& entered, Deadline deadline);

}  // namespace ginnel
