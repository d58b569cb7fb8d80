#include "ginnel/inventory/waits.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

#include "culprits.hpp"

namespace ginnel::inventory {
namespace {

struct Edge {
  const Object* object = nullptr;
  const Waiter* waiter = nullptr;
};

/// Who waits on what, by process. A process with threads that do something else is not stuck as a whole: only its
/// waiting threads are followed, and a chain that reaches it ends there.
class WaitMap {
 public:
  explicit WaitMap(const Snapshot& snapshot) : snapshot_{snapshot} {
    for (const Object& object : snapshot.objects)
      for (const Waiter& waiter : object.waiters)
        if (waiter.wait != Wait::poll) by_thread_[{waiter.pid, waiter.tid}] = {&object, &waiter};
  }

  [[nodiscard]] std::vector<Edge> of_process(pid_t pid) const {
    std::vector<Edge> edges;
    for (auto at = by_thread_.lower_bound({pid, 0}); at != by_thread_.end() && at->first.first == pid; ++at)
      edges.push_back(at->second);
    return edges;
  }
  /// The wait that holds a culprit up: that of the thread itself where one is named, and otherwise one that all of the
  /// process's threads share the fate of. Nullptr where something of it can still run.
  [[nodiscard]] const Edge* holding_up(const Culprit& culprit) const {
    if (culprit.tid != 0) {
      const auto own = by_thread_.find({culprit.pid, culprit.tid});
      return own == by_thread_.end() ? nullptr : &own->second;
    }
    const ProcessInfo* process = snapshot_.process(culprit.pid);
    const auto first = by_thread_.lower_bound({culprit.pid, 0});
    if (process == nullptr || first == by_thread_.end() || first->first.first != culprit.pid) return nullptr;
    return of_process(culprit.pid).size() >= process->threads ? &first->second : nullptr;
  }
  [[nodiscard]] const std::map<std::pair<pid_t, pid_t>, Edge>& all() const noexcept { return by_thread_; }

 private:
  const Snapshot& snapshot_;
  std::map<std::pair<pid_t, pid_t>, Edge> by_thread_;
};

std::string name_of(const Snapshot& snapshot, pid_t pid) {
  const ProcessInfo* process = snapshot.process(pid);
  return (process == nullptr ? "?" : process->command) + "(" + std::to_string(pid) + ")";
}

bool is_stopped(const Snapshot& snapshot, pid_t pid) {
  const ProcessInfo* process = snapshot.process(pid);
  return process != nullptr && (process->state == 'T' || process->state == 't');
}

std::string closing_text(const Snapshot& snapshot, const WaitChain& chain, std::string_view unknown_why) {
  switch (chain.end) {
    case ChainEnd::running:
      return name_of(snapshot, chain.last) + " could go on with it, and waits for no IPC object itself";
    case ChainEnd::stopped:
      return name_of(snapshot, chain.last) + " could go on with it, and is stopped";
    case ChainEnd::nobody:
      return "nobody is left who could end this wait";
    case ChainEnd::deadlock:
      return "deadlock: the chain comes back to " + name_of(snapshot, chain.last);
    case ChainEnd::unknown:
      return std::string{unknown_why};
  }
  return {};
}

/// Follows a wait to its end. Where several could end a wait, that one is followed which is worst off: one on the chain
/// already, then one that waits itself, then a stopped one.
class Pursuit {
 public:
  Pursuit(const Snapshot& snapshot, const WaitMap& waits) : snapshot_{snapshot}, waits_{waits} {}

