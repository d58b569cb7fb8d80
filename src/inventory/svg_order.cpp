#include <algorithm>
#include <ranges>

#include "svg_layers.hpp"

// Sweeps over the columns put each item at the mean place of its neighbours, then neighbours change places where that saves
// crossings; the best of all orders is kept. Source: Sugiyama, Tagawa, Toda (1981); Gansner et al. (1993).

namespace ginnel::inventory {
namespace {

constexpr int sweeps = 24;

class Sorter {
 public:
  explicit Sorter(Layers& layers) : layers_{layers}, place_(layers.items.size()) { note_places(); }

  void sort() {
    auto best = layers_.columns;
    std::size_t fewest = crossings();
    for (int sweep = 0; sweep < sweeps && fewest > 0; ++sweep) {
      const bool rightwards = sweep % 2 == 0;
      const std::size_t count = layers_.columns.size();
      for (std::size_t step = 1; step < count; ++step) sort_column(rightwards ? step : count - 1 - step, rightwards);
      change_neighbours();
      const std::size_t found = crossings();
      if (found >= fewest) continue;
      fewest = found;
      best = layers_.columns;
    }
    layers_.columns = std::move(best);
    note_places();
    for (Item& item : layers_.items) {
      std::ranges::sort(item.before, {}, [&](std::size_t strand) { return place_[layers_.strands[strand].left]; });
      std::ranges::sort(item.after, {}, [&](std::size_t strand) { return place_[layers_.strands[strand].right]; });
    }
  }

 private:
  void note_places() {
    for (const auto& column : layers_.columns)
      for (std::size_t at = 0; at < column.size(); ++at) place_[column[at]] = at;
  }

  [[nodiscard]] std::vector<std::size_t> neighbours(std::size_t item, bool at_left) const {
    std::vector<std::size_t> places;
    for (const std::size_t strand : at_left ? layers_.items[item].before : layers_.items[item].after)
      places.push_back(place_[at_left ? layers_.strands[strand].left : layers_.strands[strand].right]);
    return places;
  }

  /// Items without neighbours on that side stay where they are.
  void sort_column(std::size_t which, bool by_left) {
    auto& column = layers_.columns[which];
    std::vector<std::pair<double, std::size_t>> wanted;
    for (const std::size_t item : column) {
      const auto places = neighbours(item, by_left);
      double mean = static_cast<double>(place_[item]);
      if (!places.empty()) {
        mean = 0;
        for (const std::size_t place : places) mean += static_cast<double>(place);
        mean /= static_cast<double>(places.size());
      }
      wanted.emplace_back(mean, item);
    }
    std::ranges::sort(wanted, {}, [&](const std::pair<double, std::size_t>& one) {
      return std::pair{one.first, place_[one.second]};
    });
    for (std::size_t at = 0; at < column.size(); ++at) place_[column[at] = wanted[at].second] = at;
  }

  /// Crossings among the strands of two items, when `upper` stands above `lower`.
  [[nodiscard]] std::size_t crossings_of(std::size_t upper, std::size_t lower) const {
    std::size_t count = 0;
    for (const bool at_left : {true, false})
      for (const std::size_t above : neighbours(upper, at_left))
        for (const std::size_t below : neighbours(lower, at_left)) count += above > below ? 1 : 0;
    return count;
  }

  void change_neighbours() {
    for (auto& column : layers_.columns)
      for (std::size_t at = 1; at < column.size(); ++at) {
        if (crossings_of(column[at - 1], column[at]) <= crossings_of(column[at], column[at - 1])) continue;
        std::swap(column[at - 1], column[at]);
        std::swap(place_[column[at - 1]], place_[column[at]]);
      }
  }

  /// Of the strands that leave a column, those that are out of order at its right neighbour.
  [[nodiscard]] std::size_t crossings() const {
    std::size_t count = 0;
    for (const auto& column : layers_.columns) {
      std::vector<std::size_t> ends;
      for (const std::size_t item : column) {
        auto places = neighbours(item, false);
        std::ranges::sort(places);
        for (const std::size_t place : places) {
          const auto behind = std::ranges::upper_bound(ends, place);
          count += static_cast<std::size_t>(ends.end() - behind);
        }
        for (const std::size_t place : places) ends.insert(std::ranges::upper_bound(ends, place), place);
      }
    }
    return count;
  }

  Layers& layers_;
  std::vector<std::size_t> place_;  ///< of each item in its column
};

}  // namespace

void order_items(Layers& layers) { Sorter{layers}.sort(); }

}  // namespace ginnel::inventory
