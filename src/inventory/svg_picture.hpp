#pragma once

#include <vector>

#include "svg_layers.hpp"

namespace ginnel::inventory {

struct Point {
  double x = 0;
  double y = 0;
};

struct Box {
  double x = 0;  ///< left
  double y = 0;  ///< top
  double width = 0;
  double height = 0;

  [[nodiscard]] double right() const noexcept { return x + width; }
  [[nodiscard]] double bottom() const noexcept { return y + height; }
  [[nodiscard]] bool overlaps(const Box& other) const noexcept {
    return x < other.right() && other.x < right() && y < other.bottom() && other.y < bottom();
  }
};

/// How one line runs: from the right side of its left box to the left side of its right one, never back. Each even point is
/// joined to the next by a curve, level at both ends, through the free space between two columns; each odd one by a straight
/// stroke through a column.
struct Route {
  Line line;
  std::vector<Point> points;
  Caption caption;
  Box label;  ///< where the caption stands, over the line; without size where there is none
};

struct Picture {
  double width = 0;
  double height = 0;
  std::vector<Box> boxes;  ///< of the nodes
  std::vector<Route> routes;
};

/// Places everything, with the origin at the top left and nothing beyond width and height. Connected parts stand beside and
/// under one another.
[[nodiscard]] Picture lay_out(const Graph& graph);

}  // namespace ginnel::inventory
