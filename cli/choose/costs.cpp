#include "choose/costs.hpp"

#include <cerrno>

#include "bench/state_file.hpp"

namespace ginnel::cli::choose {
namespace {

std::optional<measure::What> what_of(const std::string& text) {
  for (const auto what : {measure::What::round_trip, measure::What::one_way})
    if (to_string(what) == text) return what;
  return std::nullopt;
}

std::string text_of(const Json& figure, const char* name) {
  const auto found = figure.find(name);
  return found != figure.end() && found->is_string() ? found->get<std::string>() : std::string{};
}
double number_of(const Json& figure, const char* name) {
  const auto found = figure.find(name);
  return found != figure.end() && found->is_number() ? found->get<double>() : 0;
}

}  // namespace

Result<StoredCosts> stored_costs(const std::string& path) {
  StoredCosts stored;
  if (path.empty()) return stored;
  const auto report = bench::read_report(path);
  if (!report && report.error().code() == ENOENT) return stored;
  if (!report) return std::unexpected{report.error()};
  std::string placement;
  for (const Json& figure : (*report)["figures"]) {
    const auto what = what_of(text_of(figure, "what"));
    const auto manner = measure::parse_manner(text_of(figure, "mode"));
    const double value = number_of(figure, "value");
    if (!what || !manner || value <= 0) continue;
    if (placement.empty()) placement = text_of(figure, "placement");
    if (text_of(figure, "placement") != placement) continue;
    stored.costs.push_back({.carrier = text_of(figure, "carrier"),
                            .manner = *manner,
                            .what = *what,
                            .size = static_cast<std::uint64_t>(number_of(figure, "size")),
                            .value = value});
  }
  stored.when = static_cast<std::int64_t>(number_of(*report, "when"));
  return stored;
}

}  // namespace ginnel::cli::choose
