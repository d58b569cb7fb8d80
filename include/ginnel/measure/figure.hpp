#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ginnel/measure/carrier.hpp"
#include "ginnel/measure/carrier_loops.hpp"
#include "ginnel/measure/histogram.hpp"
#include "ginnel/measure/limits.hpp"

namespace ginnel::measure {

/// What is measured, as it is written into a report: two figures with the same of all this can be compared.
struct Subject {
  std::string carrier{};    ///< CarrierKind::name
  std::string mechanism{};  ///< CarrierKind::mechanism
  Manner manner = Manner::sleeping;
  What what = What::round_trip;
  std::size_t size = 0;     ///< bytes of a message
  std::string placement{};  ///< Placement::name
  double rate = 0;          ///< of an open loop, messages a second
  bool in_place = false;
  bool operator==(const Subject&) const = default;
  /// `pipe sleeping round trip 64 B two cores`.
  [[nodiscard]] std::string to_string() const;
};

/// The middle of several repeats, and how far they lie apart.
struct Spread {
  double low = 0;
  double middle = 0;  ///< the median
  double high = 0;
  [[nodiscard]] static Spread of(std::vector<double> values);
  /// Half the distance between the extremes, as a part of the middle.
  [[nodiscard]] double relative() const noexcept { return middle > 0 ? (high - low) / 2 / middle : 0; }
};

/// The percentiles that a report tells.
struct Percentiles {
  double p50 = 0;
  double p90 = 0;
  double p99 = 0;
  double p99_9 = 0;
  double largest = 0;
};

struct Figure {
  Subject subject{};
  /// Of the repeats: for what has latencies the median latency in nanoseconds, else messages a second.
  Spread value{};
  std::size_t repeats = 0;
  std::uint64_t messages = 0;              ///< counted, of all repeats
  std::unique_ptr<Histogram> latencies{};  ///< of all repeats, in nanoseconds; none for one_way
  std::optional<Percentiles> percentiles{};
  double rate = 0;                       ///< messages that came, a second
  double cpu_first_ns = 0;               ///< for each message
  double cpu_second_ns = 0;              ///< for each message
  double switches = 0;                   ///< of both sides, for each message
  std::optional<double> system_calls{};  ///< of both sides, for each message
  std::string no_system_calls{};         ///< why they were not counted
  bool overrun = false;                  ///< an open loop whose rate could not be kept
  std::string failure{};                 ///< why there are no figures; empty where there are

  [[nodiscard]] bool has_latency() const noexcept { return subject.what != What::one_way; }
  [[nodiscard]] double bytes_per_second() const noexcept { return rate * static_cast<double>(subject.size); }
};

/// What the figure would be if only the limit of the machine counted: for latencies in nanoseconds the bare wait of that manner and
/// placement, and a copy for each time that the message is copied at the least; for one_way the messages a second that could be copied.
/// 0 where no limit bears on it.
[[nodiscard]] double limit_of(const Figure& figure, const MachineLimits& limits) noexcept;
/// How many times worse than the limit it is; 0 where there is none.
[[nodiscard]] double ratio_to_limit(const Figure& figure, const MachineLimits& limits) noexcept;

/// A figure beside an earlier one of the same subject.
struct Change {
  double factor = 1;          ///< above 1: better now
  bool beyond_noise = false;  ///< the repeats of the two do not overlap, and the middles differ by more than 3 %
};
[[nodiscard]] Change compare(const Figure& now, const Spread& before) noexcept;

}  // namespace ginnel::measure
