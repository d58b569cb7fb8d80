#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/sys/signal.hpp"
#include "tour/names.hpp"
#include "tour/stops.hpp"

// Leads through the tour: runs each stop in a process of its own, writes down what it says, and clears away after it.

namespace ginnel::cli::tour {

/// What one stop found out.
struct Findings {
  std::string mechanism;
  std::vector<std::string> guarantees;
  std::optional<std::uint64_t> round_trip_ns;
  std::vector<std::string> at_peer_death;
  std::optional<std::string> failure;

  [[nodiscard]] bool ok() const noexcept { return !failure; }
};

/// Takes in the lines of a stop's report, one JSON object each: `guarantee`, `round_trip_ns`, `at_peer_death`, `failure` (the
/// first one counts) or `done`. A stop is only believed to have gone well when it said so and left nothing out.
class ReportReader {
 public:
  explicit ReportReader(std::string_view mechanism) { findings_.mechanism = mechanism; }
  void take(std::string_view bytes);
  /// No more will come; `how_it_ended` tells of the stop's process.
  [[nodiscard]] Findings finish(std::string_view how_it_ended) &&;
  [[nodiscard]] bool over() const noexcept { return done_ || findings_.failure; }

 private:
  void take_line(std::string_view line);
  void fail(std::string why);
  Findings findings_;
  std::string pending_;
  bool done_ = false;
};

/// Visits one stop. The outcome is the signal when one of those that `signals` receives came: nothing is left behind then either.
/// Errors: EAGAIN, EMFILE, ENFILE (no process or descriptor to be had).
[[nodiscard]] Result<Outcome<Findings, ReceivedSignal>> lead_through(const TourStop& stop, const Names& names,
                                                                     std::chrono::nanoseconds timing_budget,
                                                                     SignalReceiver& signals);

}  // namespace ginnel::cli::tour
