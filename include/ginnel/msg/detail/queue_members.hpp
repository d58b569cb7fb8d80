#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "ginnel/core/result.hpp"
#include "ginnel/msg/detail/queue_core.hpp"

// Who takes part in a queue, and what becomes of what the dead leave. Who is alive is decided by the caller, who has it from the
// kernel (a lock that came free, a pidfd) and never from the clock.
//
// The protocol of a participant's life: first hold what proves that number N is alive, then join(N); hold it until the process
// ends or leave(N) has returned. So a number that is `live` in the memory and whose proof is gone belongs to a dead participant.

namespace ginnel::detail {

/// Answers whether the participant of that number is proven to be dead. For a number that is in use by anyone alive, the caller
/// included, it must be false.
using IsDead = std::function<bool(std::uint32_t participant)>;

struct SweepReport {
  std::uint32_t recovered = 0;  ///< participants
  bool rubbish = false;         ///< somebody could not be recovered, because the memory contradicts itself
};

/// Any thread of any process may call any of this at any time, several at once; each of it may be killed at any instruction, and the
/// next one who sweeps completes it.
class QueueMembers {
 public:
  explicit QueueMembers(const QueueMemory& memory) noexcept : memory_{memory} {}

  [[nodiscard]] ParticipantState state(std::uint32_t number) const noexcept {
    return ParticipantWord::unpack(memory_.participant(number).load(std::memory_order_acquire)).state;
  }
  /// Takes a vacant number. `nothing`: it is in use, or its last user is not recovered. Numbers: 1 to shape().participants.
  [[nodiscard]] QueueStep join(std::uint32_t number) const noexcept;
  /// Gives the number back. What its participant still holds is returned, as after its death. Its threads must have done with
  /// the queue. `busy` and `rubbish`: it could not be completed, and the number counts as dead.
  [[nodiscard]] QueueStep leave(std::uint32_t number) const noexcept;
  /// Recovers everyone who is dead, or whose recovery was begun: no more than that is looked at when there is nobody.
  /// When `recovered` is not 0, whoever sleeps for messages or for room is to be woken.
  [[nodiscard]] SweepReport sweep(const IsDead& is_dead) const;
  /// Recovers one whose death the caller has proven: the one that used the number before the caller got hold of its proof.
  [[nodiscard]] QueueStep recover(std::uint32_t number) const noexcept;

 private:
  QueueStep declare_dead(std::uint32_t number, std::uint64_t live) const noexcept;
  QueueStep recover_dead(std::uint32_t number, std::uint64_t dead) const noexcept;
  QueueStep settle_cells(std::uint32_t number) const noexcept;
  QueueStep settle_cell(QueueMemory::Word cell, std::uint32_t number) const noexcept;
  bool release_slots(std::uint32_t number, std::uint64_t dead) const noexcept;

  QueueMemory memory_;
};

/// Makes poppers look for returned messages.
void mark_returned(const QueueMemory& memory) noexcept;

/// How many slots there are of each kind. Exact only while nobody changes them.
struct QueueAudit {
  std::uint32_t free = 0;
  std::uint32_t filling = 0;  ///< claimed, and not queued yet
  std::uint32_t queued = 0;
  std::uint32_t held = 0;
  std::uint32_t returned = 0;
};
/// Goes through the whole memory. While others work, what they are doing may be taken for a contradiction; it is not while
/// they are dead or stopped. Errors: EUCLEAN (a contradiction; says which).
[[nodiscard]] Result<QueueAudit> audit_queue(const QueueMemory& memory);

}  // namespace ginnel::detail
