#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>

namespace ginnel::detail {

/// For how long it has paid lately to spin before sleeping. Threads may share it.
class SpinBudget {
 public:
  SpinBudget() noexcept = default;
  SpinBudget(const SpinBudget& other) noexcept : nanoseconds_{other.nanoseconds_.load(std::memory_order_relaxed)} {}
  SpinBudget& operator=(const SpinBudget&) = delete;

  [[nodiscard]] std::chrono::nanoseconds now() const noexcept {
    return std::chrono::nanoseconds{nanoseconds_.load(std::memory_order_relaxed)};
  }
  /// After a short sleep it would have been enough to spin a little longer.
  void learn_from(std::chrono::nanoseconds slept) noexcept {
    const auto before = now();
    const auto next = std::clamp(slept < longest ? before * 2 : before / 2, shortest, longest);
    nanoseconds_.store(next.count(), std::memory_order_relaxed);
  }

 private:
  static constexpr std::chrono::nanoseconds shortest = std::chrono::microseconds{1};
  static constexpr std::chrono::nanoseconds longest = std::chrono::microseconds{50};
  std::atomic<std::chrono::nanoseconds::rep> nanoseconds_ =
      std::chrono::nanoseconds{std::chrono::microseconds{20}}.count();
};

}  // namespace ginnel::detail
