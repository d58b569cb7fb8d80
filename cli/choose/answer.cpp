#include "choose/answer.hpp"

#include <fmt/chrono.h>
#include <fmt/core.h>

#include <algorithm>
#include <string_view>

#include "choose/starts.hpp"
#include "render/table.hpp"

namespace ginnel::cli::choose {
namespace {

using measure::Candidate;

std::string indented(std::string_view lines) {
  std::string text;
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    text.append("    ").append(lines.substr(0, end)).append("\n");
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
  }
  return text;
}

std::string measured_text(const StoredCosts& stored) {
  if (stored.when == 0) return "Nothing was measured on this machine: 'ginnel bench --quick' does, in a minute.\n";
  return fmt::format("Costs are those of 'ginnel bench' of {:%Y-%m-%d %H:%M}.\n",
                     fmt::localtime(static_cast<std::time_t>(stored.when)));
}

std::string start_text(const Candidate& best, const Screen& screen) {
  const Start& start = start_of(best.mechanism->name);
  const auto title = [&](std::string_view text) { return "\n" + coloured(text, Colour::bold, screen) + "\n"; };
  std::string text = title(fmt::format("{}: {}", best.mechanism->name, best.mechanism->what));
  text += fmt::format("  handle    {}\n  clean up  {}\n", best.mechanism->risks, best.mechanism->clean_up);
  text += title("to start with, in C++") + indented(start.cpp);
  if (!start.shell.empty()) text += title("in a shell") + indented(start.shell);
  return text;
}

Json missing_json(const Candidate& candidate) {
  Json missing = Json::array();
  for (const auto& lack : candidate.missing) missing.push_back({{"what", lack.what}, {"source", lack.source}});
  return missing;
}

Json cost_json(const Candidate& candidate) {
  if (!candidate.cost) return nullptr;
  const measure::Cost& cost = *candidate.cost;
  return {{"carrier", cost.carrier},
          {"mode", to_string(cost.manner)},
          {"size", cost.size},
          {"one_way_ns", cost.one_way_ns ? Json(*cost.one_way_ns) : Json(nullptr)},
          {"messages_per_second", cost.rate ? Json(*cost.rate) : Json(nullptr)}};
}

}  // namespace

std::string answer_text(const std::vector<Candidate>& ranking, const StoredCosts& stored, const Screen& screen) {
  Table table{{{"", Align::right}, {"MECHANISM"}, {"FITS"}, {"WHY", Align::left, true}}};
  std::size_t place = 0;
  for (const Candidate& candidate : ranking) {
    const Colour colour = !candidate.fits() ? Colour::dim : candidate.too_slow ? Colour::yellow : Colour::green;
    table.add_row({{candidate.fits() ? std::to_string(++place) : ""},
                   {std::string{candidate.mechanism->name}, colour},
                   {candidate.fits() ? "yes" : "no", colour},
                   {candidate.reason}});
  }
  std::string text = table.render(screen) + "\n" + measured_text(stored);
  if (ranking.front().fits()) return text + start_text(ranking.front(), screen);
  return text + "Nothing has all of that. The first row lacks the least.\n";
}

Json answer_json(const std::vector<Candidate>& ranking, const StoredCosts& stored) {
  Json list = Json::array();
  for (const Candidate& candidate : ranking) {
    const Start& start = start_of(candidate.mechanism->name);
    list.push_back({{"mechanism", candidate.mechanism->name},
                    {"fits", candidate.fits()},
                    {"reason", candidate.reason},
                    {"missing", missing_json(candidate)},
                    {"too_slow", candidate.too_slow},
                    {"cost", cost_json(candidate)},
                    {"effort", candidate.mechanism->effort.is},
                    {"risks", candidate.mechanism->risks},
                    {"clean_up", candidate.mechanism->clean_up},
                    {"cpp", start.cpp},
                    {"shell", start.shell.empty() ? Json(nullptr) : Json(start.shell)}});
  }
  return {{"choose_schema", 1},
          {"measured", stored.when != 0 ? Json(stored.when) : Json(nullptr)},
          {"ranking", std::move(list)}};
}

}  // namespace ginnel::cli::choose
