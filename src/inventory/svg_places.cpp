#include <algorithm>
#include <limits>
#include <vector>

#include "svg_layers.hpp"
#include "svg_style.hpp"

// Every item wants to be level with its neighbours. Column by column, the places are found that are nearest to what the items
// want, weighed, without changing their order or coming too close: isotonic regression by pooling adjacent violators.

namespace ginnel::inventory {
namespace {

constexpr int rounds = 40;

double distance_between(const Item& upper, const Item& lower) noexcept {
  constexpr double between_boxes = 18;
  constexpr double otherwise = 9;
  const bool boxes = upper.what == Item::What::node && lower.what == Item::What::node;
  return (upper.height + lower.height) / 2 + (boxes ? between_boxes : otherwise);
}

/// A line is to run straight where it passes others; that it ends level with its box matters less.
double weight_of(const Item& a, const Item& b) noexcept {
  constexpr double between_passing = 8;
  constexpr double otherwise = 1;
  return a.what != Item::What::node && b.what != Item::What::node ? between_passing : otherwise;
}

struct Wish {
  double y = 0;
  double weight = 0;
};

class Placer {
 public:
  explicit Placer(Layers& layers) : layers_{layers} {}

  void place() {
    for (const auto& column : layers_.columns) settle(column, std::vector<Wish>(column.size(), Wish{0, 1}));
    const std::size_t count = layers_.columns.size();
    for (int round = 0; round < rounds; ++round) {
      const bool last_rounds = round >= rounds / 2;
      for (std::size_t step = 0; step < count; ++step) {
        const std::size_t column = round % 2 == 0 ? step : count - 1 - step;
        settle(layers_.columns[column], wishes(column, last_rounds || round % 2 == 0, last_rounds || round % 2 == 1));
      }
    }
    move_to_top();
  }

 private:
  [[nodiscard]] std::vector<Wish> wishes(std::size_t column, bool by_left, bool by_right) const {
    constexpr double loose = 0.01;
    std::vector<Wish> all;
    for (const std::size_t place : layers_.columns[column]) {
      const Item& item = layers_.items[place];
      Wish wish{.y = item.y * loose, .weight = loose};
      const auto add = [&](const Item& other, double y) {
        const double weight = weight_of(item, other);
        wish.y += weight * y;
        wish.weight += weight;
      };
      if (by_left)
        for (const std::size_t at : item.before) {
          const Strand& strand = layers_.strands[at];
          const Item& other = layers_.items[strand.left];
          add(other, other.y + strand.left_port - strand.right_port);
        }
      if (by_right)
        for (const std::size_t at : item.after) {
          const Strand& strand = layers_.strands[at];
          const Item& other = layers_.items[strand.right];
          add(other, other.y + strand.right_port - strand.left_port);
        }
      wish.y /= wish.weight;
      all.push_back(wish);
    }
    return all;
  }

  void settle(const std::vector<std::size_t>& column, const std::vector<Wish>& wishes) {
    struct Pool {
      double y = 0;  ///< without what those above take up
      double weight = 0;
      std::size_t members = 0;
    };
    std::vector<Pool> pools;
    std::vector<double> offsets;
    for (std::size_t at = 0; at < column.size(); ++at) {
      offsets.push_back(
          at == 0 ? 0 : offsets.back() + distance_between(layers_.items[column[at - 1]], layers_.items[column[at]]));
      Pool pool{.y = wishes[at].y - offsets.back(), .weight = wishes[at].weight, .members = 1};
      while (!pools.empty() && pools.back().y > pool.y) {
        const Pool& above = pools.back();
        pool.y = (pool.y * pool.weight + above.y * above.weight) / (pool.weight + above.weight);
        pool.weight += above.weight;
        pool.members += above.members;
        pools.pop_back();
      }
      pools.push_back(pool);
    }
    std::size_t at = 0;
    for (const Pool& pool : pools)
      for (std::size_t member = 0; member < pool.members; ++member, ++at)
        layers_.items[column[at]].y = pool.y + offsets[at];
  }

  void move_to_top() {
    double top = std::numeric_limits<double>::max();
    for (const Item& item : layers_.items) top = std::min(top, item.y - item.height / 2);
    for (Item& item : layers_.items) item.y -= top;
  }

  Layers& layers_;
};

/// The ends of lines at one side of an item, spread about its middle.
double port(std::size_t place, std::size_t count) noexcept {
  return (static_cast<double>(place) - static_cast<double>(count - 1) / 2) * port_distance;
}

void set_ports(Layers& layers) {
  for (Item& item : layers.items) {
    for (std::size_t at = 0; at < item.before.size(); ++at)
      layers.strands[item.before[at]].right_port = port(at, item.before.size());
    for (std::size_t at = 0; at < item.after.size(); ++at)
      layers.strands[item.after[at]].left_port = port(at, item.after.size());
    if (item.what != Item::What::node) continue;
    const std::size_t most = std::max(item.before.size(), item.after.size());
    item.height = std::max(item.height, static_cast<double>(most + 1) * port_distance);
  }
}

}  // namespace

void place_items(Layers& layers) {
  set_ports(layers);
  Placer{layers}.place();
}

}  // namespace ginnel::inventory
