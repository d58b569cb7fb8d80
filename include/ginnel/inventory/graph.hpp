#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ginnel/inventory/snapshot.hpp"

namespace ginnel::inventory {

// Who talks to whom through what. Processes are nodes, and each object between two of them is an edge. An object is a node
// of its own where it is drawn with fewer lines so (shared memory of ten processes: 10 lines instead of 45), and where
// somebody waits for it and no other process is known to have it.

struct GraphNode {
  pid_t pid = 0;                     ///< 0 for an object
  std::string title;                 ///< command of the process, or name and fill of the object
  std::optional<ObjectId> object{};  ///< of an object

  [[nodiscard]] bool is_process() const noexcept { return !object.has_value(); }
};

enum class EdgeState : std::uint8_t {
  quiet,    ///< nobody waits
  awaited,  ///< somebody waits for data: idle, as a rule
  blocked,  ///< somebody waits for room, a lock or a partner, or is in a deadlock
};
[[nodiscard]] std::string_view to_string(EdgeState state) noexcept;

/// In the direction that data can flow in; of a lock or mutex, from who waits for it to who holds it.
struct GraphEdge {
  std::size_t from = 0;  ///< place in Graph::nodes
  std::size_t to = 0;
  ObjectId object;    ///< of a connected pair of sockets: the end with the smaller id
  std::string label;  ///< `pipe 4 KiB of 64 KiB`, `unix:/run/x`; empty at an object that is a node
  bool both_ways = false;
  EdgeState state = EdgeState::quiet;
  std::string waits;  ///< who waits, and for what: `sort(812) waits to read`; empty when nobody does
};

struct Graph {
  std::vector<GraphNode> nodes;  ///< processes by pid, then objects
  std::vector<GraphEdge> edges;  ///< from and to are different nodes
};

struct GraphOptions {
  std::optional<pid_t> pid{};  ///< only what this process is connected with, directly or through others
  std::set<Kind> kinds{};      ///< none: all that carry data or make each other wait
};

/// Pure. A process that is connected with nothing is left out, unless it is the one asked for; of one that is not in the
/// snapshot the graph is empty. A listener that waits for a connection and a thread that polls are at rest, and a futex that
/// names no owner is told only where it lies in memory that processes share.
[[nodiscard]] Graph graph(const Snapshot& snapshot, const GraphOptions& options = {});

/// Graphviz, and an SVG with its own layout, fit to stand in a report. Both are UTF-8 and end in a newline: control characters,
/// and bytes of names that are no UTF-8, come as U+FFFD. The SVG needs no script, style sheet or font but the reader's own;
/// it grows with the graph and stays legible up to some 60 nodes. What does not fit at a line, a viewer shows where it is pointed at.
[[nodiscard]] std::string to_dot(const Graph& graph);
[[nodiscard]] std::string to_svg(const Graph& graph);

}  // namespace ginnel::inventory
