#pragma once

#include <cstdint>

#include "bell_folder.hpp"
#include "ginnel/core/deadline.hpp"
#include "ginnel/sys/directory_watch.hpp"
#include "own_page.hpp"
#include "spin_budget.hpp"

namespace ginnel::detail {

/// How a reader waits for what writers publish: asleep on the bell, or by a descriptor. As long as nobody does either, publishing costs
/// writers no fence. For one thread; folder and page outlive it and stay where they are.
class BellWaiter {
 public:
  BellWaiter(const BellFolder& folder, const OwnPage& own) noexcept : folder_{&folder}, own_{&own} {}

  [[nodiscard]] SpinBudget& spin_for() noexcept { return spin_for_; }
  /// Something was received without a wait; after many times the writers need not look for sleepers any more.
  void note_received() {
    if (++received_since_sleep_ == received_until_inattentive) be_inattentive();
  }

  /// After this the caller looks once more, and then may sleep().
  void announce_sleep();
  /// Until something was published or announced, or at the latest until it is time to look for deaths.
  [[nodiscard]] Result<void> rest_until(Deadline deadline);

  [[nodiscard]] bool is_watching() const noexcept { return watch_.active(); }
  /// A descriptor for epoll. Errors: as DirectoryWatch::of.
  [[nodiscard]] Result<int> pollable();
  /// The caller has found nothing and waits by the descriptor: after this it looks once more. True: also for deaths.
  [[nodiscard]] bool announce_watch();

  void stop();

 private:
  static constexpr int received_until_inattentive = 256;
  /// A dead writer's lock comes free a moment after its file is told to be closed: the descriptor calls us to look once more.
  static constexpr int looks_after_close = 2;

  void be_attentive();
  void be_inattentive();

  const BellFolder* folder_;
  const OwnPage* own_;
  DirectoryWatch watch_;
  SpinBudget spin_for_;
  int looks_left_ = 0;
  int received_since_sleep_ = 0;
  bool attentive_ = false;
  bool barriers_work_ = true;
};

}  // namespace ginnel::detail
