#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"

namespace ginnel {

/// A futex word in memory that processes share. std::atomic::wait is of no use between processes: libstdc++ waits on
/// private futexes. Source: futex(2).
using FutexWord = std::atomic<std::uint32_t>;
static_assert(FutexWord::is_always_lock_free && sizeof(FutexWord) == 4);

/// The word did not hold the expected value when the wait began: what was waited for may have happened.
struct ValueChanged {};

/// Sleeps while `word == expected`, until a wake, the deadline, or a spurious wake-up (Done): look at the word again.
/// Errors: EFAULT, EINVAL (misaligned). Async-signal-safe.
[[nodiscard]] Result<Outcome<Done, ValueChanged, TimedOut>> futex_wait(const FutexWord& word, std::uint32_t expected,
                                                                       Deadline deadline = Deadline::never());
/// Wakes up to `count` waiters, those of other processes too; the result is how many. Change the word first: a wake finds
/// only who sleeps already. Errors: EFAULT, EINVAL (misaligned). Async-signal-safe.
[[nodiscard]] Result<int> futex_wake(FutexWord& word, int count);
inline constexpr int wake_all = 0x7fff'ffff;

struct FutexWaiter {
  const FutexWord* word = nullptr;
  std::uint32_t expected = 0;
};
struct Woken {
  std::size_t index = 0;  ///< of one of those that were woken or had changed
};
inline constexpr std::size_t futex_wait_many_max = 128;  ///< FUTEX_WAITV_MAX

/// Sleeps until any of the words is woken or differs. By futex_waitv(2) (Linux 5.16); where that is missing or filtered, by
/// waiting on the first in slices of at most 1 ms and looking at the others: there a wake that goes without a change of its
/// word is felt on the first alone. Errors: EINVAL (none, over 128, misaligned), EFAULT.
[[nodiscard]] Result<Outcome<Woken, TimedOut>> futex_wait_any(std::span<const FutexWaiter> waiters,
                                                              Deadline deadline = Deadline::never());

namespace detail {
/// The fallback of futex_wait_any, on its own so that tests reach it on every kernel.
[[nodiscard]] Result<Outcome<Woken, TimedOut>> futex_wait_any_by_slices(std::span<const FutexWaiter> waiters,
                                                                        Deadline deadline);
}  // namespace detail

}  // namespace ginnel
