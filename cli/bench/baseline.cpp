#include "bench/baseline.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "bench/numbers.hpp"
#include "render/size.hpp"
#include "render/table.hpp"

namespace ginnel::cli::bench {
namespace {

std::string text_of(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string{};
}
double number_of(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_number() ? found->get<double>() : 0;
}

/// What two figures must have in common to be compared.
std::string key_of(const Json& figure) {
  return fmt::format("{}/{}/{}/{}/{}/{}", text_of(figure, "carrier"), text_of(figure, "mode"), text_of(figure, "what"),
                     number_of(figure, "size"), text_of(figure, "placement"), number_of(figure, "wanted_rate"));
}
std::string key_of(const measure::Subject& subject) {
  return fmt::format("{}/{}/{}/{}/{}/{}", subject.carrier, to_string(subject.manner), to_string(subject.what),
                     static_cast<double>(subject.size), subject.placement, subject.rate);
}

std::string value_text(const measure::Figure& figure, double value) {
  return figure.has_latency() ? duration_text(value) : count_text(value) + "/s";
}

}  // namespace

std::vector<Compared> compare(const measure::Report& report, const Json& earlier) {
  std::map<std::string, measure::Spread> known;
  for (const Json& figure : earlier["figures"])
    if (figure.is_object() && number_of(figure, "value") > 0)
      known[key_of(figure)] = {
          .low = number_of(figure, "low"), .middle = number_of(figure, "value"), .high = number_of(figure, "high")};
  std::vector<Compared> compared;
  for (const measure::Figure& figure : report.figures) {
    const auto before = known.find(key_of(figure.subject));
    if (before == known.end() || figure.value.middle <= 0) continue;
    compared.push_back({.now = &figure, .before = before->second, .change = measure::compare(figure, before->second)});
  }
  return compared;
}

std::string comparison_text(const std::vector<Compared>& compared, const Screen& screen) {
  std::vector<Compared> changed;
  std::ranges::copy_if(compared, std::back_inserter(changed),
                       [](const Compared& one) { return one.change.beyond_noise; });
  std::ranges::sort(changed, {}, [](const Compared& one) { return one.change.factor; });
  Table table{{{"CHANGED"}, {"BEFORE", Align::right}, {"NOW", Align::right}, {"", Align::right}}};
  for (const Compared& one : changed) {
    const bool better = one.change.factor > 1;
    const double percent = (better ? one.change.factor - 1 : 1 / one.change.factor - 1) * 100;
    table.add_row(
        {{one.now->subject.to_string()},
         {value_text(*one.now, one.before.middle)},
         {value_text(*one.now, one.now->value.middle)},
         {fmt::format("{:.0f} % {}", percent, better ? "better" : "worse"), better ? Colour::green : Colour::red}});
  }
  std::string text = "\ncompared with the baseline\n";
  if (!table.empty()) text += table.render(screen);
  return text + fmt::format("{} of {} figures changed beyond noise\n", changed.size(), compared.size());
}

}  // namespace ginnel::cli::bench
