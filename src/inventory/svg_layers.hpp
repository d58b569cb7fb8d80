#pragma once

#include <string>
#include <vector>

#include "svg_lines.hpp"

// One connected part of the graph as columns of items. A line passes every column between its ends as an item of its own, a bend
// or its label, so that neither boxes nor labels can come to lie on a line that does not belong to them.

namespace ginnel::inventory {

struct Item {
  enum class What : std::uint8_t { node, label, bend };

  What what = What::node;
  std::size_t of = 0;  ///< the node, or the line
  std::size_t column = 0;
  double width = 0;
  double height = 0;
  double y = 0;                     ///< of its middle
  std::vector<std::size_t> before;  ///< strands that come from the left, from top to bottom once ordered
  std::vector<std::size_t> after;   ///< strands that go to the right
};

/// A piece of a line, from one column to the next.
struct Strand {
  std::size_t line = 0;
  std::size_t left = 0;  ///< items
  std::size_t right = 0;
  double left_port = 0;  ///< where it ends at the item, from its middle down
  double right_port = 0;
};

struct Layers {
  std::vector<Item> items;
  std::vector<Strand> strands;
  std::vector<std::vector<std::size_t>> columns;  ///< items from top to bottom
};

/// What is written in a box or at a line, and how large that is.
struct Caption {
  std::vector<std::string> rows;
  double width = 0;
  double height = 0;
};
[[nodiscard]] Caption caption_of(const GraphNode& node);
[[nodiscard]] Caption caption_of(const Graph& graph, const Line& line);

/// The part of the graph that `nodes` are; lines are those of the whole graph, turned by rank_nodes().
/// In a part with more than 60 lines, and more than three for each node, only blocked ones have labels.
[[nodiscard]] Layers layers_of(const Graph& graph, const std::vector<Line>& lines,
                               const std::vector<std::size_t>& ranks, const std::vector<std::size_t>& nodes);

/// Puts the items of each column in an order with few crossings, and the strands of each item in the order of what they lead to.
void order_items(Layers& layers);

/// Gives every item its y, with the topmost edge at 0, and every strand its ports; boxes grow with the number of their lines.
void place_items(Layers& layers);

}  // namespace ginnel::inventory
