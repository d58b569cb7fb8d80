#include "../figures.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace ginnel::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t trips_of_line = 160;
constexpr std::uint32_t trips_of_futex = 24;
constexpr std::uint32_t windows_at_once = 200;
constexpr auto time_at_once = 50ms;
/// Round trips of a line between processors that share a cache. Below: two that share a core.
constexpr double nearest_ns = 80;
constexpr double farthest_ns = 200;
constexpr double may_disagree = 1.15;
constexpr double futexes_may_disagree = 1.3;

/// Both sides of both limits.
class Limit {
 public:
  explicit Limit(Unit unit) noexcept : by_futex_{unit == Unit::futex} {}

  /// Round trip in nanoseconds.
  [[nodiscard]] double lead() noexcept {
    once();
    const std::uint32_t trips = by_futex_ ? trips_of_futex : trips_of_line;
    const auto start = Clock::now();
    for (std::uint32_t i = 1; i < trips; ++i) once();
    return std::chrono::duration<double, std::nano>(Clock::now() - start).count() / (trips - 1);
  }
  /// False: the other side has no more windows.
  [[nodiscard]] bool follow() noexcept {
    const std::uint32_t trips = by_futex_ ? trips_of_futex : trips_of_line;
    for (std::uint32_t i = 0; i < trips; ++i) {
      await(lines_.there, ++turn_);
      if (i == 0 && lines_.over.load(std::memory_order_relaxed)) return false;
      tell(lines_.back, turn_);
    }
    return true;
  }
  void end() noexcept {
    lines_.over.store(true);
    tell(lines_.there, ++turn_);
  }

 private:
  void once() noexcept {
    tell(lines_.there, ++turn_);
    await(lines_.back, turn_);
  }
  void await(FutexWord& word, std::uint32_t value) const noexcept {
    while (word.load(std::memory_order_acquire) != value)
      if (by_futex_) static_cast<void>(futex_wait(word, value - 1));
  }
  void tell(FutexWord& word, std::uint32_t value) const noexcept {
    word.store(value, std::memory_order_release);
    if (by_futex_) static_cast<void>(futex_wake(word, 1));
  }

  Lines& lines_ = shared_lines();
  bool by_futex_;
  std::uint32_t turn_ = 0;
};

std::uint64_t ticks() noexcept {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  return static_cast<std::uint64_t>(Clock::now().time_since_epoch().count());
#endif
}

std::vector<double> round_trips;
std::uint64_t round_trip_began = 0;

bool agree(Unit unit, double before, double after) {
  if (unit == Unit::futex) return std::max(before, after) <= futexes_may_disagree * std::min(before, after);
  return std::min(before, after) >= nearest_ns && std::max(before, after) <= farthest_ns &&
         std::max(before, after) <= may_disagree * std::min(before, after);
}

double in_unit(const Figure& figure, double nanoseconds, double limit) {
  switch (figure.unit) {
    case Unit::line:
    case Unit::futex:
      return nanoseconds / limit;
    case Unit::rate:
      return 1e3 / nanoseconds;
    case Unit::micros:
      return nanoseconds / 1e3;
    default:
      return nanoseconds;
  }
}

void one_window(Figure& figure, Limit& limit, const Act& own) {
  const double before = limit.lead();
  round_trips.clear();
  round_trip_began = ticks();
  const auto start = Clock::now();
  own(figure.times);
  const double taken = std::chrono::duration<double, std::nano>(Clock::now() - start).count() / figure.times;
  const double after = limit.lead();
  if (!agree(figure.unit, before, after)) {
    ++figure.thrown_away;
    return;
  }
  figure.limits.push_back((before + after) / 2);
  if (figure.unit == Unit::tail)
    figure.values.insert(figure.values.end(), round_trips.begin(), round_trips.end());
  else
    figure.values.push_back(in_unit(figure, taken, (before + after) / 2));
}

void wait_for_both(Lines& lines) {
  lines.ready.fetch_add(1);
  while (lines.ready.load() < 2) ::sched_yield();
}

void measure(Figure& figure) {
  Lines& lines = shared_lines();
  lines.there.store(0);
  lines.back.store(0);
  lines.ready.store(0);
  lines.over.store(false);
  side_by_side(
      [&] {
        Limit limit{figure.unit};
        const Act act = figure.other();
        wait_for_both(lines);
        while (limit.follow()) {
          act(figure.times);
          static_cast<void>(limit.follow());
        }
      },
      [&] {
        Limit limit{figure.unit};
        const Act act = figure.own();
        wait_for_both(lines);
        Figure warming_up = figure;
        one_window(warming_up, limit, act);
        const auto start = Clock::now();
        for (std::uint32_t i = 0; i < windows_at_once && Clock::now() - start < time_at_once; ++i)
          one_window(figure, limit, act);
        limit.end();
      });
}

