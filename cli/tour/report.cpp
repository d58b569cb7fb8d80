#include "tour/report.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "render/table.hpp"

namespace ginnel::cli::tour {

std::string short_duration(std::uint64_t ns) {
  constexpr std::array<std::string_view, 4> units{"ns", "µs", "ms", "s"};
  auto value = static_cast<double>(ns);
  std::size_t unit = 0;
  // 999.5 would be rounded to 1000.
  while (value >= 999.5 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  const bool with_tenths = unit > 0 && value < 9.95;
  return fmt::format("{:.{}f} {}", value, with_tenths ? 1 : 0, units[unit]);
}

std::string render_table(const std::vector<Findings>& tour, const Screen& screen) {
  Table table{{{"mechanism"},
               {"guaranteed here", Align::left, true},
               {"round trip", Align::right},
               {"when the peer is killed", Align::left, true}}};
  table.separate_rows_when_wrapped();
  for (const Findings& stop : tour) {
    std::string facts = fmt::format("{}", fmt::join(stop.guarantees, "; "));
    if (!stop.ok()) facts = fmt::format("UNTRUE: {}{}{}", *stop.failure, facts.empty() ? "" : "; true: ", facts);
    table.add_row({{stop.mechanism, stop.ok() ? Colour::green : Colour::red},
                   {facts, stop.ok() ? Colour::none : Colour::red},
                   {stop.round_trip_ns ? short_duration(*stop.round_trip_ns) : "-"},
                   {fmt::format("{}", fmt::join(stop.at_peer_death, "; "))}});
  }
  return table.render(screen);
}

std::string render_summary(const std::vector<Findings>& tour, const Screen& screen) {
  const auto untrue = std::ranges::count_if(tour, [](const Findings& stop) { return !stop.ok(); });
  const std::string_view noun = tour.size() == 1 ? "mechanism" : "mechanisms";
  if (untrue == 0)
    return coloured(fmt::format("{} {}, {}as promised\n", tour.size(), noun, tour.size() == 1 ? "" : "all "),
                    Colour::green, screen);
  std::string text =
      coloured(fmt::format("{} of {} {} not as promised\n", untrue, tour.size(), noun), Colour::red, screen);
  for (const Findings& stop : tour)
    if (!stop.ok()) text += fmt::format("  {}: {}\n", stop.mechanism, *stop.failure);
  return text;
}

Json to_json(const std::vector<Findings>& tour) {
  Json mechanisms = Json::array();
  for (const Findings& stop : tour)
    mechanisms.push_back({{"mechanism", stop.mechanism},
                          {"guarantees", stop.guarantees},
                          {"round_trip_ns", stop.round_trip_ns ? Json(*stop.round_trip_ns) : Json()},
                          {"at_peer_death", fmt::format("{}", fmt::join(stop.at_peer_death, "; "))},
                          {"ok", stop.ok()},
                          {"failure", stop.failure ? Json(*stop.failure) : Json()}});
  return {{"ok", std::ranges::all_of(tour, &Findings::ok)}, {"mechanisms", std::move(mechanisms)}};
}

}  // namespace ginnel::cli::tour
