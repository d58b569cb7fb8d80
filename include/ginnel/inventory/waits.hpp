#pragma once

#include <string>
#include <vector>

#include "ginnel/inventory/snapshot.hpp"

namespace ginnel::inventory {

/// One step on the way from a waiting thread to the culprit.
struct WaitStep {
  pid_t pid = 0;
  pid_t tid = 0;
  Wait wait = Wait::read;
  ObjectId object;
  std::string text;             ///< `write to a full pipe (65536 of 65536 bytes)`
  std::vector<pid_t> culprits;  ///< who could end this wait: the readers of the full pipe, the holder of the lock
};

enum class ChainEnd : std::uint8_t {
  running,   ///< the last one does not wait for any object: it runs, or sleeps for reasons of its own
  stopped,   ///< the last one is stopped (SIGSTOP) or traced
  nobody,    ///< nobody is left who could end the wait
  deadlock,  ///< the chain comes back to itself
  unknown,   ///< who could end it may not be seen
};
[[nodiscard]] std::string_view to_string(ChainEnd end) noexcept;

struct WaitChain {
  std::vector<WaitStep> steps;  ///< empty: the thread does not wait for an IPC object
  ChainEnd end = ChainEnd::running;
  pid_t last = 0;    ///< the culprit: who is to be looked at; 0 when nobody
  std::string text;  ///< one sentence that says it
};

/// The chains of all waiting threads of a process, one for each thread that waits; a deadlock first. Pure.
/// Errors: ESRCH (no such process in the snapshot).
[[nodiscard]] Result<std::vector<WaitChain>> why(const Snapshot& snapshot, pid_t pid);

/// Every deadlock of the snapshot, each told once.
[[nodiscard]] std::vector<WaitChain> deadlocks(const Snapshot& snapshot);

}  // namespace ginnel::inventory
