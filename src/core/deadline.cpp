#include "ginnel/core/deadline.hpp"

namespace ginnel {

Deadline Deadline::after(Clock::duration span) noexcept {
  const Clock::time_point now = Clock::now();
  if (span >= Clock::time_point::max() - now) return never();
  if (span <= Clock::duration::zero()) return at(now);
  return at(now + span);
}

Deadline::Clock::duration Deadline::remaining() const noexcept {
  if (is_never()) return Clock::duration::max();
  if (is_immediate()) return Clock::duration::zero();
  const Clock::time_point now = Clock::now();
  return now >= moment_ ? Clock::duration::zero() : moment_ - now;
}

}  // namespace ginnel
