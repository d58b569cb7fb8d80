#pragma once

#include <vector>

#include "svg_lines.hpp"

namespace ginnel::inventory {

/// The column of each node, from 0 at the left of each connected part. Lines are turned so that each has its left end in an earlier column
/// than its right one: in the direction in which data flow where no circle forbids it. Nodes that only talk both ways
/// stand around the one with most lines, half of them on either side.
[[nodiscard]] std::vector<std::size_t> rank_nodes(std::size_t nodes, std::vector<Line>& lines);

/// The nodes that are connected with each other, part by part.
[[nodiscard]] std::vector<std::vector<std::size_t>> connected_parts(std::size_t nodes, const std::vector<Line>& lines);

}  // namespace ginnel::inventory
