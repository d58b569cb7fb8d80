#include <algorithm>
#include <cerrno>
#include <numeric>
#include <random>

#include "ginnel/measure/run.hpp"

namespace ginnel::measure {
namespace {

constexpr std::size_t largest_copied = std::size_t{1} << 20U;

bool wanted(const std::vector<std::string>& only, const CarrierKind& kind) {
  return only.empty() || std::ranges::any_of(only, [&](const std::string& name) {
           return name == kind.name || name == kind.mechanism;
         });
}

Error unknown(std::string_view what, const std::string& name, const std::string& there_are) {
  return Error{EINVAL, what, name, "there is no such one; there are " + there_are};
}

std::string names_of(std::span<const CarrierKind> kinds) {
  std::string names;
  for (const CarrierKind& kind : kinds) names.append(names.empty() ? "" : "; ").append(kind.name);
  return names;
}

Result<void> check_names(const RunOptions& options, std::span<const CarrierKind> kinds,
                         const std::vector<Placement>& places) {
  for (const std::string& name : options.only)
    if (std::ranges::none_of(kinds, [&](const CarrierKind& kind) { return wanted({name}, kind); }))
      return std::unexpected{unknown("mechanism", name, names_of(kinds))};
  for (const std::string& name : options.placements) {
    if (std::ranges::find(places, name, &Placement::name) != places.end()) continue;
    std::string names;
    for (const Placement& place : places) names.append(names.empty() ? "" : "; ").append(place.name);
    return std::unexpected{unknown("placement", name, names)};
  }
  return {};
}

/// A carrier of fixed small messages is measured with its own size.
std::vector<std::size_t> sizes_of(const RunOptions& options, const CarrierKind& kind) {
  std::vector<std::size_t> sizes;
  for (const std::size_t size : options.sizes)
    if (size >= kind.smallest && (kind.largest == 0 || size <= kind.largest) &&
        (kind.in_place || size <= largest_copied))
      sizes.push_back(size);
  if (sizes.empty() && kind.largest != 0 && !options.sizes.empty() && options.sizes.front() > kind.largest)
    sizes.push_back(kind.largest);
  return sizes;
}

class Planner {
 public:
  Planner(const RunOptions& options, std::vector<PlannedCase>& cases) : options_{options}, cases_{cases} {}

  void add(const CarrierKind& kind, const Placement& place, Manner manner) {
    // Who polls on the processor of the one he waits for keeps him from answering.
    if (place.is_shared() && manner == Manner::polling) return;
    for (const std::size_t size : sizes_of(options_, kind)) {
      put(kind, place, manner, What::round_trip, size, 0);
      if (kind.one_way) put(kind, place, manner, What::one_way, size, 0);
      if (!kind.one_way || kind.loses || place.is_shared() || !is_for_open_loop(size)) continue;
      for (const double rate : options_.rates) put(kind, place, manner, What::open_loop, size, rate);
    }
  }

 private:
  /// The size that is nearest to a common small message.
  [[nodiscard]] bool is_for_open_loop(std::size_t size) const {
    constexpr std::size_t common = 64;
    const auto distance = [](std::size_t a) { return a > common ? a - common : common - a; };
    return std::ranges::all_of(options_.sizes, [&](std::size_t other) { return distance(size) <= distance(other); }) ||
           size <= sizeof(Number);
  }
  void put(const CarrierKind& kind, const Placement& place, Manner manner, What what, std::size_t size, double rate) {
    cases_.push_back({.kind = &kind, .manner = manner, .what = what, .size = size, .rate = rate, .placement = place});
  }
  const RunOptions& options_;
  std::vector<PlannedCase>& cases_;
};

}  // namespace

Subject PlannedCase::subject() const {
  return {.carrier = std::string{kind->name},
          .mechanism = std::string{kind->mechanism},
          .manner = manner,
          .what = what,
          .size = size,
          .placement = placement.name,
          .rate = rate,
          .in_place = kind->in_place};
}

Result<std::vector<PlannedCase>> plan(const RunOptions& options, std::span<const CarrierKind> kinds,
                                      const std::vector<Placement>& places) {
  if (auto good = check_names(options, kinds, places); !good) return std::unexpected{std::move(good.error())};
  std::vector<PlannedCase> cases;
  Planner planner{options, cases};
  for (const CarrierKind& kind : kinds) {
    if (!wanted(options.only, kind)) continue;
    for (const Placement& place : places) {
      if (std::ranges::find(options.placements, place.name) == options.placements.end()) continue;
      for (const Manner manner : options.manners)
        if (kind.manners.has(manner)) planner.add(kind, place, manner);
    }
  }
  if (cases.empty())
    return std::unexpected{
        Error{EINVAL, "plan", {}, "nothing is left to measure: no mechanism that was chosen has such sizes and modes"}};
  return cases;
}

std::vector<std::size_t> shuffled_order(std::size_t cases, unsigned repeats, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  std::vector<std::size_t> order;
  for (unsigned repeat = 0; repeat < repeats; ++repeat) {
    std::vector<std::size_t> round(cases);
    std::iota(round.begin(), round.end(), std::size_t{0});
    // By hand: what std::shuffle makes of a seed differs between libraries.
    for (std::size_t i = cases; i > 1; --i) std::swap(round[i - 1], round[random() % i]);
    order.insert(order.end(), round.begin(), round.end());
  }
  return order;
}

}  // namespace ginnel::measure
