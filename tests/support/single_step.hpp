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

}  // namespace ginnel::test
