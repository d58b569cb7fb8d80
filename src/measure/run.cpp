#include "ginnel/measure/run.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

#include "ginnel/measure/trial.hpp"
#include "ginnel/sys/shared_folder.hpp"
#include "repeats.hpp"

namespace ginnel::measure {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// A directory of the run's own, removed with all that is in it.
class Home {
 public:
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;
  explicit Home(std::string path) : path_{std::move(path)} {}
  ~Home() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] static Result<std::unique_ptr<Home>> make() {
    const auto self = Process::self();
    if (!self) return std::unexpected{self.error()};
    std::string path = "/dev/shm/ginnel-bench-" + std::to_string(self->pid());
    if (auto made = SharedFolder::open_or_create(path); !made) return std::unexpected{std::move(made.error())};
    return std::make_unique<Home>(std::move(path));
  }
  /// An empty one within it, for one trial.
  [[nodiscard]] Result<std::string> fresh() {
    std::error_code ignored;
    const std::string last = path_ + "/" + std::to_string(number_);
    std::filesystem::remove_all(last, ignored);
    std::string path = path_ + "/" + std::to_string(++number_);
    if (auto made = SharedFolder::open_or_create(path); !made) return std::unexpected{std::move(made.error())};
    return path;
  }

 private:
  std::string path_;
  std::size_t number_ = 0;
};

RunOptions filled_in(RunOptions options, const std::vector<Placement>& places) {
  if (options.budget == 0ns) options.budget = options.quick ? 54s : 13min;
  if (options.repeats == 0) options.repeats = options.quick ? 3 : 5;
  if (options.sizes.empty()) {
    if (options.quick)
      options.sizes = {64, 4096, 65'536};
    else
      options.sizes = {8, 64, 512, 4096, 32'768, 262'144, 1'048'576, 16'777'216};
  }
  std::ranges::sort(options.sizes);
  if (options.manners.empty()) {
    options.manners = {Manner::sleeping, Manner::polling};
    if (!options.quick) options.manners.push_back(Manner::adaptive);
  }
  if (options.rates.empty()) {
    options.rates = {10'000};
    if (!options.quick) options.rates = {1000, 10'000, 100'000};
  }
  if (options.placements.empty())
    for (const Placement& place : places)
      if (options.placements.empty() || !options.quick) options.placements.push_back(place.name);
  return options;
}

/// Gives each trial its part of what is left of the budget.
class Clockwork {
 public:
  Clockwork(std::chrono::nanoseconds budget, std::size_t trials) : end_{Clock::now() + budget}, left_{trials} {}
  [[nodiscard]] std::chrono::nanoseconds span_for_next() const {
    const auto each = (end_ - Clock::now()) / static_cast<std::int64_t>(std::max<std::size_t>(left_, 1)) - overhead_;
    return std::clamp<std::chrono::nanoseconds>(each, 4ms, 400ms);
  }
  void trial_took(std::chrono::nanoseconds all, std::chrono::nanoseconds span) {
    --left_;
    // Processes that start and objects that are made; a slow trial is not taken for the rule.
    overhead_ = (7 * overhead_ + std::clamp<std::chrono::nanoseconds>(all - span, 0ms, 100ms)) / 8;
  }

 private:
  Clock::time_point end_;
  std::size_t left_;
  std::chrono::nanoseconds overhead_ = 5ms;
};

Job job_for(const PlannedCase& planned, std::chrono::nanoseconds span) {
  return {.what = planned.what, .size = planned.size, .warm_up = span / 8, .span = span * 7 / 8, .rate = planned.rate};
}

/// System calls, counted once for each carrier and manner, with its smallest message.
class CallCounts {
 public:
  /// No count is begun after `end`.
  CallCounts(const std::vector<PlannedCase>& cases, Home& home, Clock::time_point end,
             const std::function<void(const Progress&)>& tell) {
    for (const PlannedCase& planned : cases) {
      if (Clock::now() >= end || planned.what == What::open_loop || find(planned) != nullptr) continue;
      tell({.done = cases.size(), .all = cases.size(), .now = "system calls"});
      auto fresh = home.fresh();
      if (!fresh) continue;
      Counted counted{.of = &planned};
      auto calls = count_system_calls(*planned.kind, {.size = planned.size, .manner = planned.manner, .home = *fresh},
                                      planned.what, messages, planned.placement);
      if (calls)
        counted.calls = *calls;
      else
        counted.why_not = calls.error().message();
      counted_.push_back(std::move(counted));
    }
  }
  void put_into(Figure& figure, const PlannedCase& planned) const {
    const Counted* const counted = find(planned);
    figure.system_calls = counted != nullptr ? counted->calls : std::nullopt;
    figure.no_system_calls = counted == nullptr ? "not counted: an open loop, or no time was left" : counted->why_not;
  }

 private:
  static constexpr std::uint64_t messages = 64;
  struct Counted {
    const PlannedCase* of;
    std::optional<double> calls{};
    std::string why_not{};
  };
  [[nodiscard]] const Counted* find(const PlannedCase& planned) const {
    const auto found = std::ranges::find_if(counted_, [&](const Counted& counted) {
      return counted.of->kind == planned.kind && counted.of->manner == planned.manner &&
             counted.of->what == planned.what;
    });
    return found == counted_.end() ? nullptr : &*found;
  }
  std::vector<Counted> counted_;
};

std::string first_field(const char* path, std::string_view name) {
  std::ifstream file{path};
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(name))
      if (const auto colon = line.find(": "); colon != std::string::npos) return line.substr(colon + 2);
  return {};
}

}  // namespace

