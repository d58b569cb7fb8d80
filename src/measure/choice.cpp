#include "ginnel/measure/choice.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>
#include <tuple>
#include <utility>

#include "rules.hpp"

namespace ginnel::measure {
namespace {

std::uint64_t distance(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : b - a; }

/// Its carrier in the table, or that one in place.
bool is_in_place(const KnownCost& cost) { return cost.carrier.ends_with(", in place"); }
bool is_of(const KnownCost& cost, const Mechanism& mechanism, bool in_place) {
  if (mechanism.carrier.empty()) return false;
  if (cost.carrier == mechanism.carrier) return true;
  return in_place && is_in_place(cost) && cost.carrier == std::string{mechanism.carrier} + ", in place";
}

/// The figure of that kind that is nearest in manner and size.
const KnownCost* nearest(const Needs& needs, const Mechanism& mechanism, What what, std::span<const KnownCost> costs) {
  constexpr std::uint64_t small = 64;
  const std::uint64_t size = needs.size == 0 ? small : needs.size;
  const Manner manner = needs.manner.value_or(Manner::sleeping);
  const KnownCost* best = nullptr;
  const auto badness = [&](const KnownCost& cost) {
    return std::tuple{cost.manner != manner, is_in_place(cost) != needs.in_place, distance(cost.size, size)};
  };
  for (const KnownCost& cost : costs) {
    if (cost.what != what || cost.value <= 0 || !is_of(cost, mechanism, needs.in_place)) continue;
    if (best == nullptr || badness(cost) < badness(*best)) best = &cost;
  }
  return best;
}

std::optional<Cost> cost_of(const Needs& needs, const Mechanism& mechanism, std::span<const KnownCost> costs) {
  const KnownCost* const trip = nearest(needs, mechanism, What::round_trip, costs);
  const KnownCost* const flow = nearest(needs, mechanism, What::one_way, costs);
  const KnownCost* const any = trip != nullptr ? trip : flow;
  if (any == nullptr) return std::nullopt;
  Cost cost{.carrier = any->carrier, .manner = any->manner, .size = any->size};
  if (trip != nullptr) cost.one_way_ns = trip->value / 2;
  if (flow != nullptr && flow->manner == any->manner) cost.rate = flow->value;
  return cost;
}

bool is_too_slow(const Needs& needs, const Cost& cost) {
  if (needs.latency_ns > 0 && cost.one_way_ns && *cost.one_way_ns > needs.latency_ns) return true;
  return needs.rate > 0 && cost.rate && *cost.rate < needs.rate;
}

std::string duration(double ns) {
  std::ostringstream text;
  text.precision(3);
  if (ns < 1e3)
    text << ns << " ns";
  else if (ns < 1e6)
    text << ns / 1e3 << " µs";
  else
    text << ns / 1e6 << " ms";
  return text.str();
}

std::string cost_text(const Cost& cost) {
  std::string text;
  if (cost.one_way_ns) text = duration(*cost.one_way_ns) + " one way";
  if (cost.rate) {
    if (!text.empty()) text += ", ";
    text += std::to_string(std::llround(*cost.rate)) + " messages/s";
  }
  return text + " (" + cost.carrier + ", " + std::string{to_string(cost.manner)} + ", " + std::to_string(cost.size) +
         " bytes)";
}

std::string effort_text(int effort) {
  static constexpr std::array texts{"nothing is left to do oneself", "little is left to do oneself",
                                    "some care is asked for", "much is left to do oneself",
                                    "a protocol for shared memory is left to do oneself"};
  return texts.at(static_cast<std::size_t>(std::clamp(effort, 1, 5) - 1));
}

std::string reason_for(const Candidate& candidate) {
  if (!candidate.fits()) {
    std::string text;
    for (const Missing& missing : candidate.missing)
      text.append(text.empty() ? "" : "; ").append(missing.what).append(" [").append(missing.source).append("]");
    return text;
  }
  std::string text = effort_text(candidate.mechanism->effort.is) + "; ";
  if (candidate.too_slow) text = "too slow here; ";
  return text + (candidate.cost ? cost_text(*candidate.cost) : "unmeasured");
}

Candidate judge(const Needs& needs, const Mechanism& mechanism, std::span<const KnownCost> costs) {
  Candidate candidate{.mechanism = &mechanism};
  for (const Rule& rule : rules())
    if (rule.is_needed(needs) && !rule.is_met(needs, mechanism))
      candidate.missing.push_back({.what = rule.what_is_missing(needs, mechanism), .source = rule.source(mechanism)});
  candidate.cost = cost_of(needs, mechanism, costs);
  candidate.too_slow = candidate.cost && is_too_slow(needs, *candidate.cost);
  candidate.reason = reason_for(candidate);
  return candidate;
}

/// Smaller is better. What was not measured counts as slower than what was.
auto rank(const Needs& needs, const Candidate& candidate) {
  constexpr double unknown = 1e18;
  const auto& cost = candidate.cost;
  const double ns = cost && cost->one_way_ns ? *cost->one_way_ns : unknown;
  // Where nothing is quick enough, the quickest comes first.
  const double slowness = candidate.too_slow ? (needs.latency_ns > 0 ? ns : cost->rate ? 1 / *cost->rate : unknown) : 0;
  // Among equals the order is that of the table.
  return std::tuple{candidate.missing.size(), candidate.too_slow, slowness, candidate.mechanism->effort.is, ns,
                    candidate.mechanism};
}

template <class Word, std::size_t count>
std::optional<Word> find_word(std::string_view text, const std::array<Word, count>& words) {
  for (const Word word : words)
    if (to_string(word) == text) return word;
  return std::nullopt;
}

}  // namespace

std::vector<Candidate> choose(const Needs& needs, std::span<const KnownCost> costs) {
  std::vector<Candidate> candidates;
  for (const Mechanism& mechanism : knowledge()) candidates.push_back(judge(needs, mechanism, costs));
  std::ranges::sort(candidates, {}, [&](const Candidate& candidate) { return rank(needs, candidate); });
  return candidates;
}

std::optional<Purpose> parse_purpose(std::string_view text) noexcept {
  return find_word(text, std::to_array(all_purposes));
}
std::optional<Receivers> parse_receivers(std::string_view text) noexcept {
  return find_word(text, std::array{Receivers::one, Receivers::each_gets_one, Receivers::each_gets_all});
}
std::optional<Trust> parse_trust(std::string_view text) noexcept {
  return find_word(text, std::array{Trust::same_user, Trust::other_user, Trust::container, Trust::hostile});
}

std::string_view to_string(Purpose purpose) noexcept {
  switch (purpose) {
    case Purpose::bytes:
      return "bytes";
    case Purpose::messages:
      return "messages";
    case Purpose::value:
      return "value";
    case Purpose::jobs:
      return "jobs";
    case Purpose::calls:
      return "calls";
    case Purpose::event:
      return "event";
    case Purpose::lock:
      return "lock";
    case Purpose::count:
      return "count";
    case Purpose::memory:
      break;
  }
  return "memory";
}

std::string_view to_string(Receivers receivers) noexcept {
  switch (receivers) {
    case Receivers::one:
      return "one";
    case Receivers::each_gets_one:
      return "share";
    case Receivers::each_gets_all:
      break;
  }
  return "all";
}

std::string_view to_string(Trust trust) noexcept {
  switch (trust) {
    case Trust::same_user:
      return "same-user";
    case Trust::other_user:
      return "other-user";
    case Trust::container:
      return "container";
    case Trust::hostile:
      break;
  }
  return "hostile";
}

std::string_view to_string(Order order) noexcept {
  switch (order) {
    case Order::none:
      return "none";
    case Order::of_each_sender:
      return "of each sender";
    case Order::by_priority:
      break;
  }
  return "by priority";
}

std::string_view to_string(OnFull on_full) noexcept {
  switch (on_full) {
    case OnFull::waits:
      return "sender waits";
    case OnFull::loses:
      return "receiver misses";
    case OnFull::either:
      return "as chosen";
    case OnFull::never:
      break;
  }
  return "-";
}

std::string_view to_string(Outlives outlives) noexcept {
  return outlives == Outlives::users ? "until removed" : "with its users";
}

std::string_view to_string(Portability portability) noexcept {
  return portability == Portability::posix ? "POSIX" : "Linux";
}

}  // namespace ginnel::measure
