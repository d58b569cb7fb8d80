#include "system_call.hpp"

#include <algorithm>

namespace ginnel {

timespec to_timespec(std::chrono::nanoseconds span) noexcept {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(span);
  return {.tv_sec = static_cast<time_t>(seconds.count()), .tv_nsec = static_cast<long>((span - seconds).count())};
}

timespec monotonic_time(Deadline deadline) noexcept {
  if (deadline.is_immediate()) return {};
  return to_timespec(deadline.moment().time_since_epoch());
}

RemainingTime::RemainingTime(Deadline deadline) noexcept : never_{deadline.is_never()} {
  if (!never_) time_ = to_timespec(deadline.remaining());
}

void Backoff::pause(Deadline deadline) noexcept {
  const auto span = std::min<std::chrono::nanoseconds>(next_, deadline.remaining());
  const timespec time = to_timespec(span);
  ::clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);  // cut short by a signal: only an earlier try
  next_ = std::min(next_ * 2, longest_);
}

}  // namespace ginnel
