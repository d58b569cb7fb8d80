#include "wait_map.hpp"

#include <algorithm>

#include "polled_watches.hpp"

namespace ginnel::inventory {

bool WaitEdge::all_known() const noexcept {
  return poll == nullptr || (poll->complete && poll->others == 0 &&
                             std::ranges::all_of(watches, [](const Watch& watch) { return watch.culprits.known; }));
}

WaitMap::WaitMap(const Snapshot& snapshot) : snapshot_{snapshot} {
  // Who sleeps on a word in shared memory waits for that memory and for the word: the word, which comes last, says more.
  for (const Object& object : snapshot.objects)
    for (const Waiter& waiter : object.waiters)
      if (waiter.wait != Wait::poll)
        edges_[{waiter.pid, waiter.tid}] = {
            .watches = {{.object = &object, .waiter = waiter, .culprits = culprits_of(snapshot, object, waiter)}}};
  for (const Poll& poll : snapshot.polls) add_poll(poll);
  for (auto& [thread, edge] : edges_)
    for (Watch& watch : edge.watches) leave_out_companions(watch);
  find_hopeless();
}

/// A thread that polls nothing but what is no IPC object may be woken by anything: it is held up by nobody.
void WaitMap::add_poll(const Poll& poll) {
  std::vector<Watch> watches = watches_of(snapshot_, poll);
  if (!watches.empty()) edges_[{poll.pid, poll.tid}] = {.watches = std::move(watches), .poll = &poll};
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
void WaitMap::leave_out_companions(Watch& watch) const {
  const Kind kind = watch.object->id.kind;
  if (!watch.culprits.known || kind == Kind::lock || kind == Kind::futex) return;
  const auto is_the_same = [&](const Watch& other) {
    return other.object == watch.object && other.waiter.wait == watch.waiter.wait;
  };
  const auto is_companion = [&](const Culprit& culprit) {
    const auto waits = holding_up(culprit);
    return !waits.empty() && std::ranges::all_of(waits, [&](const WaitEdge* other) {
      return std::ranges::all_of(other->watches, is_the_same);
    });
  };
  const bool only_companions = std::ranges::all_of(watch.culprits.who, is_companion);
  if (only_companions && !watch.culprits.newcomers) return;
  if (only_companions && !watch.culprits.who.empty())
    watch.culprits.remark = "nobody has it open who does not wait for the same";
  std::erase_if(watch.culprits.who, is_companion);
}

/// A snapshot of some kinds only does not have the others.
bool WaitMap::is_all_seen(const Poll& poll) const {
  return std::ranges::all_of(poll.watched,
                             [&](const Watched& watched) { return snapshot_.object(watched.object) != nullptr; });
}

/// Each thing that is polled would have to stay as it is.
bool WaitMap::stuck(const WaitEdge& edge) const {
  if (!edge.all_known() || (edge.poll != nullptr && (edge.poll->timed || !is_all_seen(*edge.poll)))) return false;
  return std::ranges::all_of(edge.watches, [&](const Watch& watch) {
    const Culprits& culprits = watch.culprits;
    if (!culprits.known || culprits.who.empty()) return false;
    const auto is_hopeless = [&](const Culprit& culprit) { return hopeless(culprit); };
    return culprits.each ? std::ranges::any_of(culprits.who, is_hopeless)
                         : std::ranges::all_of(culprits.who, is_hopeless);
  });
}

/// The greatest set in which each waits for others of the set: takes out whoever can be helped until nothing changes.
void WaitMap::find_hopeless() {
  for (const auto& [thread, edge] : edges_) hopeless_.insert(thread);
  while (std::erase_if(hopeless_, [&](const ThreadId& thread) { return !stuck(edges_.at(thread)); }) > 0) {
  }
}

}  // namespace ginnel::inventory
