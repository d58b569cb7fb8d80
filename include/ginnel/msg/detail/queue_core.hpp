#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "ginnel/msg/detail/queue_memory.hpp"

// The queue's algorithm: any number of participants push and pop through one piece of memory, and each may be killed at any
// instruction or stand stopped there for as long as it likes. Nothing here waits, sleeps or calls the system.
//
// A message passes through three compare-and-swaps, each of which names who did it or what for:
//
//   claim     slot  free       -> filling by me     then payload and note are written; nobody else sees them
//   publish   cell  empty      -> naming the slot   the message is queued: this is the moment of the push
//   take      slot  filling    -> held by me        this is the moment of the pop; then the cell is reopened for its next round
//
// and ends with `acknowledge`: held by me -> free. The cell that names a slot proves that it is queued, so the pusher need not
// touch the slot again; and a cell that names a held slot is spent, so whoever comes by may reopen it. Hence the two rules on which all rests:
//
//   - A slot leaves `held` only after the cell that named it was reopened.
//   - A slot's word that was read between two looks at an unchanged cell is the word of the message that the cell names.
//
// What may wake somebody (a publication, a slot that comes free, a return) is sequentially consistent: whoever made it looks next
// whether anybody sleeps, and must not have looked before.
//
// Tail and head only tell where to begin to look. Cells are filled, and messages taken, strictly one position after the other:
// a position is passed only when its cell was seen to be filled, or spent.
//
// What a dead participant filled and no cell names is free again; what it held becomes `returned`, and poppers look for such slots
// when the returned mark says so. They come before what is queued in the same priority, in the order in which they were
// pushed: a returned message takes its old place.

namespace ginnel::detail {

enum class QueueStep : std::uint8_t {
  done,
  nothing,  ///< claim: no free slot was found; take: no message
  busy,     ///< others changed the same words so often that it was given up: nothing was done, try again
  rubbish,  ///< the memory contradicts itself: see audit_queue()
};

/// A slot that this participant fills.
struct ClaimedSlot {
  std::uint32_t slot = 0;
  std::uint64_t word = 0;
};

/// A message that this participant holds.
struct TakenMessage {
  std::uint32_t slot = 0;
  std::uint32_t length = 0;
  std::uint32_t priority = 0;
  std::uint32_t deliveries = 0;  ///< this one included; SlotWord::most_deliveries means that many or more
  std::uint64_t word = 0;

