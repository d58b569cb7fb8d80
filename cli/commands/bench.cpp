#include <unistd.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "bench/baseline.hpp"
#include "bench/exports.hpp"
#include "bench/progress.hpp"
#include "bench/report_json.hpp"
#include "bench/report_text.hpp"
#include "bench/state_file.hpp"
#include "ginnel/measure.hpp"
#include "ginnel/sys/signal.hpp"
#include "options.hpp"
#include "render/output.hpp"
#include "verbs.hpp"

// `ginnel bench`: what each mechanism costs between two processes here.

namespace ginnel::cli {
namespace {

struct BenchArguments {
  bool quick = false;
  std::vector<std::string> only;
  std::vector<std::string> sizes;
  std::vector<std::string> manners;
  std::vector<std::string> placements;
  std::vector<double> rates;
  std::string budget;
  unsigned repeats = 0;
  std::uint64_t seed = 0;
  std::string baseline;
  std::vector<std::string> exports;  ///< a format and a file, in turn
  bool json = false;
};

Result<measure::RunOptions> options_of(const BenchArguments& arguments, int interrupt) {
  measure::RunOptions options{.quick = arguments.quick,
                              .only = arguments.only,
                              .rates = arguments.rates,
                              .placements = arguments.placements,
                              .repeats = arguments.repeats,
                              .seed = arguments.seed != 0 ? arguments.seed : std::random_device{}(),
                              .interrupt = interrupt};
  for (const std::string& text : arguments.sizes) {
    auto size = Bytes::parse(text);
    if (!size) return std::unexpected{size.error()};
    if (size->count() < sizeof(measure::Number))
      return std::unexpected{usage_error(text, "a message has at least 4 bytes")};
    options.sizes.push_back(size->count());
  }
  for (const std::string& text : arguments.manners) {
    const auto manner = measure::parse_manner(text);
    if (!manner) return std::unexpected{usage_error(text, "no such mode; there are sleeping, adaptive, polling")};
    options.manners.push_back(*manner);
  }
  for (const double rate : arguments.rates)
    if (!(rate > 0)) return std::unexpected{usage_error("--rate", "write messages a second, above 0")};
  if (!arguments.budget.empty()) {
    auto budget = parse_duration(arguments.budget);
    if (!budget) return std::unexpected{budget.error()};
    options.budget = *budget;
  }
  return options;
}

/// A name that is none is the user's mistake, and told as such.
Error plain(const Error& error) {
  return error.code() == EINVAL && !error.hint().empty() ? usage_error(error.object(), error.hint()) : error;
}

struct Export {
  bench::Format format;
  std::string path;
};

Result<std::vector<Export>> exports_of(const BenchArguments& arguments) {
  std::vector<Export> exports;
  for (std::size_t i = 0; i < arguments.exports.size(); i += 2) {
    const auto format = bench::parse_format(arguments.exports[i]);
    if (!format || i + 1 == arguments.exports.size())
      return std::unexpected{usage_error(arguments.exports[i],
                                         "write a format (json csv markdown html) and a file: --export html out.html")};
    exports.push_back({*format, arguments.exports[i + 1]});
  }
  return exports;
}

void keep_for_choose(const measure::Report& report) {
  const std::string kept = bench::state_path();
  if (kept.empty() || report.interrupted) return;
  if (auto written = bench::write_file(kept, bench::to_json(report, bench::Detail::percentiles).dump()); !written)
    note("ginnel bench: not kept for 'ginnel choose': {}\n", written.error().message());
}

Result<int> run_bench(const BenchArguments& arguments) {
  const auto exports = exports_of(arguments);
  if (!exports) return std::unexpected{exports.error()};
  Json earlier;
  if (!arguments.baseline.empty()) {
    auto read = bench::read_report(arguments.baseline);
    if (!read) return std::unexpected{read.error()};
    earlier = std::move(*read);
  }
  auto signals = SignalReceiver::create({SIGINT, SIGTERM, SIGHUP});
  if (!signals) return std::unexpected{signals.error()};
  const auto options = options_of(arguments, signals->pollable());
  if (!options) return std::unexpected{options.error()};
  auto bar = std::make_unique<bench::ProgressBar>();
  auto report = measure::run(*options, measure::all_carriers(), [&](const auto& progress) { bar->show(progress); });
  bar.reset();
  // Taken here, so that it does not end ginnel when the receiver goes: what was measured is still to be told.
  for (bool taken = true; taken;) {
    auto signal = signals->receive(Deadline::immediately());
    taken = signal && signal->is<ReceivedSignal>();
  }
  if (!report) return std::unexpected{plain(report.error())};

  keep_for_choose(*report);
  for (const Export& to : *exports)
    if (auto written = bench::write_file(to.path, bench::exported(*report, to.format)); !written)
      return std::unexpected{written.error()};
  if (arguments.json)
    put_text(to_text(bench::to_json(*report, bench::Detail::histograms)));
  else
    put_text(bench::report_text(*report, Screen::of(STDOUT_FILENO)));
  if (!arguments.baseline.empty() && !arguments.json)
    put_text(bench::comparison_text(bench::compare(*report, earlier), Screen::of(STDOUT_FILENO)));
  return report->interrupted ? exit_nothing : exit_done;
}

CommandRun define_bench(const VerbOptions& options) {
  auto arguments = std::make_shared<BenchArguments>();
  options.add_flag("--quick", arguments->quick, "Within a minute: three sizes, one placement, three repeats");
  options.add_option("--only", arguments->only, "Measure these alone; a wrong name shows all").type_name("MECHANISM");
  options.add_option("--size", arguments->sizes, "Of a message, instead of a range: 64, 4K, 1M").type_name("SIZE");
  options.add_option("--mode", arguments->manners, "How both sides wait: sleeping, adaptive, polling")
      .type_name("MODE");
  options.add_option("--placement", arguments->placements, "Where both sides run; a wrong name shows all")
      .type_name("PLACE");
  options.add_option("--rate", arguments->rates, "Of an open loop, messages a second").type_name("N");
  options.add_option("--budget", arguments->budget, "Time for all of it (default 54s with --quick, else 13m)")
      .type_name("TIME");
  options.add_option("--repeats", arguments->repeats, "Of each measurement (default 3 with --quick, else 5)")
      .type_name("N");
  options.add_option("--seed", arguments->seed, "Of the order, to repeat a run").type_name("N");
  options
      .add_option("--baseline", arguments->baseline, "Compare with this report, and tell what has changed beyond noise")
      .type_name("FILE");
  options.add_option("--export", arguments->exports, "Write the report also to a file: json, csv, markdown or html")
      .type_name("FORMAT FILE");
  add_json_flag(options, arguments->json);
  return [arguments](const TrailingWords&) { return run_bench(*arguments); };
}

}  // namespace

const Verb bench_verb{"bench", "Measure what each mechanism costs between two processes here",
                      "  ginnel bench --quick\n"
                      "  ginnel bench --only pipe unix-stream topic --size 64 4K\n"
                      "  ginnel bench --only topic --mode polling --rate 100000\n"
                      "  ginnel bench --export html bench.html --export json bench.json\n"
                      "  ginnel bench --quick --baseline bench.json\n"
                      "\n"
                      "Two processes, pinned; each measurement is repeated in shuffled order and\n"
                      "told with its spread, beside what the machine could do at the best.\n"
                      "Ctrl-C keeps what was measured, and ends with 1. The last whole run is\n"
                      "kept in $XDG_STATE_HOME/ginnel for 'ginnel choose'.\n",
                      "", define_bench};

}  // namespace ginnel::cli
