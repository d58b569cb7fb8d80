#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "ginnel/msg/detail/ring.hpp"

// The memory of a queue: what lies where, and what its words mean. All participants may write all of it (one trust domain), so
// whatever is read is checked before it is used. Memory that is all zero is an empty queue with nobody attached.
//
//   the mark of returned messages | participants | tail and head of each priority | slot words | slot notes | cells | payloads

namespace ginnel::detail {

/// What a slot is. A slot that is `filling` and named by a cell is queued all the same: see queue_core.hpp.
enum class SlotState : std::uint8_t { free = 0, filling = 1, queued = 2, held = 3, returned = 4 };

/// The word of a slot. No two moments of a slot have the same word: the generation grows whenever the slot is freed or
/// returned, and comes round after 2^40.
struct SlotWord {
  SlotState state = SlotState::free;
  std::uint8_t owner = 0;        ///< the participant that fills or holds it; 0: nobody
  std::uint16_t deliveries = 0;  ///< how often it was handed out; stays at most_deliveries
  std::uint64_t generation = 0;

  static constexpr std::uint16_t most_deliveries = (1U << 13U) - 1;
  static constexpr std::uint64_t generation_mask = (std::uint64_t{1} << 40U) - 1;

  [[nodiscard]] constexpr std::uint64_t pack() const noexcept {
    return static_cast<std::uint64_t>(state) | (std::uint64_t{owner} << 3U) | (std::uint64_t{deliveries} << 11U) |
           (generation << 24U);
  }
  /// The state may be none that has a name.
  [[nodiscard]] static constexpr SlotWord unpack(std::uint64_t word) noexcept {
    return {.state = static_cast<SlotState>(word & 7U),
            .owner = static_cast<std::uint8_t>(word >> 3U),
            .deliveries = static_cast<std::uint16_t>((word >> 11U) & most_deliveries),
            .generation = word >> 24U};
  }

  [[nodiscard]] constexpr SlotWord filling_by(std::uint8_t participant) const noexcept {
    return {.state = SlotState::filling, .owner = participant, .deliveries = 0, .generation = generation};
  }
  [[nodiscard]] constexpr SlotWord queued() const noexcept {
    return {.state = SlotState::queued, .owner = 0, .deliveries = 0, .generation = generation};
  }
  [[nodiscard]] constexpr SlotWord held_by(std::uint8_t participant) const noexcept {
    const auto more = static_cast<std::uint16_t>(deliveries < most_deliveries ? deliveries + 1 : deliveries);
    return {.state = SlotState::held, .owner = participant, .deliveries = more, .generation = generation};
  }
  [[nodiscard]] constexpr SlotWord returned() const noexcept {
    return {.state = SlotState::returned,
            .owner = 0,
            .deliveries = deliveries,
            .generation = (generation + 1) & generation_mask};
  }
  [[nodiscard]] constexpr SlotWord freed() const noexcept {
    return {.state = SlotState::free, .owner = 0, .deliveries = 0, .generation = (generation + 1) & generation_mask};
  }
};

/// A place in the ring of one priority: empty in a round, or naming the slot that was put there in it. Rounds are counted modulo
/// 2^44, so that a word does not come again while somebody stands stopped with it in hand.
struct CellWord {
  std::uint64_t round = 0;
  std::uint32_t slot_plus_one = 0;  ///< 0: empty

  static constexpr unsigned slot_bits = 20;
  static constexpr unsigned round_bits = 64 - slot_bits;
  static constexpr std::uint64_t slot_mask = (std::uint64_t{1} << slot_bits) - 1;

  [[nodiscard]] static constexpr CellWord unpack(std::uint64_t word) noexcept {
    return {.round = word >> slot_bits, .slot_plus_one = static_cast<std::uint32_t>(word & slot_mask)};
  }
  [[nodiscard]] constexpr std::uint64_t pack() const noexcept { return (round << slot_bits) | slot_plus_one; }
  [[nodiscard]] constexpr bool is_empty() const noexcept { return slot_plus_one == 0; }
  /// Only of one that is not empty; may lie outside of the table.
  [[nodiscard]] constexpr std::uint32_t slot() const noexcept { return slot_plus_one - 1; }
  [[nodiscard]] constexpr CellWord naming(std::uint32_t slot) const noexcept {
    return {.round = round, .slot_plus_one = slot + 1};
  }
  [[nodiscard]] constexpr CellWord reopened() const noexcept { return {.round = round + 1, .slot_plus_one = 0}; }
  /// How many rounds this is ahead of another, negative when behind: right up to 2^43 of them.
  [[nodiscard]] constexpr std::int64_t rounds_ahead_of(std::uint64_t other) const noexcept {
    return static_cast<std::int64_t>((round - other) << slot_bits) >> slot_bits;
  }
};

enum class ParticipantState : std::uint8_t { vacant = 0, live = 1, dead = 2 };

/// A participant's number in use, or not. `dead` is a proven fact that stays until everything of that incarnation is recovered.
struct ParticipantWord {
  ParticipantState state = ParticipantState::vacant;
  std::uint64_t incarnation = 0;

