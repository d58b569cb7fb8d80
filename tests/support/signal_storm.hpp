#pragma once

#include <csignal>
#include <ctime>

namespace ginnel::test {

/// While it lives, SIGALRM interrupts this process some 10,000 times a second, without SA_RESTART: every blocking call keeps
/// failing with EINTR, and nothing may be lost or doubled for it.
class SignalStorm {
 public:
  SignalStorm();
  SignalStorm(const SignalStorm&) = delete;
  SignalStorm& operator=(const SignalStorm&) = delete;
  ~SignalStorm();
  /// Signals handled so far: a storm that did not blow proves nothing.
  [[nodiscard]] static long handled() noexcept;

 private:
  struct sigaction previous_{};
  timer_t timer_{};
};

}  // namespace ginnel::test
