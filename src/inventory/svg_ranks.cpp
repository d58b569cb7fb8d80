#include "svg_ranks.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <ranges>
#include <utility>

namespace ginnel::inventory {
namespace {

/// The nodes as a set of groups; Tarjan's union-find.
class Groups {
 public:
  explicit Groups(std::size_t nodes) : parent_(nodes) { std::iota(parent_.begin(), parent_.end(), std::size_t{0}); }
  [[nodiscard]] std::size_t of(std::size_t node) {
    while (parent_[node] != node) node = parent_[node] = parent_[parent_[node]];
    return node;
  }
  void join(std::size_t a, std::size_t b) { parent_[of(a)] = of(b); }

 private:
  std::vector<std::size_t> parent_;
};

std::vector<std::vector<std::size_t>> members_of(Groups& groups, std::size_t nodes) {
  std::vector<std::vector<std::size_t>> members(nodes);
  for (std::size_t node = 0; node < nodes; ++node) members[groups.of(node)].push_back(node);
  std::erase_if(members, [](const auto& group) { return group.empty(); });
  return members;
}

/// First levels, which may still put two ends of a line side by side. Those whom one-way lines connect are a group with an
/// order of its own; groups are then put before or behind one another along the lines that go both ways.
class Levels {
 public:
  Levels(std::size_t nodes, const std::vector<Line>& lines)
      : lines_{lines}, touching_(nodes), level_(nodes), groups_(nodes) {
    for (std::size_t line = 0; line < lines.size(); ++line) {
      touching_[lines[line].left].push_back(line);
      touching_[lines[line].right].push_back(line);
      if (!lines[line].both_ways()) groups_.join(lines[line].left, lines[line].right);
    }
  }

  [[nodiscard]] std::vector<long> find() && {
    order_within_groups();
    placed_.resize(touching_.size());
    side_.resize(touching_.size());
    members_.resize(touching_.size());
    for (std::size_t node = 0; node < touching_.size(); ++node) members_[groups_.of(node)].push_back(node);
    std::vector<std::size_t> by_lines(touching_.size());
    std::iota(by_lines.begin(), by_lines.end(), std::size_t{0});
    std::ranges::sort(by_lines, {},
                      [&](std::size_t node) { return std::pair{touching_.size() - touching_[node].size(), node}; });
    for (const std::size_t node : by_lines) place_around(groups_.of(node));
    return std::move(level_);
  }

 private:
  [[nodiscard]] static std::size_t source(const Line& line) noexcept { return line.forth ? line.left : line.right; }
  [[nodiscard]] static std::size_t target(const Line& line) noexcept { return line.forth ? line.right : line.left; }

  void visit(std::size_t node, std::vector<bool>& seen, std::vector<std::size_t>& finished) const {
    seen[node] = true;
    for (const std::size_t line : touching_[node]) {
      if (lines_[line].both_ways() || source(lines_[line]) != node) continue;
      if (!seen[target(lines_[line])]) visit(target(lines_[line]), seen, finished);
    }
    finished.push_back(node);
  }

  /// Topological order by depth-first search from those whom nothing flows to; a line that closes a circle goes back.
  void order_within_groups() {
    const std::size_t nodes = touching_.size();
    std::vector<bool> has_source(nodes);
    for (const Line& line : lines_)
      if (!line.both_ways()) has_source[target(line)] = true;
    std::vector<bool> seen(nodes);
    std::vector<std::size_t> finished;
    for (const bool with_source : {false, true})
      for (std::size_t node = 0; node < nodes; ++node)
        if (!seen[node] && has_source[node] == with_source) visit(node, seen, finished);

    std::vector<std::size_t> place(nodes);
    for (std::size_t at = 0; at < nodes; ++at) place[finished[at]] = nodes - at;
    for (const std::size_t node : std::views::reverse(finished))
      for (const std::size_t line : touching_[node]) {
        const std::size_t next = target(lines_[line]);
        if (!lines_[line].both_ways() && place[next] > place[node])
          level_[next] = std::max(level_[next], level_[node] + 1);
      }
  }

  void shift(std::size_t group, long by) {
    for (const std::size_t node : members_[group]) level_[node] += by;
  }

  /// Outwards from a group, breadth first; the neighbours of the first one alternate between its two sides.
  void place_around(std::size_t first) {
    if (placed_[first]) return;
    placed_[first] = true;
    std::vector<std::size_t> queue{first};
    long alternating = -1;
    for (std::size_t at = 0; at < queue.size(); ++at)
      for (const std::size_t node : members_[queue[at]])
        for (const std::size_t line : touching_[node]) {
          const std::size_t other = lines_[line].left == node ? lines_[line].right : lines_[line].left;
          const std::size_t group = groups_.of(other);
          if (placed_[group]) continue;
          placed_[group] = true;
          side_[group] = queue[at] == first ? (alternating = -alternating) : side_[queue[at]];
          shift(group, level_[node] + side_[group] - level_[other]);
          queue.push_back(group);
        }
  }

  const std::vector<Line>& lines_;
  std::vector<std::vector<std::size_t>> touching_;
  std::vector<long> level_;
  Groups groups_;
  std::vector<bool> placed_;
  std::vector<long> side_;
  std::vector<std::vector<std::size_t>> members_;
};

/// Sources stand as far right as what they feed allows, and not all in the first column.
void pull_right(std::vector<std::size_t>& ranks, const std::vector<std::size_t>& order,
                const std::vector<Line>& lines) {
  constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> nearest(ranks.size(), none);
  std::vector<bool> is_fed(ranks.size());
  for (const Line& line : lines) is_fed[line.right] = true;
  for (const std::size_t node : std::views::reverse(order)) {
    for (const Line& line : lines)
      if (line.left == node) nearest[node] = std::min(nearest[node], ranks[line.right]);
    if (!is_fed[node] && nearest[node] != none) ranks[node] = nearest[node] - 1;
  }
}

}  // namespace

std::vector<std::size_t> rank_nodes(std::size_t nodes, std::vector<Line>& lines) {
  const std::vector<long> levels = Levels{nodes, lines}.find();
  std::vector<std::size_t> order(nodes);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t node) { return std::pair{levels[node], node}; });
  std::vector<std::size_t> place(nodes);
  for (std::size_t at = 0; at < nodes; ++at) place[order[at]] = at;

  std::vector<std::vector<std::size_t>> after(nodes);
  for (Line& line : lines) {
    if (place[line.left] > place[line.right]) line.turn_round();
    after[line.left].push_back(line.right);
  }
  std::vector<std::size_t> ranks(nodes);
  for (const std::size_t node : order)
    for (const std::size_t next : after[node]) ranks[next] = std::max(ranks[next], ranks[node] + 1);
  pull_right(ranks, order, lines);
  return ranks;
}

std::vector<std::vector<std::size_t>> connected_parts(std::size_t nodes, const std::vector<Line>& lines) {
  Groups groups{nodes};
  for (const Line& line : lines) groups.join(line.left, line.right);
  return members_of(groups, nodes);
}

}  // namespace ginnel::inventory
