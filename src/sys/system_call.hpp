#pragma once

#include <cerrno>
#include <chrono>
#include <ctime>

#include "ginnel/core/deadline.hpp"

// What every system call of this floor does in the same way: take up after EINTR, count down to a deadline, retry where the
// kernel has no timed form.

namespace ginnel {

/// Calls again for as long as a signal handler interrupts the call. Not for close(2), and not for calls with a relative
/// time-out.
template <class Call>
auto retry_interrupted(Call call) {
  auto result = call();
  while (result == static_cast<decltype(result)>(-1) && errno == EINTR) result = call();
  return result;
}

/// The span as the kernel takes it.
[[nodiscard]] timespec to_timespec(std::chrono::nanoseconds span) noexcept;

/// A deadline as calls that take an absolute CLOCK_MONOTONIC time want it. Not for a deadline that is never.
[[nodiscard]] timespec monotonic_time(Deadline deadline) noexcept;

/// What is left of a deadline, for calls that take a relative time: `get()` is null when it is never.
class RemainingTime {
 public:
  explicit RemainingTime(Deadline deadline) noexcept;
  [[nodiscard]] const timespec* get() const noexcept { return never_ ? nullptr : &time_; }

 private:
  bool never_;
  timespec time_{};
};

/// Pauses between tries of a call that the kernel cannot time: short at first, then up to `longest`, never past the
/// deadline.
class Backoff {
 public:
  explicit Backoff(std::chrono::nanoseconds longest) noexcept : longest_{longest} {}
  void pause(Deadline deadline) noexcept;

 private:
  std::chrono::nanoseconds longest_;
  std::chrono::nanoseconds next_ = std::chrono::microseconds{50};
};

}  // namespace ginnel
