#include "ginnel/sys/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>

#include "system_call.hpp"

namespace ginnel {
namespace {

// Never FUTEX_PRIVATE_FLAG here: a private futex is found by its address in one process, a shared one by its page.

std::optional<std::size_t> first_that_differs(std::span<const FutexWaiter> waiters) noexcept {
  for (std::size_t i = 0; i < waiters.size(); ++i)
    if (waiters[i].word->load(std::memory_order_acquire) != waiters[i].expected) return i;
  return std::nullopt;
}

Result<void> check(std::span<const FutexWaiter> waiters) {
  if (!waiters.empty() && waiters.size() <= futex_wait_many_max) return {};
  return std::unexpected{
      Error{EINVAL, "futex_waitv", {}, "it takes 1 to 128 words, not " + std::to_string(waiters.size())}};
}

}  // namespace

Result<Outcome<Done, ValueChanged, TimedOut>> futex_wait(const FutexWord& word, std::uint32_t expected,
                                                         Deadline deadline) {
  // The bitset form, since its time is absolute: a wait taken up after EINTR grows no longer.
  const timespec until = deadline.is_never() ? timespec{} : monotonic_time(deadline);
  const timespec* timeout = deadline.is_never() ? nullptr : &until;
  const long slept = retry_interrupted([&] {
    return ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, expected, timeout, nullptr, FUTEX_BITSET_MATCH_ANY);
  });
  if (slept == 0) return Done{};
  if (errno == EAGAIN) return ValueChanged{};
  if (errno == ETIMEDOUT) return TimedOut{};
  return std::unexpected{Error::last("futex wait")};
}

Result<int> futex_wake(FutexWord& word, int count) {
  if (count <= 0) return 0;  // the kernel would wake one
  const long woken = ::syscall(SYS_futex, &word, FUTEX_WAKE, count, nullptr, nullptr, 0);
  if (woken < 0) return std::unexpected{Error::last("futex wake")};
  return static_cast<int>(woken);
}

Result<Outcome<Woken, TimedOut>> futex_wait_any(std::span<const FutexWaiter> waiters, Deadline deadline) {
  auto checked = check(waiters);
  if (!checked) return std::unexpected{checked.error()};

  std::array<struct futex_waitv, futex_wait_many_max> list{};
  for (std::size_t i = 0; i < waiters.size(); ++i) {
    list[i].val = waiters[i].expected;
    list[i].uaddr = reinterpret_cast<std::uintptr_t>(waiters[i].word);
    list[i].flags = FUTEX_32;
  }
  const timespec until = deadline.is_never() ? timespec{} : monotonic_time(deadline);
  const timespec* timeout = deadline.is_never() ? nullptr : &until;
  while (true) {
    const long index = retry_interrupted(
        [&] { return ::syscall(SYS_futex_waitv, list.data(), waiters.size(), 0, timeout, CLOCK_MONOTONIC); });
    if (index >= 0) return Woken{static_cast<std::size_t>(index)};
    if (errno == ETIMEDOUT) return TimedOut{};
    // EPERM is what a filter of system calls says of one that it does not know.
    if (errno == ENOSYS || errno == EPERM) return detail::futex_wait_any_by_slices(waiters, deadline);
    if (errno != EAGAIN) return std::unexpected{Error::last("futex_waitv")};
    if (const auto index_of_changed = first_that_differs(waiters)) return Woken{*index_of_changed};
    // It differed and is back at the expected value: that is what the caller sleeps for.
  }
}

namespace detail {

Result<Outcome<Woken, TimedOut>> futex_wait_any_by_slices(std::span<const FutexWaiter> waiters, Deadline deadline) {
  auto checked = check(waiters);
  if (!checked) return std::unexpected{checked.error()};
  while (true) {
    if (const auto changed = first_that_differs(waiters)) return Woken{*changed};
    const Deadline slice = Deadline::after(std::chrono::milliseconds{1}).sooner(deadline);
    auto slept = futex_wait(*waiters.front().word, waiters.front().expected, slice);
    if (!slept) return std::unexpected{slept.error()};
    if (!slept->is<TimedOut>()) return Woken{0};
    if (deadline.passed()) return TimedOut{};
  }
}

}  // namespace detail
}  // namespace ginnel