  [[nodiscard]] constexpr std::uint64_t pack() const noexcept {
    return static_cast<std::uint64_t>(state) | (incarnation << 2U);
  }
  [[nodiscard]] static constexpr ParticipantWord unpack(std::uint64_t word) noexcept {
    return {.state = static_cast<ParticipantState>(word & 3U), .incarnation = word >> 2U};
  }
};

/// What the filler of a slot notes beside the payload.
struct SlotNote {
  std::uint64_t position = 0;  ///< in the ring of its priority: the place in the order of pushing
  std::uint64_t length_and_priority = 0;

  [[nodiscard]] static constexpr std::uint64_t pack(std::uint32_t length, std::uint32_t priority) noexcept {
    return std::uint64_t{length} | (std::uint64_t{priority} << 32U);
  }
  [[nodiscard]] static constexpr std::uint32_t length(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word);
  }
  [[nodiscard]] static constexpr std::uint32_t priority(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word >> 32U);
  }
};

/// How large everything is; part of the format.
struct QueueShape {
  std::uint32_t slots = 0;          ///< 1 to most_slots: how many messages are queued or held at a time
  std::uint32_t priorities = 1;     ///< 1 to most_priorities
  std::uint32_t payload_bytes = 0;  ///< 0 to most_payload_bytes: the largest payload
  std::uint32_t participants = 0;   ///< 1 to most_participants, numbered from 1 on

  bool operator==(const QueueShape&) const = default;

  static constexpr std::uint32_t most_slots = (1U << CellWord::slot_bits) - 1;
  static constexpr std::uint32_t most_priorities = 64;
  static constexpr std::uint32_t most_payload_bytes = 1U << 30U;
  static constexpr std::uint32_t most_participants = 255;

  [[nodiscard]] constexpr bool is_valid() const noexcept {
    return slots >= 1 && slots <= most_slots && priorities >= 1 && priorities <= most_priorities &&
           payload_bytes <= most_payload_bytes && participants >= 1 && participants <= most_participants;
  }
  /// Of one priority. A power of two, and no fewer than slots: a ring cannot be full for one who has a slot to put there.
  [[nodiscard]] constexpr std::uint64_t cells() const noexcept { return std::bit_ceil(std::max(slots, 8U)); }
  /// From one payload to the next: each has cache lines of its own.
  [[nodiscard]] constexpr std::uint64_t payload_stride() const noexcept {
    return whole_lines(std::max<std::uint64_t>(payload_bytes, 1));
  }

  [[nodiscard]] constexpr std::uint64_t participants_at() const noexcept { return cache_line_bytes; }
  [[nodiscard]] constexpr std::uint64_t ends_at() const noexcept {
    return participants_at() + participants * cache_line_bytes;
  }
  [[nodiscard]] constexpr std::uint64_t slot_words_at() const noexcept {
    return ends_at() + std::uint64_t{priorities} * 2 * cache_line_bytes;
  }
  [[nodiscard]] constexpr std::uint64_t notes_at() const noexcept {
    return slot_words_at() + whole_lines(slots * word_bytes);
  }
  [[nodiscard]] constexpr std::uint64_t cells_at() const noexcept {
    return notes_at() + whole_lines(slots * sizeof(SlotNote));
  }
  [[nodiscard]] constexpr std::uint64_t payloads_at() const noexcept {
    return cells_at() + priorities * cells() * word_bytes;
  }
  /// The whole of it.
  [[nodiscard]] constexpr std::uint64_t bytes() const noexcept { return payloads_at() + slots * payload_stride(); }

 private:
  [[nodiscard]] static constexpr std::uint64_t whole_lines(std::uint64_t count) noexcept {
    return (count + cache_line_bytes - 1) / cache_line_bytes * cache_line_bytes;
  }
};

