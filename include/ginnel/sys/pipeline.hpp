#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/process_id.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/sys/spawn.hpp"

namespace ginnel {

struct PipelineOptions {
  int input = 0;   ///< what the first command reads; borrowed
  int output = 1;  ///< what the last command writes; borrowed
  int errors = 2;  ///< standard error of all; borrowed
  bool end_with_parent = false;
};

/// Commands with the standard output of each joined to the standard input of the next, as a shell's `a | b | c`.
/// Destroying a pipeline that still runs kills its commands (SIGKILL) and collects them.
/// One thread at a time; different pipelines may be used by different threads at once. Not for a child of fork(2): only the
/// process that started the commands can collect them, and in another a pipeline that is destroyed would kill them.
/// Source: pipe(7), waitid(2).
class [[nodiscard]] Pipeline {
 public:
  /// Starts all or none: when one cannot be started, those before it are killed and collected, and the error names it.
  /// Errors: EINVAL (no command, or an empty one), and those of spawn() and Pipe::create().
  [[nodiscard]] static Result<Pipeline> start(std::vector<Command> commands, PipelineOptions options = {});

  Pipeline(Pipeline&&) noexcept = default;
  Pipeline& operator=(Pipeline&&) noexcept;
  ~Pipeline();

  [[nodiscard]] const std::vector<Process>& processes() const noexcept { return processes_; }

  /// Each command's end, in the order of the commands; nothing is killed on TimedOut. Errors: ECHILD (a program that ignores
  /// SIGCHLD, or collects all its children, leaves nothing to collect). Source: waitid(2).
  [[nodiscard]] Result<Outcome<std::vector<ExitStatus>, TimedOut>> wait(Deadline deadline = Deadline::never());
  /// Sends a signal to all that still run. Errors: EINVAL (no such signal), EPERM. Source: pidfd_send_signal(2).
  [[nodiscard]] Result<void> signal_all(int signal_number);

 private:
  explicit Pipeline(std::vector<Process> processes) noexcept;
  void end_all() noexcept;
  std::vector<Process> processes_;
  std::vector<std::optional<ExitStatus>> ended_;
};

/// The index of the first command that failed, of its own: one killed by SIGPIPE because a later one had read enough
/// counts as failed only when no other did.
[[nodiscard]] std::optional<std::size_t> first_failure(const std::vector<ExitStatus>& statuses) noexcept;

}  // namespace ginnel
