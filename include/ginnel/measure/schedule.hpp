#pragma once

#include <chrono>
#include <cstdint>

#include "ginnel/measure/histogram.hpp"

// Load that comes at its own pace (open loop): message i is due at start + i / rate, whether or not what went before has ended. A
// latency counts from the moment at which its message was due. A closed loop would wait out a stall and then count it as one slow
// message (coordinated omission); here each message that was due meanwhile counts what it had to wait.

namespace ginnel::measure {

class Schedule {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// `rate` in messages a second, above 0.
  Schedule(TimePoint start, double rate) noexcept : start_{start}, interval_ns_{1e9 / rate} {}

  [[nodiscard]] TimePoint due(std::uint64_t index) const noexcept {
    return start_ + std::chrono::nanoseconds{static_cast<std::int64_t>(static_cast<double>(index) * interval_ns_)};
  }
  /// Records how late message `index` was done. Done before it was due (clocks of two processors) counts as at once.
  void record(Histogram& histogram, std::uint64_t index, TimePoint done) const noexcept {
    const auto late = std::chrono::duration_cast<std::chrono::nanoseconds>(done - due(index)).count();
    histogram.record(late < 0 ? 0 : static_cast<std::uint64_t>(late));
  }

 private:
  TimePoint start_;
  double interval_ns_;
};

/// Sends message after message, each as soon as it is due and the one before has been sent, until `end`; the result is how many.
/// `now` reads the clock, `wait_until` returns at a moment or a little later, `send` sends the message of that number and says
/// whether to go on.
template <class Now, class WaitUntil, class Send>
std::uint64_t send_on_schedule(const Schedule& schedule, Schedule::TimePoint end, Now now, WaitUntil wait_until,
                               Send send) {
  std::uint64_t index = 0;
  for (; schedule.due(index) < end; ++index) {
    if (now() < schedule.due(index)) wait_until(schedule.due(index));
    if (!send(index)) break;
  }
  return index;
}

}  // namespace ginnel::measure
