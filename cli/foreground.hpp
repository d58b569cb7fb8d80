#pragma once

#include <optional>
#include <span>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/process_id.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/sys/signal.hpp"

// What the verbs that run a command of the user's (pipe, lock, sem, run) have in common: the command is in charge. A signal
// meant to end ginnel goes to the command, and ginnel ends after it, with its code.

namespace ginnel::cli {

/// From `begin` on SIGINT, SIGQUIT, SIGTERM and SIGHUP wait in a descriptor instead of ending ginnel. Begin before the first
/// command is started, so that no signal falls between the two.
class [[nodiscard]] Foreground {
 public:
  /// Errors: EMFILE, ENFILE.
  [[nodiscard]] static Result<Foreground> begin();

  /// The signal that has come while no command was there to take it.
  [[nodiscard]] Result<std::optional<int>> interrupted();
  /// Waits for the end of all commands, and passes on to those that still run whatever signal comes meanwhile. One that
  /// the terminal sent (Ctrl-C) has reached them already, being of the same process group, and is not sent a second time.
  [[nodiscard]] Result<Outcome<Done, TimedOut>> wait_for(std::span<const Process> commands,
                                                         Deadline deadline = Deadline::never());
  /// Waits for one command, collects it and gives what the shell is to be told: exit_code_of its status.
  [[nodiscard]] Result<int> run_to_end(Process command);

 private:
  explicit Foreground(SignalReceiver signals) noexcept : signals_{std::move(signals)} {}
  [[nodiscard]] Result<void> pass_on(std::span<const Process> commands);
  SignalReceiver signals_;
};

/// As shells tell it: the code, or 128 + N when signal N ended the command.
[[nodiscard]] int exit_code_of(const ExitStatus& status) noexcept;

}  // namespace ginnel::cli
