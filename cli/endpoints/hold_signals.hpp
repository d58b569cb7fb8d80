#pragma once

#include <csignal>

#include "cleanup.hpp"

namespace ginnel::cli {

/// Holds back the signals that would end the command, for the moment between making a path and registering it.
class [[nodiscard]] HoldEndingSignals {
 public:
  HoldEndingSignals() {
    sigset_t ending;
    ::sigemptyset(&ending);
    for (const int number : ending_signals()) ::sigaddset(&ending, number);
    ::pthread_sigmask(SIG_BLOCK, &ending, &before_);
  }
  HoldEndingSignals(const HoldEndingSignals&) = delete;
  HoldEndingSignals& operator=(const HoldEndingSignals&) = delete;
  ~HoldEndingSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace ginnel::cli
