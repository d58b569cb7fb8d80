#include "ginnel/measure/figure.hpp"

#include <algorithm>
#include <cmath>

namespace ginnel::measure {

std::string_view to_string(What what) noexcept {
  switch (what) {
    case What::round_trip:
      return "round trip";
    case What::one_way:
      return "one way";
    case What::open_loop:
      break;
  }
  return "open loop";
}

std::string Subject::to_string() const {
  std::string text =
      carrier + " " + std::string{measure::to_string(manner)} + " " + std::string{measure::to_string(what)};
  if (what == What::open_loop) text += " at " + std::to_string(std::llround(rate)) + "/s";
  return text + " " + std::to_string(size) + " B " + placement;
}

Spread Spread::of(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  const double middle = values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  return {.low = values.front(), .middle = middle, .high = values.back()};
}

double limit_of(const Figure& figure, const MachineLimits& limits) noexcept {
  const Subject& subject = figure.subject;
  const double copy = subject.in_place ? 0 : limits.copy_ns(subject.size);
  if (subject.what == What::one_way) return copy > 0 ? 1e9 / copy : 0;
  const PairLimits* const pair = limits.pair(subject.placement);
  if (pair == nullptr) return 0;
  const bool sleeps = subject.manner == Manner::sleeping || pair->cache_line_ns == 0;
  const double wait = sleeps ? pair->futex_ns : pair->cache_line_ns;
  // An open loop has one way only.
  return subject.what == What::round_trip ? wait + 2 * copy : wait / 2 + copy;
}

double ratio_to_limit(const Figure& figure, const MachineLimits& limits) noexcept {
  const double limit = limit_of(figure, limits);
  if (limit <= 0 || figure.value.middle <= 0) return 0;
  return figure.has_latency() ? figure.value.middle / limit : limit / figure.value.middle;
}

Change compare(const Figure& now, const Spread& before) noexcept {
  constexpr double least_difference = 0.03;
  if (before.middle <= 0 || now.value.middle <= 0) return {};
  const double factor = now.has_latency() ? before.middle / now.value.middle : now.value.middle / before.middle;
  const bool apart = now.value.low > before.high || now.value.high < before.low;
  return {.factor = factor, .beyond_noise = apart && std::abs(factor - 1) > least_difference};
}

}  // namespace ginnel::measure
