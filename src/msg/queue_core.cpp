#include "ginnel/msg/detail/queue_core.hpp"

#include <optional>

#include "ginnel/msg/detail/queue_members.hpp"

namespace ginnel::detail {
namespace {

constexpr int most_tries = 1024;

struct ReturnedSlot {
  std::uint32_t slot = 0;
  std::uint32_t priority = 0;
  std::uint64_t position = 0;
  std::uint64_t word = 0;

  /// Positions are compared as they are counted, modulo 2^64.
  [[nodiscard]] bool goes_before(const ReturnedSlot& other) const noexcept {
    if (priority != other.priority) return priority > other.priority;
    return static_cast<std::int64_t>(position - other.position) < 0;
  }
};

/// The returned message that is next in order. Its notes are for what its word says only as long as that word is there.
std::optional<ReturnedSlot> first_returned(const QueueMemory& memory) noexcept {
  std::optional<ReturnedSlot> first;
  for (std::uint32_t slot = 0; slot < memory.shape().slots; ++slot) {
    const std::uint64_t word = memory.slot_word(slot).load(std::memory_order_acquire);
    if (SlotWord::unpack(word).state != SlotState::returned) continue;
    const std::uint64_t note = memory.note_length_and_priority(slot).load(std::memory_order_relaxed);
    const ReturnedSlot found{.slot = slot,
                             .priority = SlotNote::priority(note),
                             .position = memory.note_position(slot).load(std::memory_order_relaxed),
                             .word = word};
    if (!first || found.goes_before(*first)) first = found;
  }
  return first;
}

}  // namespace

QueueStep QueueCore::take_returned(TakenMessage& taken) noexcept {
  for (int left = most_tries; left > 0; --left) {
    // The mark comes before the look: a message that is returned after the look makes another mark, which then stays.
    std::uint64_t mark = memory_.returned_mark().load(std::memory_order_acquire);
    const auto returned = first_returned(memory_);
    if (!returned) {
      if ((mark & 1U) != 0)
        memory_.returned_mark().compare_exchange_strong(mark, mark & ~std::uint64_t{1}, std::memory_order_acq_rel,
                                                        std::memory_order_relaxed);
      return take_queued(taken);
    }
    for (std::uint32_t priority = memory_.shape().priorities; priority-- > returned->priority + 1;)
      if (const QueueStep step = take_from(priority, taken); step != QueueStep::nothing) return step;
    std::uint64_t word = returned->word;
    const SlotWord held = SlotWord::unpack(word).held_by(me_);
    if (memory_.slot_word(returned->slot)
            .compare_exchange_strong(word, held.pack(), std::memory_order_acq_rel, std::memory_order_relaxed))
      return finish_take(taken, returned->slot, held);
  }
  return QueueStep::busy;
}

void QueueCore::withdraw(const ClaimedSlot& claimed) noexcept {
  std::uint64_t word = claimed.word;
  memory_.slot_word(claimed.slot)
      .compare_exchange_strong(word, SlotWord::unpack(word).freed().pack(), std::memory_order_seq_cst,
                               std::memory_order_relaxed);
}

QueueStep QueueCore::give_back(const TakenMessage& taken) noexcept {
  std::uint64_t word = taken.word;
  if (!memory_.slot_word(taken.slot)
           .compare_exchange_strong(word, SlotWord::unpack(word).returned().pack(), std::memory_order_acq_rel,
                                    std::memory_order_relaxed))
    return QueueStep::nothing;
  // Whoever is killed before this line is recovered, and its recovery makes the mark.
  mark_returned(memory_);
  return QueueStep::done;
}

bool QueueCore::may_have_message() const noexcept {
  if ((memory_.returned_mark().load(std::memory_order_acquire) & 1U) != 0) return true;
  for (std::uint32_t priority = memory_.shape().priorities; priority-- > 0;)
    if (!is_empty_at_head(priority)) return true;
  return false;
}

}  // namespace ginnel::detail
