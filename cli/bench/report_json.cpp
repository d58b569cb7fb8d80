#include "bench/report_json.hpp"

#include <array>
#include <chrono>

namespace ginnel::cli::bench {
namespace {

using measure::Figure;
using measure::Report;

Json machine_json(const measure::Machine& machine) {
  return {{"processor", machine.processor},
          {"processors", machine.processors},
          {"kernel", machine.kernel},
          {"memory_bytes", machine.memory_bytes},
          {"compiler", machine.compiler}};
}

Json options_json(const measure::RunOptions& options) {
  Json manners = Json::array();
  for (const measure::Manner manner : options.manners) manners.push_back(to_string(manner));
  return {{"quick", options.quick},
          {"budget_s", std::chrono::duration<double>(options.budget).count()},
          {"repeats", options.repeats},
          {"seed", options.seed},
          {"only", options.only},
          {"sizes", options.sizes},
          {"modes", std::move(manners)},
          {"rates", options.rates},
          {"placements", options.placements}};
}

Json limits_json(const measure::MachineLimits& limits) {
  Json pairs = Json::array();
  for (const auto& pair : limits.pairs)
    pairs.push_back({{"placement", pair.placement},
                     {"cache_line_ns", pair.cache_line_ns > 0 ? Json(pair.cache_line_ns) : Json(nullptr)},
                     {"futex_ns", pair.futex_ns}});
  Json copies = Json::array();
  for (const auto& copy : limits.copies) copies.push_back({{"bytes", copy.bytes}, {"ns", copy.ns}});
  return {{"system_call_ns", limits.system_call_ns},
          {"clock_ns", limits.clock_ns},
          {"pairs", std::move(pairs)},
          {"copies", std::move(copies)}};
}

Json noise_json(const measure::Noise& noise) {
  return {{"stolen", noise.stolen},
          {"others", noise.others},
          {"governor", noise.governor.empty() ? Json(nullptr) : Json(noise.governor)},
          {"frequency_change", noise.frequency_change},
          {"warnings", noise.warnings()}};
}

Json percentiles_json(const Figure& figure) {
  if (!figure.percentiles) return nullptr;
  const measure::Percentiles& at = *figure.percentiles;
  return {{"p50", at.p50}, {"p90", at.p90}, {"p99", at.p99}, {"p99_9", at.p99_9}, {"max", at.largest}};
}

/// Points of the percentile curve: as many as a picture shows, closer towards the top.
Json curve_json(const measure::Histogram& latencies) {
  constexpr std::array points{0.0,  5.0,  10.0, 20.0, 30.0, 40.0, 50.0,  60.0,  70.0,   80.0, 85.0,
                              90.0, 95.0, 97.0, 99.0, 99.5, 99.9, 99.95, 99.99, 99.999, 100.0};
  Json curve = Json::array();
  for (const double point : points) curve.push_back(Json::array({point, latencies.at_percentile(point)}));
  return curve;
}

Json histogram_json(const measure::Histogram& latencies) {
  Json buckets = Json::array();
  for (const auto& bucket : latencies.coarse_buckets(8))
    buckets.push_back(Json::array({bucket.lowest, bucket.highest, bucket.count}));
  return buckets;
}

Json figure_json(const Figure& figure, const measure::MachineLimits& limits, Detail detail) {
  const measure::Subject& subject = figure.subject;
  const auto or_null = [](double value) { return value > 0 ? Json(value) : Json(nullptr); };
  Json json{{"carrier", subject.carrier},
            {"mechanism", subject.mechanism},
            {"mode", to_string(subject.manner)},
            {"what", to_string(subject.what)},
            {"size", subject.size},
            {"placement", subject.placement},
            {"wanted_rate", or_null(subject.rate)},
            {"in_place", subject.in_place},
            {"unit", figure.has_latency() ? "ns" : "messages/s"},
            {"value", figure.value.middle},
            {"low", figure.value.low},
            {"high", figure.value.high},
            {"repeats", figure.repeats},
            {"messages", figure.messages},
            {"rate", figure.rate},
            {"bytes_per_second", figure.bytes_per_second()},
            {"latency_ns", percentiles_json(figure)},
            {"cpu_first_ns", figure.cpu_first_ns},
            {"cpu_second_ns", figure.cpu_second_ns},
            {"context_switches", figure.switches},
            {"limit", or_null(limit_of(figure, limits))},
            {"ratio_to_limit", or_null(ratio_to_limit(figure, limits))},
            {"overrun", figure.overrun},
            {"system_calls", figure.system_calls ? Json(*figure.system_calls) : Json(nullptr)},
            {"failure", figure.failure.empty() ? Json(nullptr) : Json(figure.failure)}};
  if (!figure.system_calls) json["missing"] = {{"system_calls", figure.no_system_calls}};
  if (detail == Detail::histograms && figure.latencies) {
    json["percentiles"] = curve_json(*figure.latencies);
    json["histogram"] = histogram_json(*figure.latencies);
  }
  return json;
}

}  // namespace

Json to_json(const Report& report, Detail detail) {
  Json places = Json::array();
  for (const auto& place : report.placements)
    places.push_back({{"name", place.name}, {"first", place.first}, {"second", place.second}});
  Json figures = Json::array();
  for (const Figure& figure : report.figures) figures.push_back(figure_json(figure, report.limits, detail));
  return {{"bench_schema", 1},
          {"when", report.when},
          {"seconds", report.seconds},
          {"version", GINNEL_VERSION},
          {"interrupted", report.interrupted},
          {"machine", machine_json(report.machine)},
          {"options", options_json(report.options)},
          {"placements", std::move(places)},
          {"limits", limits_json(report.limits)},
          {"noise", noise_json(report.noise)},
          {"figures", std::move(figures)}};
}

}  // namespace ginnel::cli::bench