/// That memory through its parts. Indices must have been checked.
class QueueMemory {
 public:
  using Word = std::atomic_ref<std::uint64_t>;

  QueueMemory() = default;
  /// `base` has shape.bytes() bytes, aligned to a cache line; the shape is valid. Both outlive this.
  QueueMemory(std::byte* base, const QueueShape& shape) noexcept
      : shape_{shape},
        cell_count_{shape.cells()},
        round_shift_{static_cast<unsigned>(std::countr_zero(shape.cells()))},
        payload_stride_{shape.payload_stride()},
        base_{base},
        slot_words_{base + shape.slot_words_at()},
        notes_{base + shape.notes_at()},
        cells_{base + shape.cells_at()},
        payloads_{base + shape.payloads_at()} {}

  [[nodiscard]] const QueueShape& shape() const noexcept { return shape_; }
  [[nodiscard]] std::uint64_t cell_count() const noexcept { return cell_count_; }

  /// Odd: returned messages may be there to be looked for. Each return makes it another number.
  [[nodiscard]] Word returned_mark() const noexcept { return word_at(base_, 0); }
  /// From 1 on.
  [[nodiscard]] Word participant(std::uint32_t number) const noexcept {
    return word_at(base_, shape_.participants_at() + (number - 1) * cache_line_bytes);
  }
  /// The position from which to look for the next place to push to, or to pop from: never beyond it, at times before it.
  [[nodiscard]] Word tail(std::uint32_t priority) const noexcept {
    return word_at(base_, shape_.ends_at() + std::uint64_t{priority} * 2 * cache_line_bytes);
  }
  [[nodiscard]] Word head(std::uint32_t priority) const noexcept {
    return word_at(base_, shape_.ends_at() + (std::uint64_t{priority} * 2 + 1) * cache_line_bytes);
  }
  [[nodiscard]] Word slot_word(std::uint32_t slot) const noexcept { return word_at(slot_words_, slot * word_bytes); }
  [[nodiscard]] Word note_position(std::uint32_t slot) const noexcept {
    return word_at(notes_, slot * sizeof(SlotNote) + offsetof(SlotNote, position));
  }
  [[nodiscard]] Word note_length_and_priority(std::uint32_t slot) const noexcept {
    return word_at(notes_, slot * sizeof(SlotNote) + offsetof(SlotNote, length_and_priority));
  }
  /// Any position: positions are counted from the queue's beginning of life, modulo 2^64.
  [[nodiscard]] Word cell(std::uint32_t priority, std::uint64_t position) const noexcept {
    return word_at(cells_, (priority * cell_count_ + (position & (cell_count_ - 1))) * word_bytes);
  }
  /// In the form of CellWord: modulo 2^44.
  [[nodiscard]] std::uint64_t round_of(std::uint64_t position) const noexcept {
    return (position >> round_shift_) & ((std::uint64_t{1} << CellWord::round_bits) - 1);
  }
  [[nodiscard]] std::byte* payload(std::uint32_t slot) const noexcept { return payloads_ + slot * payload_stride_; }

  // Hints to the processor: what will be used some messages from now, so that one message does not wait for the lines of the next.
  void prefetch_message_to_write(std::uint32_t slot) const noexcept {
    prefetch_to_write(payload(slot));
    prefetch_to_write(notes_ + slot * sizeof(SlotNote));
  }
  void prefetch_message_to_read(std::uint32_t slot) const noexcept {
    __builtin_prefetch(payload(slot));
    __builtin_prefetch(notes_ + slot * sizeof(SlotNote));
  }
  void prefetch_cell_to_write(std::uint32_t priority, std::uint64_t position) const noexcept {
    prefetch_to_write(cells_ + (priority * cell_count_ + (position & (cell_count_ - 1))) * word_bytes);
  }

 private:
  QueueShape shape_;
  std::uint64_t cell_count_ = 0;
  unsigned round_shift_ = 0;
  std::uint64_t payload_stride_ = 0;
  std::byte* base_ = nullptr;
  std::byte* slot_words_ = nullptr;
  std::byte* notes_ = nullptr;
  std::byte* cells_ = nullptr;
  std::byte* payloads_ = nullptr;
};

// A position's round, cut to 44 bits, goes on evenly when the position itself comes round only as long as a ring has no more cells.
static_assert(std::bit_ceil(QueueShape::most_slots) <= (std::uint64_t{1} << (64 - CellWord::round_bits)));

}  // namespace ginnel::detail
