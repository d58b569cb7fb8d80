#include "bench/numbers.hpp"

#include <fmt/core.h>

#include <array>
#include <span>
#include <string_view>

namespace ginnel::cli::bench {
namespace {

/// Three figures: `1.23`, `12.3`, `123`.
std::string three_figures(double value) {
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f}", value, decimals);
}

std::string with_unit(double value, std::span<const std::string_view> units) {
  std::size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < units.size(); ++unit) value /= 1000;
  const bool whole = unit == 0 && value >= 9.995;
  return (whole ? fmt::format("{:.0f}", value) : three_figures(value)) + std::string{units[unit]};
}

}  // namespace

std::string duration_text(double ns) {
  constexpr std::array<std::string_view, 4> units{" ns", " µs", " ms", " s"};
  return with_unit(ns, units);
}
std::string count_text(double count) {
  constexpr std::array<std::string_view, 4> units{"", "k", "M", "G"};
  return with_unit(count, units);
}
std::string speed_text(double bytes_per_second) {
  constexpr std::array<std::string_view, 5> units{" B/s", " kB/s", " MB/s", " GB/s", " TB/s"};
  return with_unit(bytes_per_second, units);
}
std::string ratio_text(double ratio) { return ratio > 0 ? three_figures(ratio) : "-"; }
std::string spread_text(double part) {
  const double percent = part * 100;
  return fmt::format("±{:.{}f} %", percent, percent < 0.95 ? 1 : 0);
}

}  // namespace ginnel::cli::bench
