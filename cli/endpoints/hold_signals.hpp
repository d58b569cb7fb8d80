#pragma once

#include <csignal>

namespace ginnel::cli {

/// Holds back the signals that would end the command, for the moment between making a path and registering it.
class [[nodiscard]] HoldEndingSignals {
 public:
  HoldEndingSignals() noexcept {
    sigset_t ending;
    ::sigemptyset(&ending);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::sigaddset(&ending, number);
    ::pthread_sigmask(SIG_BLOCK, &ending, &before_);
  }
  HoldEndingSignals(const HoldEndingSignals&) = delete;
  HoldEndingSignals& operator=(const HoldEndingSignals&) = delete;
  ~HoldEndingSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace ginnel::cli
