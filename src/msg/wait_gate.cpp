#include "ginnel/msg/detail/wait_gate.hpp"

#include "ginnel/sys/directory_watch.hpp"

namespace ginnel::detail {

void WaitGate::wake_one() const noexcept {
  const std::uint32_t announced = word_->exchange(0);
  if ((announced & asleep) != 0) static_cast<void>(futex_wake(*word_, 1));
  if ((announced & watching) != 0) ring_doorbell();
}

void WaitGate::wake_all() const noexcept {
  const std::uint32_t announced = word_->exchange(0);
  static_cast<void>(futex_wake(*word_, ginnel::wake_all));
  if ((announced & watching) != 0) ring_doorbell();
}

Result<void> WaitGate::sleep_while(std::uint32_t announced, Deadline deadline) const {
  if (const auto slept = futex_wait(*word_, announced, deadline); !slept) return std::unexpected{slept.error()};
  return {};
}

void WaitGate::ring_doorbell() const noexcept { static_cast<void>(DirectoryWatch::ring(file_, doorbell_)); }

}  // namespace ginnel::detail
