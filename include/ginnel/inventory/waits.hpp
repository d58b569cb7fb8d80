#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ginnel/inventory/snapshot.hpp"

namespace ginnel::inventory {

// Which thread waits for whom. A pipe, a queue or a socket is served by any thread of a process, so a process is held up when
// all of its threads wait; an idle one, asleep on a futex of its own process that names no owner, counts neither way. A lock
// or mutex is given back by its holder. Where several could end a wait, the chain follows those whose own wait leads to
// somebody, then stopped ones, then those who run; those who are in a deadlock only where all are, or where each has to give way.
//
// A thread that polls goes on when anything of what it polls is ready. It is in a deadlock only if all of that is seen, it has no
// timeout, and nobody who could make any of it ready goes on. A chain leads on through it to those who wait, are in a
// deadlock or are stopped, but not to the clients of a server that waits to be asked.

/// One of the things that a thread polls.
struct WatchedObject {
  ObjectId object;
  Wait wait = Wait::read;  ///< what it would do once the object is ready
  std::vector<pid_t> culprits;
};

/// One step on the way from a waiting thread to the culprit.
struct WaitStep {
  pid_t pid = 0;
  pid_t tid = 0;
  Wait wait = Wait::read;          ///< `poll` where it waits until any of several things is ready
  std::optional<ObjectId> object;  ///< of a thread that polls: its epoll set, or the only thing that it polls
  std::string text;                ///< `writes to a pipe, which is full (65536 of 65536 bytes)`
  std::vector<pid_t>
      culprits;  ///< who could end this wait: the readers of the full pipe, the holder of the lock; at the last
                 ///< step of a chain that ends `unknown` or `polling`, who may be able to
  std::vector<WatchedObject> watches;  ///< of a thread that polls
};

enum class ChainEnd : std::uint8_t {
  running,  ///< the last one does not wait for any object: it runs, or sleeps for reasons of its own
  stopped,  ///< the last one is stopped (SIGSTOP) or traced
  polling,  ///< the last one polls, and several could bring it to go on, or what is no IPC object: it is idle, as a rule
  nobody,   ///< nobody is there yet who could end the wait, as where a connection is waited for
  deadlock,  ///< the chain comes back to itself, and of all that could end a wait of it nobody goes on. A wait that is to
             ///< time out, or that a signal will end, looks like one that is not
  unknown,  ///< who could end it cannot be told, or may not be seen, or whether that one waits in turn may not
};
[[nodiscard]] std::string_view to_string(ChainEnd end) noexcept;

struct WaitChain {
  std::vector<WaitStep> steps;  ///< never empty
  ChainEnd end = ChainEnd::running;
  pid_t last = 0;         ///< the culprit: who is to be looked at; 0 when nobody, or where it cannot be told
  std::size_t cycle = 0;  ///< of a deadlock: the step that the chain comes back to; those before only lead there
  std::string text;       ///< one sentence that says how it ends
};

/// The chains of all waiting threads of a process, one for each; a deadlock first, what cannot be told last. Empty where
/// none waits for an IPC object, or where that may not be asked: see ProcessInfo::waits_readable. Pure.
/// Errors: ESRCH (no such process in the snapshot).
[[nodiscard]] Result<std::vector<WaitChain>> why(const Snapshot& snapshot, pid_t pid);

/// Every deadlock of the snapshot, each told once and without the threads that only wait for its members. Pure.
[[nodiscard]] std::vector<WaitChain> deadlocks(const Snapshot& snapshot);

}  // namespace ginnel::inventory
