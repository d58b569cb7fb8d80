#pragma once

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "culprits.hpp"

// Who waits on what, and for whom that is hopeless.

namespace ginnel::inventory {

using ThreadId = std::pair<pid_t, pid_t>;  ///< pid, tid

/// A thread asleep on an object, and those who could end that.
struct WaitEdge {
  const Object* object = nullptr;
  const Waiter* waiter = nullptr;
  Culprits culprits;  ///< without those who wait for the very same thing, unless these are all there are

  [[nodiscard]] ThreadId thread() const noexcept { return {waiter->pid, waiter->tid}; }
  /// Asleep until another thread of the process has work for it. Such a thread helps nobody, and is not stuck either.
  [[nodiscard]] bool idle() const noexcept { return !culprits.known && is_private_futex(*object); }
};

/// The waits of a snapshot, which has to outlive it. A thread that polls is not in it: it can be woken in many ways.
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
  void leave_out_companions(WaitEdge& edge) const;
  [[nodiscard]] bool stuck(const WaitEdge& edge) const;
  void find_hopeless();

  const Snapshot& snapshot_;
  std::map<ThreadId, WaitEdge> edges_;
  std::set<ThreadId> hopeless_;
};

}  // namespace ginnel::inventory
