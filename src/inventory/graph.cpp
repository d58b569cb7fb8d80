#include "ginnel/inventory/graph.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "graph_parties.hpp"
#include "graph_text.hpp"
#include "wait_map.hpp"

namespace ginnel::inventory {
namespace {

/// Those that only one process uses, or that carry nothing from one to another.
bool is_left_out(Kind kind) noexcept {
  return kind == Kind::epoll || kind == Kind::signalfd || kind == Kind::timerfd || kind == Kind::signal;
}

struct Direction {
  bool forth = false;
  bool back = false;
};
using Pairs = std::map<std::pair<pid_t, pid_t>, Direction>;  ///< the smaller pid first

Pairs pairs_of(const Meeting& meeting) {
  Pairs pairs;
  for (const Party& from : meeting.parties)
    for (const Party& to : meeting.parties) {
      if (!from.reaches(to)) continue;
      if (from.pid < to.pid)
        pairs[{from.pid, to.pid}].forth = true;
      else
        pairs[{to.pid, from.pid}].back = true;
    }
  return pairs;
}

std::set<pid_t> processes_of(const Meeting& meeting) {
  std::set<pid_t> pids;
  for (const Party& party : meeting.parties) pids.insert(party.pid);
  return pids;
}

class Builder {
 public:
  explicit Builder(const Snapshot& snapshot) : snapshot_{snapshot}, waits_{snapshot} {}

  void add(const Object& object) {
    const Meeting meeting = meeting_at(snapshot_, object);
    const Pairs pairs = pairs_of(meeting);
    const std::set<pid_t> processes = processes_of(meeting);
    if (processes.empty()) return;
    if (pairs.empty() || pairs.size() > processes.size())
      add_hub(meeting, processes);
    else
      for (const auto& [pair, direction] : pairs) add_pair(meeting, pair, direction);
  }
  void add_process(pid_t pid) { static_cast<void>(process_node(pid)); }

  [[nodiscard]] Graph take() && { return std::move(graph_); }

 private:
  [[nodiscard]] std::size_t process_node(pid_t pid) {
    const auto [place, is_new] = places_.try_emplace(pid, graph_.nodes.size());
    if (is_new) {
      const ProcessInfo* process = snapshot_.process(pid);
      graph_.nodes.push_back({.pid = pid, .title = process == nullptr ? "?" : process->command});
    }
    return place->second;
  }

  void add_pair(const Meeting& meeting, std::pair<pid_t, pid_t> pair, Direction direction) {
    if (!direction.forth) std::swap(pair.first, pair.second);
    GraphEdge edge{.from = process_node(pair.first),
                   .to = process_node(pair.second),
                   .object = meeting.object->id,
                   .label = label_of(*meeting.object, meeting.other_end),
                   .both_ways = direction.forth && direction.back,
                   .waits = {}};
    add_waits(edge, meeting, {pair.first, pair.second});
    graph_.edges.push_back(std::move(edge));
  }

  void add_hub(const Meeting& meeting, const std::set<pid_t>& processes) {
    const std::size_t hub = graph_.nodes.size();
    graph_.nodes.push_back(
        {.pid = 0, .title = label_of(*meeting.object, meeting.other_end), .object = meeting.object->id});
    for (const pid_t pid : processes) {
      Direction direction;
      for (const Party& party : meeting.parties) {
        if (party.pid != pid) continue;
        direction.forth = direction.forth || party.gives;
        direction.back = direction.back || party.takes;
      }
      GraphEdge edge{.from = process_node(pid),
                     .to = hub,
                     .object = meeting.object->id,
                     .label = {},
                     .both_ways = direction.forth && direction.back,
                     .waits = {}};
      if (!direction.forth) std::swap(edge.from, edge.to);
      add_waits(edge, meeting, {pid});
      graph_.edges.push_back(std::move(edge));
    }
  }

  void add_waits(GraphEdge& edge, const Meeting& meeting, const std::set<pid_t>& between) const {
    for (const Waiter& waiter : meeting.waiters) {
      if (!between.contains(waiter.pid)) continue;
      const bool for_data = waiter.wait == Wait::read || waiter.wait == Wait::receive;
      const bool rests = for_data && !waits_.hopeless(ThreadId{waiter.pid, waiter.tid});
      edge.state = std::max(edge.state, rests ? EdgeState::awaited : EdgeState::blocked);
      const std::string text = describe_waiter(snapshot_, waiter);
      if (edge.waits.contains(text)) continue;
      edge.waits += (edge.waits.empty() ? "" : ", ") + text;
    }
  }

  const Snapshot& snapshot_;
  WaitMap waits_;
  Graph graph_;
  std::map<pid_t, std::size_t> places_;
};

/// The graph of the chosen nodes, processes first.
Graph only(const Graph& graph, const std::vector<bool>& chosen) {
  std::vector<std::size_t> order;
  for (std::size_t node = 0; node < graph.nodes.size(); ++node)
    if (chosen[node]) order.push_back(node);
  std::ranges::sort(order, {}, [&](std::size_t node) {
    return std::tuple{!graph.nodes[node].is_process(), graph.nodes[node].pid, node};
  });

  Graph part;
  std::vector<std::size_t> places(graph.nodes.size());
  for (const std::size_t node : order) {
    places[node] = part.nodes.size();
    part.nodes.push_back(graph.nodes[node]);
  }
  for (const GraphEdge& edge : graph.edges) {
    if (!chosen[edge.from] || !chosen[edge.to]) continue;
    part.edges.push_back(edge);
    part.edges.back().from = places[edge.from];
    part.edges.back().to = places[edge.to];
  }
  return part;
}

std::vector<bool> connected_with(const Graph& graph, pid_t pid) {
  std::vector<std::vector<std::size_t>> neighbours(graph.nodes.size());
  for (const GraphEdge& edge : graph.edges) {
    neighbours[edge.from].push_back(edge.to);
    neighbours[edge.to].push_back(edge.from);
  }
  std::vector<bool> reached(graph.nodes.size());
  std::vector<std::size_t> next;
  const auto reach = [&](std::size_t node) {
    if (reached[node]) return;
    reached[node] = true;
    next.push_back(node);
  };
  for (std::size_t node = 0; node < graph.nodes.size(); ++node)
    if (graph.nodes[node].is_process() && graph.nodes[node].pid == pid) reach(node);
  while (!next.empty()) {
    const std::size_t node = next.back();
    next.pop_back();
    std::ranges::for_each(neighbours[node], reach);
  }
  return reached;
}

}  // namespace

std::string_view to_string(EdgeState state) noexcept {
  switch (state) {
    case EdgeState::quiet:
      return "quiet";
    case EdgeState::awaited:
      return "awaited";
    case EdgeState::blocked:
      return "blocked";
  }
  return "?";
}

Graph graph(const Snapshot& snapshot, const GraphOptions& options) {
  Builder builder{snapshot};
  for (const Object& object : snapshot.objects) {
    const bool wanted = options.kinds.empty() ? !is_left_out(object.id.kind) : options.kinds.contains(object.id.kind);
    if (wanted) builder.add(object);
  }
  if (options.pid && snapshot.process(*options.pid) != nullptr) builder.add_process(*options.pid);
  const Graph whole = std::move(builder).take();
  const std::vector<bool> chosen =
      options.pid ? connected_with(whole, *options.pid) : std::vector<bool>(whole.nodes.size(), true);
  return only(whole, chosen);
}

}  // namespace ginnel::inventory
