#pragma once

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "culprits.hpp"

// Who waits on what, and for whom that is hopeless.

namespace ginnel::inventory {

using ThreadId = std::pair<pid_t, pid_t>;  ///< pid, tid

/// One object that a thread waits for, and those who could end that.
struct Watch {
  const Object* object = nullptr;
  Waiter waiter{};      ///< of a thread that polls: what it would do when the object is ready
  Culprits culprits{};  ///< without those who wait for the very same thing, unless these are all there are
  /// A connection that came in, on which the thread waits to be asked for something: the peer can bring work, but is not what
  /// the thread's present work waits for.
  bool asks = false;
  bool edge_triggered = false;
};

/// A thread asleep: on one object, or, where it polls, until any of several is ready.
struct WaitEdge {
  std::vector<Watch> watches;  ///< never empty
  const Poll* poll = nullptr;  ///< where it polls

  [[nodiscard]] ThreadId thread() const noexcept { return {watches.front().waiter.pid, watches.front().waiter.tid}; }
  /// Asleep until another thread of the process has work for it. Such a thread helps nobody, and is not stuck either.
  [[nodiscard]] bool idle() const noexcept {
    return poll == nullptr && !watches.front().culprits.known && is_private_futex(*watches.front().object);
  }
  /// Of a poll: who could end it can all be named.
  [[nodiscard]] bool all_known() const noexcept;
};

/// The waits of a snapshot, which has to outlive it.
class WaitMap {
 public:
  explicit WaitMap(const Snapshot& snapshot);

  [[nodiscard]] const std::map<ThreadId, WaitEdge>& all() const noexcept { return edges_; }
  [[nodiscard]] std::vector<const WaitEdge*> of_process(pid_t pid) const;
  /// The waits because of which a culprit cannot end another's: that of the owning thread, or those of all threads of a
  /// process, with idle ones only where there are no others. Empty where anything of it can go on.
  [[nodiscard]] std::vector<const WaitEdge*> holding_up(const Culprit& culprit) const;
  /// Whether nothing that is seen can ever end the wait, because everybody who could waits in turn: the thread is in a
  /// deadlock, or waits for those who are.
  [[nodiscard]] bool hopeless(const ThreadId& thread) const { return hopeless_.contains(thread); }
  [[nodiscard]] bool hopeless(const Culprit& culprit) const;

 private:
  void add_poll(const Poll& poll);
  void leave_out_companions(Watch& watch) const;
  [[nodiscard]] bool stuck(const WaitEdge& edge) const;
  [[nodiscard]] bool is_all_seen(const Poll& poll) const;
  void find_hopeless();

  const Snapshot& snapshot_;
  std::map<ThreadId, WaitEdge> edges_;
  std::set<ThreadId> hopeless_;
};

}  // namespace ginnel::inventory
