#include "ginnel/inventory/waits.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <tuple>
#include <utility>

#include "wait_map.hpp"
#include "wait_text.hpp"

namespace ginnel::inventory {
namespace {

bool is_stopped(const Snapshot& snapshot, pid_t pid) {
  const ProcessInfo* process = snapshot.process(pid);
  return process != nullptr && (process->state == 'T' || process->state == 't');
}

/// How a chain ends at a process that is not seen to wait.
ChainEnd end_at(const Snapshot& snapshot, pid_t pid) {
  if (is_stopped(snapshot, pid)) return ChainEnd::stopped;
  const ProcessInfo* process = snapshot.process(pid);
  return process != nullptr && !process->waits_readable ? ChainEnd::unknown : ChainEnd::running;
}

std::vector<pid_t> pids_of(const std::vector<Culprit>& culprits) {
  std::vector<pid_t> pids;
  std::set<pid_t> seen;
  for (const Culprit& culprit : culprits)
    if (seen.insert(culprit.pid).second) pids.push_back(culprit.pid);
  return pids;
}

std::vector<Culprit> all_culprits(const WaitEdge& edge) {
  std::vector<Culprit> all;
  for (const Watch& watch : edge.watches) all.insert(all.end(), watch.culprits.who.begin(), watch.culprits.who.end());
  return all;
}

WaitStep step_of(const WaitEdge& edge) {
  const auto [pid, tid] = edge.thread();
  WaitStep step{.pid = pid,
                .tid = tid,
                .wait = edge.watches.front().waiter.wait,
                .object = edge.watches.front().object->id,
                .text = {},
                .culprits = pids_of(all_culprits(edge)),
                .watches = {}};
  if (edge.poll == nullptr) {
    step.text = describe_wait(*edge.watches.front().object, edge.watches.front().waiter);
    return step;
  }
  step.wait = Wait::poll;
  step.text = describe_poll(edge);
  if (edge.poll->by == PollBy::epoll)
    step.object = edge.poll->set;
  else if (edge.watches.size() > 1 || edge.poll->others > 0)
    step.object.reset();
  for (const Watch& watch : edge.watches)
    step.watches.push_back({watch.object->id, watch.waiter.wait, pids_of(watch.culprits.who)});
  return step;
}

/// Follows one wait to its end, depth first. A culprit that only leads back to where the pursuit has been, or to where nobody can
/// be named, is left for the next one as long as there is one.
class Pursuit {
 public:
  Pursuit(const Snapshot& snapshot, const WaitMap& waits) : snapshot_{snapshot}, waits_{waits} {}

  [[nodiscard]] WaitChain follow(const WaitEdge& start) && {
    return leads_to_somebody(start) ? std::move(chain_) : std::move(dead_end_.value());
  }

 private:
  /// Who is followed first where several could end a wait: the one that explains most.
  enum class Interest { closes_a_deadlock, deadlocked, waits, stopped, runs };

  [[nodiscard]] Interest interest_in(const Culprit& culprit) const {
    const auto held_up = waits_.holding_up(culprit);
    if (held_up.empty()) return is_stopped(snapshot_, culprit.pid) ? Interest::stopped : Interest::runs;
    if (!waits_.hopeless(culprit)) return Interest::waits;
    const bool on_the_way =
        std::ranges::any_of(held_up, [&](const WaitEdge* edge) { return visited_.contains(edge->thread()); });
    return on_the_way ? Interest::closes_a_deadlock : Interest::deadlocked;
  }

  [[nodiscard]] bool leads_to_somebody(const WaitEdge& edge) {
    if (!visited_.insert(edge.thread()).second) return waits_.hopeless(edge.thread()) && closes_at(edge);
    chain_.steps.push_back(step_of(edge));
    if (edge.poll != nullptr ? leads_on_from_poll(edge) : leads_on_from(edge)) return true;
    chain_.steps.pop_back();
    return false;
  }

  /// Where anybody who could end the wait is in no deadlock, those who are in one explain nothing.
  [[nodiscard]] bool leads_on_from(const WaitEdge& edge) {
    const Culprits& culprits = edge.watches.front().culprits;
    if (culprits.known && !culprits.who.empty()) {
      std::vector<Culprit> candidates = culprits.who;
      if (!waits_.hopeless(edge.thread())) leave_out_the_hopeless(candidates);
      return std::ranges::any_of(by_interest(std::move(candidates)),
                                 [&](const Culprit& culprit) { return leads_on(culprit); });
    }
    end(culprits.known ? ChainEnd::nobody : ChainEnd::unknown, 0, culprits.remark);
    if (!dead_end_) dead_end_ = chain_;
    return false;
  }

