#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ginnel/measure/figure.hpp"
#include "ginnel/measure/noise.hpp"
#include "ginnel/measure/placement.hpp"

// A whole run: which carriers are measured how, in what order, and for how long; and the report that comes out.

namespace ginnel::measure {

struct RunOptions {
  bool quick = false;                     ///< fewer sizes, manners, repeats and placements
  std::chrono::nanoseconds budget{};      ///< for all of it; 0: 54 s when quick, else 13 min
  std::vector<std::string> only{};        ///< names of carriers or mechanisms; empty: all
  std::vector<std::size_t> sizes{};       ///< bytes; empty: a choice over the whole range
  std::vector<Manner> manners{};          ///< empty: all that there are (when quick: sleeping and polling)
  std::vector<double> rates{};            ///< of open loops, messages a second; empty: a choice
  std::vector<std::string> placements{};  ///< names; empty: all (when quick: the first)
  unsigned repeats = 0;                   ///< 0: 3 when quick, else 5
  std::uint64_t seed = 0;                 ///< of the order
  int interrupt = -1;                     ///< a descriptor that ends the run when it becomes readable
};

/// One line of the plan.
struct PlannedCase {
  const CarrierKind* kind = nullptr;
  Manner manner = Manner::sleeping;
  What what = What::round_trip;
  std::size_t size = 0;
  double rate = 0;
  Placement placement;
  [[nodiscard]] Subject subject() const;
};

/// What will be measured. Errors: EINVAL (`only`, a manner or a placement names nothing; or nothing is left: tells what there is).
[[nodiscard]] Result<std::vector<PlannedCase>> plan(const RunOptions& options, std::span<const CarrierKind> kinds,
                                                    const std::vector<Placement>& places);
/// Each case `repeats` times: a list of indices, in which every case comes once before any comes again, each time in another order.
[[nodiscard]] std::vector<std::size_t> shuffled_order(std::size_t cases, unsigned repeats, std::uint64_t seed);

/// The machine and the program, as far as somebody needs to know who wants to repeat it.
struct Machine {
  std::string processor{};
  std::string kernel{};
  std::size_t processors = 0;  ///< that were allowed
  std::uint64_t memory_bytes = 0;
  std::string compiler;  ///< of this library
  [[nodiscard]] static Machine here();
};

struct Report {
  Machine machine{};
  std::int64_t when = 0;  ///< seconds since the epoch
  double seconds = 0;     ///< that it took
  RunOptions options{};   ///< with every choice filled in
  std::vector<Placement> placements{};
  MachineLimits limits{};
  Noise noise{};
  std::vector<Figure> figures{};  ///< in the order of the plan
  bool interrupted = false;       ///< what was measured until then is here
};

struct Progress {
  std::size_t done = 0;
  std::size_t all = 0;
  std::string_view now;  ///< the subject
};

/// Measures. `home` is a directory of the run's own in which objects get their names; what is made there is removed again.
/// Errors: of the plan, of the limits, and of what the machine refuses as a whole. What one carrier fails with stands in its figure.
[[nodiscard]] Result<Report> run(const RunOptions& options, std::span<const CarrierKind> kinds,
                                 const std::function<void(const Progress&)>& tell);

}  // namespace ginnel::measure
