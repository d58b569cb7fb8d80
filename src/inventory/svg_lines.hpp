#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ginnel/inventory/graph.hpp"

namespace ginnel::inventory {

/// All edges between two nodes, drawn as one line.
struct Line {
  std::size_t left = 0;  ///< places in Graph::nodes
  std::size_t right = 0;
  std::vector<std::size_t> edges;  ///< places in Graph::edges
  bool forth = false;              ///< something passes from left to right
  bool back = false;
  EdgeState state = EdgeState::quiet;

  /// Whether it says nothing about which of the two comes first.
  [[nodiscard]] bool both_ways() const noexcept { return forth && back; }
  void turn_round() noexcept {
    std::swap(left, right);
    std::swap(forth, back);
  }
};

[[nodiscard]] std::vector<Line> lines_of(const Graph& graph);

/// What is written at a line, short enough for a picture: equal edges are counted, and of more than four rows the last says
/// how many are left out.
[[nodiscard]] std::vector<std::string> label_rows(const Graph& graph, const Line& line);
/// All of it.
[[nodiscard]] std::string full_label(const Graph& graph, const Line& line);

}  // namespace ginnel::inventory
