#include "bell_waiter.hpp"

#include <chrono>

#include "ginnel/sys/futex.hpp"
#include "ginnel/sys/process_barrier.hpp"

namespace ginnel::detail {
namespace {

using Clock = Deadline::Clock;
constexpr std::chrono::milliseconds sleep_without_barriers{1};

}  // namespace

/// From now on the writers look whether anybody sleeps. The barrier makes them see it: a writer that does not has published
/// before it, and what it published is seen here.
void BellWaiter::be_attentive() {
  if (attentive_) return;
  attentive_ = true;
  // Counted first and noted then, and the other way round when it ends: a death in between leaves the count too high, which costs
  // the writers a fence, and never too low, which would cost a sleeper its wake-up.
  folder_->bell().attentive.fetch_add(1);
  own_->page().attentive.store(1);
  barriers_work_ = process_barrier().has_value();
}

void BellWaiter::be_inattentive() {
  if (!attentive_ || watch_.active()) return;
  attentive_ = false;
  own_->page().attentive.store(0);
  folder_->bell().attentive.fetch_sub(1);
}

void BellWaiter::announce_sleep() {
  be_attentive();
  received_since_sleep_ = 0;
  folder_->bell().sleeping.store(1);
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

Result<void> BellWaiter::rest_until(Deadline deadline) {
  const std::chrono::nanoseconds longest = barriers_work_ ? look_for_deaths_every : sleep_without_barriers;
  const auto asleep = Clock::now();
  const auto slept = futex_wait(folder_->bell().sleeping, 1, deadline.sooner(Deadline::after(longest)));
  if (!slept) return std::unexpected{slept.error()};
  spin_for_.learn_from(Clock::now() - asleep);
  return {};
}

Result<int> BellWaiter::pollable() {
  if (watch_.active()) return watch_.pollable();
  auto watch = DirectoryWatch::of(folder_->folder().descriptor());
  if (!watch) return std::unexpected{std::move(watch.error()).with_object(folder_->address())};
  watch_ = std::move(*watch);
  be_attentive();
  folder_->bell().armed.store(1);
  folder_->ring_doorbell();  // what came before nobody was told of
  return watch_.pollable();
}

bool BellWaiter::announce_watch() {
  if (watch_.clear()) looks_left_ = looks_after_close;
  folder_->bell().armed.store(1);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (looks_left_ == 0) return false;
  if (--looks_left_ > 0) folder_->ring_doorbell();
  return true;
}

void BellWaiter::stop() {
  watch_ = {};
  be_inattentive();
}

}  // namespace ginnel::detail