  [[nodiscard]] WaitChain follow(const Edge& start) {
    const Edge* edge = &start;
    while (true) {
      on_the_way_.insert({edge->waiter->pid, edge->waiter->tid});
      const Culprits culprits = culprits_of(snapshot_, *edge->object, *edge->waiter);
      chain_.steps.push_back(step(*edge, culprits));
      if (culprits.who.empty()) return end(culprits.known ? ChainEnd::nobody : ChainEnd::unknown, 0, culprits.note);
      // Only if every one of them is held up is the wait hopeless: one that runs may end it.
      const Edge* next = nullptr;
      for (const Culprit& culprit : culprits.who) {
        const Edge* held_up = waits_.holding_up(culprit);
        if (held_up == nullptr && is_stopped(snapshot_, culprit.pid)) return end(ChainEnd::stopped, culprit.pid, {});
        if (held_up == nullptr) return end(ChainEnd::running, culprit.pid, {});
        if (next == nullptr || is_on_the_way(*held_up)) next = held_up;
      }
      if (is_on_the_way(*next)) return end(ChainEnd::deadlock, next->waiter->pid, {});
      edge = next;
    }
  }

 private:
  [[nodiscard]] bool is_on_the_way(const Edge& edge) const {
    return on_the_way_.contains({edge.waiter->pid, edge.waiter->tid});
  }
  [[nodiscard]] WaitStep step(const Edge& edge, const Culprits& culprits) const {
    WaitStep one{.pid = edge.waiter->pid,
                 .tid = edge.waiter->tid,
                 .wait = edge.waiter->wait,
                 .object = edge.object->id,
                 .text = describe_wait(*edge.object, *edge.waiter),
                 .culprits = {}};
    for (const Culprit& culprit : culprits.who)
      if (std::ranges::find(one.culprits, culprit.pid) == one.culprits.end()) one.culprits.push_back(culprit.pid);
    return one;
  }
  [[nodiscard]] WaitChain end(ChainEnd how, pid_t last, std::string_view note) {
    chain_.end = how;
    chain_.last = last;
    chain_.text = closing_text(snapshot_, chain_, note);
    return std::move(chain_);
  }

  const Snapshot& snapshot_;
  const WaitMap& waits_;
  WaitChain chain_;
  std::set<std::pair<pid_t, pid_t>> on_the_way_;
};

/// The members of the cycle, for telling two chains into one cycle apart from two cycles.
std::set<std::pair<pid_t, ObjectId>> cycle_of(const WaitChain& chain) {
  std::set<std::pair<pid_t, ObjectId>> members;
  bool inside = false;
  for (const WaitStep& step : chain.steps) {
    inside = inside || step.pid == chain.last;
    if (inside) members.insert({step.tid, step.object});
  }
  return members;
}

}  // namespace

std::string_view to_string(ChainEnd end) noexcept {
  switch (end) {
    case ChainEnd::running:
      return "running";
    case ChainEnd::stopped:
      return "stopped";
    case ChainEnd::nobody:
      return "nobody";
    case ChainEnd::deadlock:
      return "deadlock";
    case ChainEnd::unknown:
      return "unknown";
  }
  return "?";
}

Result<std::vector<WaitChain>> why(const Snapshot& snapshot, pid_t pid) {
  if (snapshot.process(pid) == nullptr)
    return std::unexpected{
        Error{ESRCH, "why", "pid " + std::to_string(pid), "there is no such process, or it may not be seen"}};
  const WaitMap waits{snapshot};
  std::vector<WaitChain> chains;
  for (const Edge& edge : waits.of_process(pid)) chains.push_back(Pursuit{snapshot, waits}.follow(edge));
  std::ranges::stable_sort(chains, std::ranges::greater{},
                           [](const WaitChain& chain) { return chain.end == ChainEnd::deadlock; });
  return chains;
}

std::vector<WaitChain> deadlocks(const Snapshot& snapshot) {
  const WaitMap waits{snapshot};
  std::vector<WaitChain> found;
  std::set<std::set<std::pair<pid_t, ObjectId>>> told;
  for (const auto& [thread, edge] : waits.all()) {
    WaitChain chain = Pursuit{snapshot, waits}.follow(edge);
    if (chain.end == ChainEnd::deadlock && told.insert(cycle_of(chain)).second) found.push_back(std::move(chain));
  }
  return found;
}

}  // namespace ginnel::inventory