void write_all_of(int fd, const void* from, std::size_t size) {
  for (const auto* at = static_cast<const char*>(from); size > 0;) {
    const ssize_t written = ::write(fd, at, size);
    if (written <= 0) std::_Exit(2);
    at += written;
    size -= static_cast<std::size_t>(written);
  }
}

/// False at the end of what there is.
bool read_all_of(int fd, void* into, std::size_t size) {
  for (auto* at = static_cast<char*>(into); size > 0;) {
    const ssize_t got = ::read(fd, at, size);
    if (got <= 0) return false;
    at += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

/// What was measured by a process that did nothing else: libraries that have threads do not outlive a fork.
struct Sums {
  std::size_t values = 0;
  std::size_t limits = 0;
  unsigned thrown_away = 0;
};

void some_windows(Figure& figure) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) < 0) std::_Exit(2);
  std::fflush(nullptr);
  const pid_t measuring = ::fork();
  if (measuring == 0) {
    figure.values.clear();
    figure.limits.clear();
    figure.thrown_away = 0;
    measure(figure);
    const Sums sums{.values = figure.values.size(), .limits = figure.limits.size(), .thrown_away = figure.thrown_away};
    write_all_of(ends[1], &sums, sizeof sums);
    write_all_of(ends[1], figure.values.data(), sums.values * sizeof(double));
    write_all_of(ends[1], figure.limits.data(), sums.limits * sizeof(double));
    std::_Exit(0);
  }
  ::close(ends[1]);
  Sums sums;
  if (read_all_of(ends[0], &sums, sizeof sums)) {
    std::vector<double> values(sums.values);
    std::vector<double> limits(sums.limits);
    if (read_all_of(ends[0], values.data(), sums.values * sizeof(double)) &&
        read_all_of(ends[0], limits.data(), sums.limits * sizeof(double))) {
      figure.values.insert(figure.values.end(), values.begin(), values.end());
      figure.limits.insert(figure.limits.end(), limits.begin(), limits.end());
      figure.thrown_away += sums.thrown_away;
    }
  }
  ::close(ends[0]);
  ::waitpid(measuring, nullptr, 0);
  if (figure.clean_up) figure.clean_up();
}

double quantile(std::vector<double>& sorted, double part) {
  if (sorted.empty()) return NAN;
  return sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

const char* name_of(Unit unit) {
  switch (unit) {
    case Unit::line:
      return "L";
    case Unit::futex:
      return "futex";
    case Unit::rate:
      return "M/s";
    case Unit::micros:
      return "us";
    case Unit::nanos:
      return "ns";
    case Unit::tail:
      return "p99/p50";
  }
  return "";
}

void print(Figure& figure) {
  std::ranges::sort(figure.values);
  const double told = figure.unit == Unit::tail ? quantile(figure.values, 0.99) / quantile(figure.values, 0.5)
                                                : quantile(figure.values, 0.5);
  std::printf("%-52s %9.3f %-7s", figure.what.c_str(), told, name_of(figure.unit));
  if (figure.unit == Unit::tail)
    std::printf(" %zu round trips", figure.values.size());
  else
    std::printf(" %.3f to %.3f", quantile(figure.values, 0.1), quantile(figure.values, 0.9));
  std::printf(" (%zu windows, %u thrown away)\n", figure.limits.size(), figure.thrown_away);
}

}  // namespace

void note_round_trip() noexcept {
  const std::uint64_t now = ticks();
  round_trips.push_back(static_cast<double>(now - round_trip_began));
  round_trip_began = now;
}

void report(std::vector<Figure> figures, double seconds) {
  round_trips.reserve(10'000);
  const auto start = Clock::now();
  for (Figure& figure : figures)
    if (figure.begin) figure.begin();
  do {
    for (Figure& figure : figures) some_windows(figure);
  } while (Clock::now() - start < std::chrono::duration<double>(seconds));

  for (Figure& figure : figures)
    if (figure.end) figure.end();

  std::vector<double> lines;
  std::vector<double> futexes;
  for (const Figure& figure : figures) {
    auto& all = figure.unit == Unit::futex ? futexes : lines;
    all.insert(all.end(), figure.limits.begin(), figure.limits.end());
  }
  std::ranges::sort(lines);
  std::ranges::sort(futexes);
  std::printf("L, round trip of a bare cache line: %.0f ns (%.0f to %.0f); of a bare futex: %.0f ns (%.0f to %.0f)\n",
              quantile(lines, 0.5), quantile(lines, 0.1), quantile(lines, 0.9), quantile(futexes, 0.5),
              quantile(futexes, 0.1), quantile(futexes, 0.9));
  std::printf("told: the median, and from the 10th to the 90th of a hundred\n");
  for (Figure& figure : figures) print(figure);
}

}  // namespace ginnel::bench
