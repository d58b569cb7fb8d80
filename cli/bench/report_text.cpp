#include "bench/report_text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "bench/numbers.hpp"
#include "bench/rows.hpp"
#include "render/size.hpp"
#include "render/table.hpp"

namespace ginnel::cli::bench {
namespace {

using measure::Figure;
using measure::Report;

std::string limits_text(const Report& report) {
  std::string text;
  for (const measure::PairLimits& pair : report.limits.pairs) {
    text += fmt::format("limits, {}: ", pair.placement);
    if (pair.cache_line_ns > 0)
      text += fmt::format("cache line there and back {}; ", duration_text(pair.cache_line_ns));
    text += fmt::format("futex wake there and back {}\n", duration_text(pair.futex_ns));
  }
  if (report.limits.system_call_ns > 0)
    text += fmt::format("limits: system call {}; reading the clock {}", duration_text(report.limits.system_call_ns),
                        duration_text(report.limits.clock_ns));
  for (const measure::CopySpeed& copy : report.limits.copies)
    if (copy.bytes == report.limits.copies.back().bytes || copy.bytes == 4096)
      text += fmt::format("; copying {} {}", short_size(copy.bytes),
                          speed_text(static_cast<double>(copy.bytes) * 1e9 / copy.ns));
  return text + "\n";
}

std::string latency(const Figure* figure, double measure::Percentiles::* which) {
  return figure != nullptr && figure->percentiles ? duration_text(*figure->percentiles.*which) : "-";
}

/// Of both sides, for a message; a round trip has two.
std::string cpu(const Row& row) {
  const Figure* const figure = row.one_way != nullptr ? row.one_way : row.round_trip;
  if (figure == nullptr) return "-";
  const double messages = figure == row.one_way ? 1 : 2;
  return duration_text((figure->cpu_first_ns + figure->cpu_second_ns) / messages);
}

std::vector<Cell> cells_of(const Row& row, const Report& report) {
  const auto ratio = [&](const Figure* figure) {
    return figure == nullptr ? "-" : ratio_text(ratio_to_limit(*figure, report.limits));
  };
  const double wider = std::max(row.round_trip != nullptr ? row.round_trip->value.relative() : 0,
                                row.one_way != nullptr ? row.one_way->value.relative() : 0);
  constexpr double wide = 0.1;
  return {{row.carrier},
          {std::string{to_string(row.manner)}},
          {short_size(row.size)},
          {latency(row.round_trip, &measure::Percentiles::p50), Colour::bold},
          {latency(row.round_trip, &measure::Percentiles::p90)},
          {latency(row.round_trip, &measure::Percentiles::p99)},
          {latency(row.round_trip, &measure::Percentiles::p99_9)},
          {latency(row.round_trip, &measure::Percentiles::largest)},
          {ratio(row.round_trip)},
          {row.one_way != nullptr && row.one_way->rate > 0 ? count_text(row.one_way->rate) : "-", Colour::bold},
          {row.one_way != nullptr && row.one_way->rate > 0 ? speed_text(row.one_way->bytes_per_second()) : "-"},
          {ratio(row.one_way)},
          {cpu(row)},
          {spread_text(wider), wider > wide ? Colour::yellow : Colour::none}};
}

/// The same carrier is told once, so that the eye finds where the next begins.
std::string tables_text(const Report& report, const Screen& screen) {
  std::string text;
  const std::vector<Row> rows = rows_of(report);
  for (const measure::Placement& place : report.placements) {
    Table table{{{"MECHANISM"},
                 {"MODE"},
                 {"SIZE", Align::right},
                 {"P50", Align::right},
                 {"P90", Align::right},
                 {"P99", Align::right},
                 {"P99.9", Align::right},
                 {"MAX", Align::right},
                 {"X LIMIT", Align::right},
                 {"MSG/S", Align::right},
                 {"BYTES/S", Align::right},
                 {"X LIMIT", Align::right},
                 {"CPU/MSG", Align::right},
                 {"SPREAD", Align::right}}};
    for (const Row& row : rows)
      if (row.placement == place.name && (row.round_trip != nullptr || row.one_way != nullptr))
        table.add_row(cells_of(row, report));
    if (table.empty()) continue;
    text += place.is_shared()
                ? fmt::format("\n{} ({}): round trip, and one way\n", place.name, place.first)
                : fmt::format("\n{} ({} and {}): round trip, and one way\n", place.name, place.first, place.second);
    text += table.render(screen);
  }
  return text;
}

std::string open_loops_text(const Report& report, const Screen& screen) {
  Table table{{{"MECHANISM"},
               {"MODE"},
               {"SIZE", Align::right},
               {"RATE", Align::right},
               {"CAME", Align::right},
               {"P50", Align::right},
               {"P90", Align::right},
               {"P99", Align::right},
               {"P99.9", Align::right},
               {"MAX", Align::right}}};
  for (const Figure& figure : report.figures) {
    if (figure.subject.what != measure::What::open_loop || !figure.failure.empty()) continue;
    table.add_row({{figure.subject.carrier},
                   {std::string{to_string(figure.subject.manner)}},
                   {short_size(figure.subject.size)},
                   {count_text(figure.subject.rate) + "/s"},
                   {count_text(figure.rate) + "/s", figure.overrun ? Colour::red : Colour::none},
                   {latency(&figure, &measure::Percentiles::p50), Colour::bold},
                   {latency(&figure, &measure::Percentiles::p90)},
                   {latency(&figure, &measure::Percentiles::p99)},
                   {latency(&figure, &measure::Percentiles::p99_9)},
                   {latency(&figure, &measure::Percentiles::largest)}});
  }
  if (table.empty()) return {};
  return "\none way at a given rate, from the moment at which each message was due\n" + table.render(screen);
}

std::string failures_text(const Report& report, const Screen& screen) {
  std::string text;
  for (const Figure& figure : report.figures)
    if (!figure.failure.empty())
      text += coloured(fmt::format("not measured: {}: {}\n", figure.subject.to_string(), figure.failure), Colour::red,
                       screen);
  return text.empty() ? text : "\n" + text;
}

}  // namespace

std::string machine_text(const Report& report) {
  return fmt::format("{} processors ({}), Linux {}, {} of memory", report.machine.processors, report.machine.processor,
                     report.machine.kernel, short_size(report.machine.memory_bytes));
}

std::string report_text(const Report& report, const Screen& screen) {
  std::string text = machine_text(report) + "\n" + limits_text(report) + tables_text(report, screen) +
                     open_loops_text(report, screen) + failures_text(report, screen);
  text +=
      fmt::format("\n{} repeats in shuffled order (seed {}), {:.0f} s{}\n", report.options.repeats, report.options.seed,
                  report.seconds, report.interrupted ? "; interrupted: what was measured until then" : "");
  for (const std::string& warning : report.noise.warnings())
    text += coloured("noisy: " + warning, Colour::yellow, screen) + "\n";
  return text;
}

}  // namespace ginnel::cli::bench