Machine Machine::here() {
  Machine machine;
  machine.processor = first_field("/proc/cpuinfo", "model name");
  std::ifstream{"/proc/sys/kernel/osrelease"} >> machine.kernel;
  std::ifstream memory{"/proc/meminfo"};
  std::string word;
  std::uint64_t kib = 0;
  if (memory >> word >> kib) machine.memory_bytes = kib << 10U;
#if defined(__clang__)
  machine.compiler = "clang " __clang_version__;
#else
  machine.compiler = "g++ " __VERSION__;
#endif
  return machine;
}

Result<Report> run(const RunOptions& asked, std::span<const CarrierKind> kinds,
                   const std::function<void(const Progress&)>& tell) {
  const auto places = placements();
  if (!places) return std::unexpected{places.error()};
  Report report;
  report.machine = Machine::here();
  report.options = filled_in(asked, *places);
  report.placements = *places;
  report.machine.processors = processors_of(*places);
  const RunOptions& options = report.options;
  const auto cases = plan(options, kinds, *places);
  if (!cases) return std::unexpected{cases.error()};
  auto home = Home::make();
  if (!home) return std::unexpected{std::move(home.error())};

  const auto begun = Clock::now();
  report.when =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  const NoiseWatch noise;
  tell({.done = 0, .all = 1, .now = "the limits of the machine"});
  auto limits = measure_limits(*places, options.sizes, options.quick ? 50ms : 200ms, options.interrupt);
  if (!limits) return std::unexpected{std::move(limits.error())};
  report.interrupted = limits->is<Interrupted>();
  if (!report.interrupted) report.limits = std::move(limits->as<MachineLimits>());

  const auto order = shuffled_order(cases->size(), options.repeats, options.seed);
  std::vector<Repeats> repeats(cases->size());
  Clockwork clockwork{options.budget * 85 / 100 - (Clock::now() - begun), order.size()};
  for (std::size_t done = 0; done < order.size() && !report.interrupted; ++done) {
    const PlannedCase& planned = (*cases)[order[done]];
    const std::string subject = planned.subject().to_string();
    tell({.done = done, .all = order.size(), .now = subject});
    auto fresh = (*home)->fresh();
    if (!fresh) return std::unexpected{std::move(fresh.error())};
    const auto span = clockwork.span_for_next();
    const auto trial_begun = Clock::now();
    auto trial = run_trial(*planned.kind, {.size = planned.size, .manner = planned.manner, .home = *fresh},
                           job_for(planned, span), planned.placement, options.interrupt);
    clockwork.trial_took(Clock::now() - trial_begun, span);
    if (trial && trial->is<Interrupted>())
      report.interrupted = true;
    else
      repeats[order[done]].add(planned.what, std::move(trial));
  }
  const CallCounts calls{*cases, **home, report.interrupted ? begun : begun + options.budget, tell};
  for (std::size_t i = 0; i < cases->size(); ++i) {
    if (!repeats[i].any()) continue;
    report.figures.push_back(std::move(repeats[i]).figure((*cases)[i].subject()));
    calls.put_into(report.figures.back(), (*cases)[i]);
  }
  report.noise = noise.so_far();
  report.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  return report;
}

}  // namespace ginnel::measure
