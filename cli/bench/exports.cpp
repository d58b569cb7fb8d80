#include "bench/exports.hpp"

#include <fmt/core.h>

#include <array>
#include <utility>

#include "bench/numbers.hpp"
#include "bench/report_json.hpp"
#include "bench/report_text.hpp"
#include "bench/rows.hpp"
#include "render/size.hpp"

namespace ginnel::cli::bench {
namespace {

using measure::Figure;
using measure::Report;

constexpr std::array formats{
    std::pair{std::string_view{"json"}, Format::json}, std::pair{std::string_view{"csv"}, Format::csv},
    std::pair{std::string_view{"markdown"}, Format::markdown}, std::pair{std::string_view{"html"}, Format::html}};

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\n") == std::string_view::npos) return std::string{text};
  std::string quoted = "\"";
  for (const char c : text) quoted.append(c == '"' ? "\"\"" : std::string{c});
  return quoted + '"';
}

/// Nothing where it is not known.
std::string csv_number(double value) { return value > 0 ? fmt::format("{:.6g}", value) : ""; }

}  // namespace

std::optional<Format> parse_format(std::string_view text) noexcept {
  for (const auto& [name, format] : formats)
    if (name == text) return format;
  return std::nullopt;
}

std::string exported(const Report& report, Format format) {
  switch (format) {
    case Format::json:
      return to_text(to_json(report, Detail::histograms));
    case Format::csv:
      return csv_text(report);
    case Format::markdown:
      return markdown_text(report);
    case Format::html:
      break;
  }
  return page_text(report);
}

std::string csv_text(const Report& report) {
  std::string text =
      "carrier,mechanism,mode,what,size,placement,wanted_rate,unit,value,low,high,repeats,messages,rate,bytes_per_"
      "second,"
      "p50_ns,p90_ns,p99_ns,p99_9_ns,max_ns,cpu_first_ns,cpu_second_ns,context_switches,system_calls,ratio_to_limit,"
      "failure\n";
  for (const Figure& figure : report.figures) {
    const measure::Subject& subject = figure.subject;
    const measure::Percentiles at = figure.percentiles.value_or(measure::Percentiles{});
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n",
                        csv_field(subject.carrier), csv_field(subject.mechanism), to_string(subject.manner),
                        to_string(subject.what), subject.size, csv_field(subject.placement), csv_number(subject.rate),
                        figure.has_latency() ? "ns" : "messages/s", csv_number(figure.value.middle),
                        csv_number(figure.value.low), csv_number(figure.value.high), figure.repeats, figure.messages,
                        csv_number(figure.rate), csv_number(figure.bytes_per_second()), csv_number(at.p50),
                        csv_number(at.p90), csv_number(at.p99), csv_number(at.p99_9), csv_number(at.largest),
                        csv_number(figure.cpu_first_ns), csv_number(figure.cpu_second_ns), csv_number(figure.switches),
                        csv_number(figure.system_calls.value_or(0)), csv_number(ratio_to_limit(figure, report.limits)),
                        csv_field(figure.failure));
  }
  return text;
}

std::string markdown_text(const Report& report) {
  std::string text = fmt::format("# ginnel bench\n\n{}.\n", machine_text(report));
  for (const std::string& warning : report.noise.warnings()) text += fmt::format("\n> Noisy: {}.\n", warning);
  const auto latency = [](const Figure* figure, double measure::Percentiles::* which) {
    return figure != nullptr && figure->percentiles ? duration_text(*figure->percentiles.*which) : std::string{"-"};
  };
  const auto rows = rows_of(report);
  for (const measure::Placement& place : report.placements) {
    std::string table;
    for (const Row& row : rows) {
      if (row.placement != place.name || (row.round_trip == nullptr && row.one_way == nullptr)) continue;
      const Figure* const trip = row.round_trip;
      const Figure* const flow = row.one_way != nullptr && row.one_way->rate > 0 ? row.one_way : nullptr;
      table += fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", row.carrier, to_string(row.manner),
                           short_size(row.size), latency(trip, &measure::Percentiles::p50),
                           latency(trip, &measure::Percentiles::p99), latency(trip, &measure::Percentiles::p99_9),
                           trip != nullptr ? ratio_text(ratio_to_limit(*trip, report.limits)) : "-",
                           flow != nullptr ? count_text(flow->rate) : "-",
                           flow != nullptr ? speed_text(flow->bytes_per_second()) : "-");
    }
    if (!table.empty())
      text += fmt::format(
          "\n## {}\n\n| mechanism | mode | size | p50 | p99 | p99.9 | × limit | messages/s | bytes/s |\n"
          "|---|---|---:|---:|---:|---:|---:|---:|---:|\n{}",
          place.name, table);
  }
  return text;
}

}  // namespace ginnel::cli::bench
