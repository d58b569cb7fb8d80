#include <fmt/core.h>
#include <fmt/ranges.h>
#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "cleanup.hpp"
#include "options.hpp"
#include "render/output.hpp"
#include "tour/guide.hpp"
#include "tour/report.hpp"
#include "tour/stops.hpp"
#include "verbs.hpp"

// `ginnel tour`: every mechanism at work between two real processes, and whether it keeps its promises here.

namespace ginnel::cli {
namespace {

using namespace std::chrono_literals;

struct TourArguments {
  std::vector<std::string> only;
  bool quick = false;
  bool json = false;
};

std::string all_mechanisms() {
  std::vector<std::string_view> names;
  for (const auto& stop : tour::all_stops()) names.push_back(stop.mechanism);
  return fmt::format("{}", fmt::join(names, " "));
}

Result<std::vector<tour::TourStop>> choose_stops(const std::vector<std::string>& only) {
  const auto stops = tour::all_stops();
  if (only.empty()) return std::vector<tour::TourStop>{stops.begin(), stops.end()};
  std::vector<tour::TourStop> chosen;
  for (const std::string& name : only) {
    const auto stop = std::ranges::find(stops, name, &tour::TourStop::mechanism);
    if (stop == stops.end())
      return std::unexpected{usage_error(name, "no such mechanism; there are " + all_mechanisms())};
    chosen.push_back(*stop);
  }
  return chosen;
}

/// One line on a terminal that is overwritten, nothing elsewhere.
class Progress {
 public:
  explicit Progress(std::size_t stops) : shown_{::isatty(STDERR_FILENO) == 1}, stops_{stops} {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }
  void at(std::size_t index, std::string_view mechanism) const {
    if (!shown_) return;
    note("\r\x1b[K{}/{} {}", index + 1, stops_, mechanism);
    std::fflush(stderr);
  }
  void clear() const {
    if (!shown_) return;
    note("\r\x1b[K");
    std::fflush(stderr);
  }

 private:
  bool shown_;
  std::size_t stops_;
};

/// Visits the stops one after another; the signal when one came.
Result<Outcome<Done, ReceivedSignal>> visit_all(const std::vector<tour::TourStop>& stops, bool quick,
                                                std::vector<tour::Findings>& found) {
  auto signals = SignalReceiver::create(ending_signals());
  if (!signals) return std::unexpected{signals.error()};
  auto names = tour::Names::create();
  if (!names) return std::unexpected{names.error()};
  const Progress progress{stops.size()};
  for (std::size_t i = 0; i < stops.size(); ++i) {
    progress.at(i, stops[i].mechanism);
    auto visited = tour::lead_through(stops[i], *names, quick ? 5ms : 50ms, *signals);
    if (!visited) return std::unexpected{visited.error()};
    if (const auto* signal = visited->get_if<ReceivedSignal>()) return *signal;
    found.push_back(std::move(*visited).as<tour::Findings>());
  }
  return Done{};
}

Result<int> run_tour(const TourArguments& arguments) {
  auto stops = choose_stops(arguments.only);
  if (!stops) return std::unexpected{stops.error()};
  std::vector<tour::Findings> found;
  auto visited = visit_all(*stops, arguments.quick, found);
  if (!visited) return std::unexpected{visited.error()};
  if (const auto* signal = visited->get_if<ReceivedSignal>()) {
    // All is cleared away: the shell is to see which signal it was.
    ::raise(signal->number);
    return exit_nothing;
  }
  if (arguments.json) {
    put_text(to_text(tour::to_json(found)));
  } else {
    const Screen screen = Screen::of(STDOUT_FILENO);
    put("{}\n{}", tour::render_table(found, screen), tour::render_summary(found, screen));
  }
  return std::ranges::all_of(found, &tour::Findings::ok) ? exit_done : exit_refused;
}

CommandRun define_tour(const VerbOptions& options) {
  auto arguments = std::make_shared<TourArguments>();
  options.add_option("--only", arguments->only, "Visit these alone; a wrong name shows all").type_name("MECHANISM");
  options.add_flag("--quick", arguments->quick, "Time each for 5 ms instead of 50");
  add_json_flag(options, arguments->json);
  return [arguments](const TrailingWords&) { return run_tour(*arguments); };
}

}  // namespace

const Verb tour_verb{"tour", "See every mechanism at work between two processes",
                     "  ginnel tour\n"
                     "  ginnel tour --only fifo unix-stream posix-queue\n"
                     "  ginnel tour --quick --json\n"
                     "\n"
                     "For each mechanism two processes are started, real data goes over and is\n"
                     "checked for order, boundaries and content, one process is killed (SIGKILL)\n"
                     "and the other must be told what is promised. The round trip is a median.\n"
                     "Ends with 2 when anything is not as promised, and says what was seen.\n"
                     "Nothing is left behind. --json: {ok, mechanisms: [{mechanism, guarantees,\n"
                     "round_trip_ns, at_peer_death, ok, failure}]}\n",
                     "", define_tour};

}  // namespace ginnel::cli
