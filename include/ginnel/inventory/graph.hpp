#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ginnel/inventory/snapshot.hpp"

namespace ginnel::inventory {

/// Who talks to whom through what: processes are nodes, each object between two of them an edge for each direction that data
/// can flow in.
struct GraphNode {
  pid_t pid = 0;
  std::string command;
};

struct GraphEdge {
  pid_t from = 0;
  pid_t to = 0;
  ObjectId object;    ///< of a socket: the end of `from`
  std::string label;  ///< `pipe 4 KiB/64 KiB`, `unix:/run/x`
  bool both_ways = false;
  bool blocked = false;  ///< somebody waits on it
};

struct Graph {
  std::vector<GraphNode> nodes;
  std::vector<GraphEdge> edges;
};

struct GraphOptions {
  std::optional<pid_t> pid{};  ///< only what this process is connected with, directly or through others
  std::set<Kind> kinds{};      ///< none: all that carry data or make each other wait
};

[[nodiscard]] Graph graph(const Snapshot& snapshot, const GraphOptions& options = {});

/// Graphviz, and an SVG with its own layout, fit to stand in a report. Both end in a newline.
[[nodiscard]] std::string to_dot(const Graph& graph);
[[nodiscard]] std::string to_svg(const Graph& graph);

}  // namespace ginnel::inventory