  [[nodiscard]] bool redelivered() const noexcept { return deliveries > 1; }
};

/// One participant's view of the queue. The participant must have joined (QueueMembers). Any number of threads of its process may
/// use it at a time; a child of fork(2) may not.
class QueueCore {
 public:
  QueueCore() = default;
  QueueCore(const QueueMemory& memory, std::uint8_t participant) noexcept
      : memory_{memory}, me_{participant}, next_claim_{first_claim(memory.shape(), participant)} {}
  QueueCore(const QueueCore& other) noexcept
      : memory_{other.memory_}, me_{other.me_}, next_claim_{other.next_claim_.load(std::memory_order_relaxed)} {}
  QueueCore& operator=(const QueueCore& other) noexcept {
    memory_ = other.memory_;
    me_ = other.me_;
    next_claim_.store(other.next_claim_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    return *this;
  }

  [[nodiscard]] const QueueMemory& memory() const noexcept { return memory_; }
  [[nodiscard]] std::uint8_t participant() const noexcept { return me_; }

  /// A free slot for the next message. `nothing` when each slot was seen in use, though not all at one moment.
  [[nodiscard]] QueueStep claim(ClaimedSlot& claimed) noexcept;
  /// shape().payload_bytes of room for it, aligned to a cache line.
  [[nodiscard]] std::byte* payload(const ClaimedSlot& claimed) const noexcept { return memory_.payload(claimed.slot); }
  /// Queues what was written there. The length is at most payload_bytes and the priority below priorities; the higher is popped
  /// first. Unless this is done, the slot stays claimed.
  [[nodiscard]] QueueStep publish(const ClaimedSlot& claimed, std::uint32_t length, std::uint32_t priority) noexcept;
  /// Gives a claimed slot back without a message.
  void withdraw(const ClaimedSlot& claimed) noexcept;

  /// The first message of the highest priority.
  [[nodiscard]] QueueStep take(TakenMessage& taken) noexcept;
  [[nodiscard]] std::span<std::byte> payload(const TakenMessage& taken) const noexcept {
    return {memory_.payload(taken.slot), taken.length};
  }
  /// The message is dealt with. `nothing`: this participant does not hold it any more, and nothing was done.
  [[nodiscard]] QueueStep acknowledge(const TakenMessage& taken) noexcept;
  /// The message is for another: it is returned to its place and will be told as redelivered. `nothing`: as above.
  [[nodiscard]] QueueStep give_back(const TakenMessage& taken) noexcept;

  /// Whether it is worth while to call take(). Never false when a push, or a return, was complete before; it may be true for nothing, but
  /// not again and again: a take() that finds nothing sets it right.
  [[nodiscard]] bool may_have_message() const noexcept;

 private:
  static std::uint32_t first_claim(const QueueShape& shape, std::uint8_t participant) noexcept {
    return static_cast<std::uint32_t>(std::uint64_t{shape.slots} * (participant - 1U) / shape.participants);
  }
  /// Positions looked at in one call: any memory at rest is judged within some rounds.
  [[nodiscard]] std::uint64_t most_looks() const noexcept { return 4 * memory_.cell_count() + 4096; }

  /// How far ahead of its use a message's memory is fetched.
  static constexpr std::uint32_t messages_ahead = 4;
  /// Not from under a reader.
  void prefetch_claim(std::uint32_t slot) const noexcept {
    if (slot >= memory_.shape().slots) slot -= memory_.shape().slots;
    if (slot >= memory_.shape().slots) return;
    const std::uint64_t word = memory_.slot_word(slot).load(std::memory_order_relaxed);
    if (SlotWord::unpack(word).state == SlotState::free) memory_.prefetch_message_to_write(slot);
  }
  /// Not from under a writer: only what is published.
  void prefetch_take(std::uint32_t priority, std::uint64_t position) const noexcept {
    const CellWord cell = CellWord::unpack(memory_.cell(priority, position).load(std::memory_order_relaxed));
    if (!cell.is_empty() && cell.slot() < memory_.shape().slots) memory_.prefetch_message_to_read(cell.slot());
  }

  QueueStep take_queued(TakenMessage& taken) noexcept;
  [[nodiscard]] bool is_empty_at_head(std::uint32_t priority) const noexcept;
  QueueStep take_from(std::uint32_t priority, TakenMessage& taken) noexcept;
  QueueStep take_returned(TakenMessage& taken) noexcept;
  QueueStep finish_take(TakenMessage& taken, std::uint32_t slot, SlotWord held) const noexcept;

  QueueMemory memory_;
  std::uint8_t me_ = 0;
  std::atomic<std::uint32_t> next_claim_ = 0;
};

/// What a cell that names a slot says about it.
enum class CellFound : std::uint8_t {
  available,  ///< the message can be taken
  spent,      ///< it was taken: the cell can be reopened
  changed,    ///< look again
  rubbish,
};
struct LookedAtCell {
  CellFound found = CellFound::rubbish;
  std::uint64_t slot_word = 0;
};
[[nodiscard]] inline LookedAtCell look_at_cell(QueueMemory::Word cell, std::uint64_t cell_word,
                                               const QueueMemory& memory) noexcept {
  const std::uint32_t slot = CellWord::unpack(cell_word).slot();
  if (slot >= memory.shape().slots) return {};
  const std::uint64_t word = memory.slot_word(slot).load(std::memory_order_acquire);
  // Acquire above keeps this second look behind the first use of the slot's word.
  if (cell.load(std::memory_order_relaxed) != cell_word) return {.found = CellFound::changed, .slot_word = word};
  switch (SlotWord::unpack(word).state) {
    case SlotState::filling:
    case SlotState::queued:
      return {.found = CellFound::available, .slot_word = word};
    case SlotState::held:
      return {.found = CellFound::spent, .slot_word = word};
    default:
      return {};
  }
}

/// Whoever succeeds, it is open afterwards; acquire on failure, because then another's work goes before ours.
inline void reopen_cell(QueueMemory::Word cell, std::uint64_t cell_word) noexcept {
  cell.compare_exchange_strong(cell_word, CellWord::unpack(cell_word).reopened().pack(), std::memory_order_acq_rel,
                               std::memory_order_acquire);
}

/// Moves head or tail on. It may fall back when another's older news comes later: it is a place to begin to look, no more.
/// Release, because who begins there takes all before it for settled.
inline void move_on(QueueMemory::Word end, std::uint64_t position) noexcept {
  if (static_cast<std::int64_t>(position - end.load(std::memory_order_relaxed)) > 0)
    end.store(position, std::memory_order_release);
}

inline QueueStep QueueCore::claim(ClaimedSlot& claimed) noexcept {
  const std::uint32_t slots = memory_.shape().slots;
  std::uint32_t slot = next_claim_.load(std::memory_order_relaxed);
  for (std::uint32_t left = slots; left > 0; --left) {
    const QueueMemory::Word shared = memory_.slot_word(slot);
    std::uint64_t word = shared.load(std::memory_order_relaxed);
    const SlotWord seen = SlotWord::unpack(word);
    const std::uint32_t next = slot + 1 == slots ? 0 : slot + 1;
    if (seen.state == SlotState::free) {
      const std::uint64_t mine = seen.filling_by(me_).pack();
      // Release hands on that we joined: see QueueMembers::release_slots.
      if (shared.compare_exchange_strong(word, mine, std::memory_order_acq_rel, std::memory_order_relaxed)) {
        next_claim_.store(next, std::memory_order_relaxed);
        claimed = {.slot = slot, .word = mine};
        prefetch_claim(slot + messages_ahead);
        return QueueStep::done;
      }
    } else if (seen.state > SlotState::returned) {
      return QueueStep::rubbish;
    }
    slot = next;
  }
  return QueueStep::nothing;
}

inline QueueStep QueueCore::publish(const ClaimedSlot& claimed, std::uint32_t length, std::uint32_t priority) noexcept {
  memory_.note_length_and_priority(claimed.slot).store(SlotNote::pack(length, priority), std::memory_order_relaxed);
  const QueueMemory::Word tail = memory_.tail(priority);
  std::uint64_t position = tail.load(std::memory_order_acquire);
  for (std::uint64_t left = most_looks(); left > 0; --left) {
    const QueueMemory::Word cell = memory_.cell(priority, position);
    std::uint64_t word = cell.load(std::memory_order_acquire);
    const CellWord seen = CellWord::unpack(word);
    const std::int64_t ahead = seen.rounds_ahead_of(memory_.round_of(position));
    if (ahead == 0 && seen.is_empty()) {
      memory_.note_position(claimed.slot).store(position, std::memory_order_relaxed);
      if (cell.compare_exchange_strong(word, seen.naming(claimed.slot).pack(), std::memory_order_seq_cst,
                                       std::memory_order_relaxed)) {
        move_on(tail, position + 1);
        memory_.prefetch_cell_to_write(priority, position + cache_line_bytes / word_bytes);
        return QueueStep::done;
      }
    } else if (ahead == 0) {
      ++position;
    } else if (ahead > 0) {
      position += 1 + static_cast<std::uint64_t>(ahead - 1) * memory_.cell_count();
    } else {
      // The message of the round before. It must have been taken: there are no more messages than slots, and one slot is ours.
      if (ahead < -1 || seen.is_empty()) return QueueStep::rubbish;
      const CellFound found = look_at_cell(cell, word, memory_).found;
      if (found == CellFound::rubbish || found == CellFound::available) return QueueStep::rubbish;
      if (found == CellFound::spent) reopen_cell(cell, word);
    }
  }
  return QueueStep::busy;
}

inline QueueStep QueueCore::take(TakenMessage& taken) noexcept {
  if ((memory_.returned_mark().load(std::memory_order_acquire) & 1U) != 0) [[unlikely]]
    return take_returned(taken);
  return take_queued(taken);
}

inline QueueStep QueueCore::take_queued(TakenMessage& taken) noexcept {
  for (std::uint32_t priority = memory_.shape().priorities; priority-- > 0;) {
    if (priority > 0 && is_empty_at_head(priority)) continue;
    if (const QueueStep step = take_from(priority, taken); step != QueueStep::nothing) return step;
  }
  return QueueStep::nothing;
}

/// All that a pop has to do with a priority that is not in use. True: it has no message; false says nothing.
inline bool QueueCore::is_empty_at_head(std::uint32_t priority) const noexcept {
  const std::uint64_t position = memory_.head(priority).load(std::memory_order_acquire);
  const CellWord open{.round = memory_.round_of(position), .slot_plus_one = 0};
  return memory_.cell(priority, position).load(std::memory_order_acquire) == open.pack();
}

inline QueueStep QueueCore::take_from(std::uint32_t priority, TakenMessage& taken) noexcept {
  const QueueMemory::Word head = memory_.head(priority);
  std::uint64_t position = head.load(std::memory_order_acquire);
  for (std::uint64_t left = most_looks(); left > 0; --left) {
    const QueueMemory::Word cell = memory_.cell(priority, position);
    const std::uint64_t word = cell.load(std::memory_order_acquire);
    const CellWord seen = CellWord::unpack(word);
    const std::int64_t ahead = seen.rounds_ahead_of(memory_.round_of(position));
    if (ahead > 0) {
      position += 1 + static_cast<std::uint64_t>(ahead - 1) * memory_.cell_count();
      continue;
    }
    if (ahead < 0) return QueueStep::rubbish;
    if (seen.is_empty()) {
      // Those who passed the last cells were killed before they told.
      move_on(head, position);
      return QueueStep::nothing;
    }

    LookedAtCell looked = look_at_cell(cell, word, memory_);
    if (looked.found == CellFound::rubbish) return QueueStep::rubbish;
    if (looked.found == CellFound::spent) {
      reopen_cell(cell, word);
      ++position;
    } else if (looked.found == CellFound::available) {
      const SlotWord held = SlotWord::unpack(looked.slot_word).held_by(me_);
      // Release hands on what the pusher wrote to whoever gets this message after us.
      if (memory_.slot_word(seen.slot())
              .compare_exchange_strong(looked.slot_word, held.pack(), std::memory_order_acq_rel,
                                       std::memory_order_relaxed)) {
        reopen_cell(cell, word);
        move_on(head, position + 1);
        prefetch_take(priority, position + messages_ahead);
        return finish_take(taken, seen.slot(), held);
      }
    }
  }
  return QueueStep::busy;
}

inline QueueStep QueueCore::finish_take(TakenMessage& taken, std::uint32_t slot, SlotWord held) const noexcept {
  const std::uint64_t note = memory_.note_length_and_priority(slot).load(std::memory_order_relaxed);
  taken = {.slot = slot,
           .length = SlotNote::length(note),
           .priority = SlotNote::priority(note),
           .deliveries = held.deliveries,
           .word = held.pack()};
  const bool sound = taken.length <= memory_.shape().payload_bytes && taken.priority < memory_.shape().priorities;
  return sound ? QueueStep::done : QueueStep::rubbish;
}

inline QueueStep QueueCore::acknowledge(const TakenMessage& taken) noexcept {
  std::uint64_t word = taken.word;
  // Our reading of the payload goes before the next one's writing.
  const bool freed = memory_.slot_word(taken.slot)
                         .compare_exchange_strong(word, SlotWord::unpack(word).freed().pack(),
                                                  std::memory_order_seq_cst, std::memory_order_relaxed);
  return freed ? QueueStep::done : QueueStep::nothing;
}

}  // namespace ginnel::detail
