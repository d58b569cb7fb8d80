#pragma once

#include <cstdint>

#include "ginnel/core/deadline.hpp"
#include "ginnel/sys/futex.hpp"

namespace ginnel::detail {

/// Where those sleep who found nothing to do, and how whoever makes something to do wakes one of them. It is a view of a word in memory
/// that all participants may write; it only wakes, and whoever finds it wrong sleeps until its next look.
///
/// The word is a baton. Who goes to sleep announces it, looks once more, and sleeps while the word stays. Who has made something
/// takes the announcement away and wakes one, so that the next ones need not call the system. Who is woken announces itself
/// again, on behalf of those who still sleep, before it looks; and having found something it looks whether there is more
/// and wakes the next. So a word that is 0 means that nobody sleeps, or that somebody awake will look.
class WaitGate {
 public:
  WaitGate() noexcept = default;
  /// `doorbell` is a byte in `file`, for those who wait by a descriptor.
  WaitGate(FutexWord& word, int file, std::uint64_t doorbell) noexcept
      : word_{&word}, file_{file}, doorbell_{doorbell} {}

  /// Something was made, by a sequentially consistent operation before this.
  void knock() const noexcept {
    if (word_->load(std::memory_order_seq_cst) != 0) [[unlikely]]
      wake_one();
  }
  void wake_one() const noexcept;
  /// Everybody, announced or not.
  void wake_all() const noexcept;

  /// After this the caller looks once more, and then may sleep with what this returned. Awake again, it announces itself again before
  /// it looks. A look that then finds something has to be followed by one for more, and wake_one() if there is.
  [[nodiscard]] std::uint32_t announce_sleeper() const noexcept { return announce(asleep); }
  /// After this the caller looks once more, and then waits by its descriptor.
  void announce_watcher() const noexcept { static_cast<void>(announce(watching)); }
  [[nodiscard]] Result<void> sleep_while(std::uint32_t announced, Deadline deadline) const;

 private:
  static constexpr std::uint32_t asleep = 1;
  static constexpr std::uint32_t watching = 2;

  [[nodiscard]] std::uint32_t announce(std::uint32_t how) const noexcept {
    const std::uint32_t before = word_->fetch_or(how, std::memory_order_seq_cst);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return before | how;
  }
  void ring_doorbell() const noexcept;

  FutexWord* word_ = nullptr;
  int file_ = -1;
  std::uint64_t doorbell_ = 0;
};

}  // namespace ginnel::detail
