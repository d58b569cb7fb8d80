#include "wait_map.hpp"

#include <algorithm>

namespace ginnel::inventory {

WaitMap::WaitMap(const Snapshot& snapshot) : snapshot_{snapshot} {
  for (const Object& object : snapshot.objects)
    for (const Waiter& waiter : object.waiters)
      if (waiter.wait != Wait::poll)
        edges_[{waiter.pid, waiter.tid}] = {&object, &waiter, culprits_of(snapshot, object, waiter)};
  for (auto& [thread, edge] : edges_) leave_out_companions(edge);
  find_hopeless();
}

std::vector<const WaitEdge*> WaitMap::of_process(pid_t pid) const {
  std::vector<const WaitEdge*> edges;
  for (auto at = edges_.lower_bound({pid, 0}); at != edges_.end() && at->first.first == pid; ++at)
    edges.push_back(&at->second);
  return edges;
}

std::vector<const WaitEdge*> WaitMap::holding_up(const Culprit& culprit) const {
  if (culprit.tid != 0) {
    const auto own = edges_.find({culprit.pid, culprit.tid});
    return own == edges_.end() ? std::vector<const WaitEdge*>{} : std::vector{&own->second};
  }
  const ProcessInfo* process = snapshot_.process(culprit.pid);
  std::vector<const WaitEdge*> edges = of_process(culprit.pid);
  if (process == nullptr || edges.size() < process->threads) return {};
  const bool all_idle = std::ranges::all_of(edges, &WaitEdge::idle);
  if (!all_idle) std::erase_if(edges, [](const WaitEdge* edge) { return edge->idle(); });
  return edges;
}

bool WaitMap::hopeless(const Culprit& culprit) const {
  const auto waits = holding_up(culprit);
  return !waits.empty() &&
         std::ranges::all_of(waits, [&](const WaitEdge* edge) { return hopeless_.contains(edge->thread()); });
}

/// Of those who read from one pipe none can help another, though all may have inherited its writing end. Where nobody else
/// has that, they wait for themselves; but what has a name may be opened by somebody who comes later.
void WaitMap::leave_out_companions(WaitEdge& edge) const {
  const Kind kind = edge.object->id.kind;
  if (!edge.culprits.known || kind == Kind::lock || kind == Kind::futex) return;
  const auto is_companion = [&](const Culprit& culprit) {
    const auto waits = holding_up(culprit);
    return !waits.empty() && std::ranges::all_of(waits, [&](const WaitEdge* other) {
      return other->object == edge.object && other->waiter->wait == edge.waiter->wait;
    });
  };
  const bool only_companions = std::ranges::all_of(edge.culprits.who, is_companion);
  if (only_companions && !edge.culprits.newcomers) return;
  if (only_companions && !edge.culprits.who.empty())
    edge.culprits.remark = "nobody has it open who does not wait for the same";
  std::erase_if(edge.culprits.who, is_companion);
}

bool WaitMap::stuck(const WaitEdge& edge) const {
  const Culprits& culprits = edge.culprits;
  if (!culprits.known || culprits.who.empty()) return false;
  const auto is_hopeless = [&](const Culprit& culprit) { return hopeless(culprit); };
  return culprits.each ? std::ranges::any_of(culprits.who, is_hopeless)
                       : std::ranges::all_of(culprits.who, is_hopeless);
}

/// The greatest set in which each waits for others of the set: takes out whoever can be helped until nothing changes.
void WaitMap::find_hopeless() {
  for (const auto& [thread, edge] : edges_) hopeless_.insert(thread);
  while (std::erase_if(hopeless_, [&](const ThreadId& thread) { return !stuck(edges_.at(thread)); }) > 0) {
  }
}

}  // namespace ginnel::inventory