  /// Whoever waits or is stopped himself explains why nothing becomes ready. Who does not is the culprit only where nobody
  /// else can be.
  [[nodiscard]] bool leads_on_from_poll(const WaitEdge& edge) {
    std::vector<Culprit> held_up;
    std::set<pid_t> free;
    for (const Watch& watch : edge.watches)
      for (const Culprit& culprit : watch.culprits.who) {
        const Interest interest = interest_in(culprit);
        const bool is_stuck = interest == Interest::closes_a_deadlock || interest == Interest::deadlocked;
        if (watch.asks && !is_stuck) continue;
        if (interest != Interest::runs)
          held_up.push_back(culprit);
        else if (!is_on_the_way(culprit.pid))
          free.insert(culprit.pid);
      }
    const bool others_may_help = !edge.all_known() || !are_hopeless(all_culprits(edge));
    if (others_may_help) leave_out_the_hopeless(held_up);
    for (const Culprit& culprit : by_interest(std::move(held_up)))
      if (leads_on(culprit)) return true;
    const bool asks = std::ranges::any_of(edge.watches, &Watch::asks);
    if (edge.all_known() && !asks && free.size() == 1) return end(end_at(snapshot_, *free.begin()), *free.begin(), {});

    end(ChainEnd::polling, edge.thread().first, {});
    // That those behind it are idle too says less than that it is.
    if (!dead_end_ || dead_end_->end == ChainEnd::polling) dead_end_ = chain_;
    return false;
  }

  [[nodiscard]] bool are_hopeless(const std::vector<Culprit>& culprits) const {
    return std::ranges::all_of(culprits, [&](const Culprit& culprit) { return waits_.hopeless(culprit); });
  }
  void leave_out_the_hopeless(std::vector<Culprit>& culprits) const {
    std::erase_if(culprits, [&](const Culprit& culprit) { return waits_.hopeless(culprit); });
  }

  [[nodiscard]] std::vector<Culprit> by_interest(std::vector<Culprit> culprits) const {
    std::ranges::sort(culprits, {}, [&](const Culprit& culprit) {
      return std::tuple{interest_in(culprit), culprit.pid, culprit.tid};
    });
    return culprits;
  }

  [[nodiscard]] bool is_on_the_way(pid_t pid) const {
    return std::ranges::find(chain_.steps, pid, &WaitStep::pid) != chain_.steps.end();
  }

  [[nodiscard]] bool leads_on(const Culprit& culprit) {
    const auto held_up = waits_.holding_up(culprit);
    if (held_up.empty()) return end(end_at(snapshot_, culprit.pid), culprit.pid, {});
    return std::ranges::any_of(held_up, [&](const WaitEdge* next) { return leads_to_somebody(*next); });
  }

  bool closes_at(const WaitEdge& edge) {
    const auto again = std::ranges::find_if(
        chain_.steps, [&](const WaitStep& step) { return ThreadId{step.pid, step.tid} == edge.thread(); });
    chain_.cycle = static_cast<std::size_t>(again - chain_.steps.begin());
    return end(ChainEnd::deadlock, edge.thread().first, {});
  }
  bool end(ChainEnd how, pid_t last, std::string_view remark) {
    chain_.end = how;
    chain_.last = last;
    chain_.text = describe_end(snapshot_, chain_, {.remark = remark, .others = others_than(last)});
    return true;
  }

  /// How many more than this one could end the last wait, where one of them is enough.
  [[nodiscard]] std::size_t others_than(pid_t last) const {
    const WaitStep& step = chain_.steps.back();
    const WaitEdge& edge = waits_.all().at({step.pid, step.tid});
    if (last == 0 || edge.poll != nullptr || edge.watches.front().culprits.each) return 0;
    return static_cast<std::size_t>(
        std::ranges::count_if(step.culprits, [&](pid_t culprit) { return culprit != last; }));
  }

  const Snapshot& snapshot_;
  const WaitMap& waits_;
  WaitChain chain_;
  std::optional<WaitChain> dead_end_;  ///< the first one that was met
  std::set<ThreadId> visited_;
};

/// The place of an end among those of one process: what is certain and bad comes first.
int urgency(const WaitChain& chain) noexcept {
  switch (chain.end) {
    case ChainEnd::deadlock:
      return 0;
    case ChainEnd::stopped:
      return 1;
    case ChainEnd::running:
      return 2;
    case ChainEnd::nobody:
      return 3;
    case ChainEnd::polling:
      return 4;
    case ChainEnd::unknown:
      return 5;
  }
  return 6;
}

}  // namespace

std::string_view to_string(ChainEnd end) noexcept {
  switch (end) {
    case ChainEnd::running:
      return "running";
    case ChainEnd::stopped:
      return "stopped";
    case ChainEnd::polling:
      return "polling";
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
  for (const WaitEdge* edge : waits.of_process(pid)) chains.push_back(Pursuit{snapshot, waits}.follow(*edge));
  std::ranges::sort(chains, {},
                    [](const WaitChain& chain) { return std::pair{urgency(chain), chain.steps.front().tid}; });
  return chains;
}

std::vector<WaitChain> deadlocks(const Snapshot& snapshot) {
  const WaitMap waits{snapshot};
  std::vector<WaitChain> found;
  std::set<ThreadId> told;
  for (const auto& [thread, edge] : waits.all()) {
    if (!waits.hopeless(thread)) continue;
    WaitChain chain = Pursuit{snapshot, waits}.follow(edge);
    chain.steps.erase(chain.steps.begin(), chain.steps.begin() + static_cast<std::ptrdiff_t>(chain.cycle));
    chain.cycle = 0;
    const bool is_new =
        std::ranges::none_of(chain.steps, [&](const WaitStep& step) { return told.contains({step.pid, step.tid}); });
    for (const WaitStep& step : chain.steps) told.insert({step.pid, step.tid});
    if (is_new) found.push_back(std::move(chain));
  }
  return found;
}

}  // namespace ginnel::inventory
