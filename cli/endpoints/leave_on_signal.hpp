#pragma once

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <utility>

#include "cleanup.hpp"
#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/sys/signal.hpp"

namespace ginnel::cli {

/// The signal that is to end the command, if one came.
[[nodiscard]] inline std::optional<int> ending_signal(SignalReceiver& signals) {
  auto got = signals.receive(Deadline::immediately());
  const auto* const signal = got ? got->get_if<ReceivedSignal>() : nullptr;
  return signal != nullptr && !is_ignored(signal->number) ? std::optional{signal->number} : std::nullopt;
}

/// `wait` until the deadline. A signal that ends the command during it does so only once `leave` has taken away what no signal
/// handler can: the signals are held back, and looked at from time to time. What comes at once costs none of this.
template <class Wait, class Leave>
auto wait_and_leave_on_signal(Deadline deadline, Wait wait, Leave leave) -> decltype(wait(deadline)) {
  constexpr auto look_at_signals_every = std::chrono::milliseconds{50};
  auto waited = wait(Deadline::immediately());
  if (!waited || !waited->template is<TimedOut>() || deadline.passed()) return waited;
  std::optional<int> number;
  {
    auto signals = SignalReceiver::create(ending_signals());
    if (!signals) return wait(deadline);
    while (!number) {
      auto now = wait(deadline.sooner(Deadline::after(look_at_signals_every)));
      if (!now || !now->template is<TimedOut>()) return now;
      number = ending_signal(*signals);
      if (!number && deadline.passed()) return now;
    }
    leave();
  }
  ::raise(*number);  // the shell is to see which signal it was
  ::_exit(128 + *number);
}

}  // namespace ginnel::cli
