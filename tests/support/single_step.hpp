#pragma once

#include <functional>
#include <optional>

namespace ginnel::test {

/// Death at a chosen instruction: forks, runs `body` in the child one machine instruction at a time, and kills it (SIGKILL)
/// after `steps` of them; the child is collected. False when the body ended before. The body must not block, and must do the
/// same each time. Nullopt where tracing is forbidden: the test is to be skipped. Source: ptrace(2).
[[nodiscard]] std::optional<bool> kill_after_steps(long steps, const std::function<void()>& body);

/// How many instructions the body takes, so that a test can spread its deaths evenly. Nullopt as above.
[[nodiscard]] std::optional<long> count_steps(const std::function<void()>& body);

/// Standing still at a chosen instruction: the child prepares a body, runs `steps` of its instructions, stands while `meanwhile` runs
/// here, and goes on to its end. Wherever the body raises SIGSTOP, `meanwhile` runs again; what comes after that is not stepped through.
struct Stand {
  bool ended_before = false;  ///< the body has not so many instructions
  bool success = false;       ///< the body returned true, or ended before
};
[[nodiscard]] std::optional<Stand> stand_after_steps(long steps, const std::function<std::function<bool()>()>& prepare,
                                                     const std::function<void()>& meanwhile);

}  // namespace ginnel::test
