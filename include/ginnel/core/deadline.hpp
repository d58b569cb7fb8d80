#pragma once

#include <chrono>

namespace ginnel {

/// The moment at which a wait gives up, on the monotonic clock (CLOCK_MONOTONIC): setting the wall clock moves nothing.
/// Absolute, so that a wait interrupted by signals and taken up again does not grow longer.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  /// Waits as long as it takes.
  [[nodiscard]] static constexpr Deadline never() noexcept { return Deadline{Clock::time_point::max()}; }
  /// One try, no wait: the outcome is TimedOut where the call would block.
  [[nodiscard]] static constexpr Deadline immediately() noexcept { return Deadline{Clock::time_point::min()}; }
  [[nodiscard]] static constexpr Deadline at(Clock::time_point moment) noexcept { return Deadline{moment}; }
  /// A span from now; a negative one has passed already, and one too long to count is never.
  [[nodiscard]] static Deadline after(Clock::duration span) noexcept;

  [[nodiscard]] constexpr bool is_never() const noexcept { return moment_ == Clock::time_point::max(); }
  [[nodiscard]] constexpr bool is_immediate() const noexcept { return moment_ == Clock::time_point::min(); }
  [[nodiscard]] bool passed() const noexcept { return !is_never() && (is_immediate() || Clock::now() >= moment_); }

  /// What is left of it: zero once passed, Clock::duration::max() when it is never.
  [[nodiscard]] Clock::duration remaining() const noexcept;
  [[nodiscard]] constexpr Clock::time_point moment() const noexcept { return moment_; }

  /// The earlier of the two.
  [[nodiscard]] constexpr Deadline sooner(Deadline other) const noexcept {
    return moment_ <= other.moment_ ? *this : other;
  }

 private:
  explicit constexpr Deadline(Clock::time_point moment) noexcept : moment_{moment} {}
  Clock::time_point moment_;
};

}  // namespace ginnel
