#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

// The ring: one writer, any number of readers, records of any length in place. Its memory is the writer's; whoever reads maps
// it for reading only. The format is docs/FORMAT.md.
//
// A record is a word and a payload. The word is stored last and names the length, so that a reader polls the record itself
// and a small message costs the transfer of one cache line. Before a record is published the word of the next one is
// zeroed: what stood there a lap ago cannot be taken for a record.

namespace ginnel::detail {

/// Part of the format: std::hardware_destructive_interference_size may differ between two peers' compilers.
inline constexpr std::size_t cache_line_bytes = 64;
inline constexpr std::size_t word_bytes = 8;
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

/// A record's word: the length plus one in the low half, the number of the record in the high half; 0: not published yet.
struct RecordWord {
  /// In the length of a record that something comes along with, in another way. Longer than any record is: whoever does not know
  /// of it takes none for a short one.
  static constexpr std::uint32_t accompanied = 0x8000'0000U;

  std::uint32_t length = 0;
  std::uint32_t number = 0;

  [[nodiscard]] static constexpr std::uint64_t pack(std::uint32_t length, std::uint32_t number) noexcept {
    return (std::uint64_t{number} << 32U) | (std::uint64_t{length} + 1);
  }
  [[nodiscard]] static constexpr RecordWord unpack(std::uint64_t word) noexcept {
    return {.length = static_cast<std::uint32_t>(word) - 1, .number = static_cast<std::uint32_t>(word >> 32U)};
  }
};

/// Where records lie. Positions count bytes from the ring's beginning of life and never wrap; the memory is mapped twice in
/// a row, so that no record does either.
struct RingShape {
  std::uint64_t capacity = 0;   ///< bytes, a power of two
  std::uint64_t alignment = 8;  ///< of payloads, a power of two from 8 on

  /// The word lies right before the payload, and the payload where its alignment wants it.
  [[nodiscard]] constexpr std::uint64_t word_offset(std::uint64_t position) const noexcept {
    return (position & (capacity - 1)) + alignment - word_bytes;
  }
  [[nodiscard]] constexpr std::uint64_t record_bytes(std::uint64_t payload) const noexcept {
    return (word_bytes + payload + alignment - 1) & ~(alignment - 1);
  }
  [[nodiscard]] constexpr std::uint64_t largest_payload() const noexcept { return capacity / 4 - alignment; }
};

[[nodiscard]] inline std::atomic_ref<std::uint64_t> word_at(std::byte* memory, std::uint64_t offset) noexcept {
  return std::atomic_ref{*reinterpret_cast<std::uint64_t*>(memory + offset)};
}
/// The memory may be mapped for reading only: nothing but load() may be called.
[[nodiscard]] inline std::atomic_ref<std::uint64_t> word_at(const std::byte* memory, std::uint64_t offset) noexcept {
  return word_at(const_cast<std::byte*>(memory), offset);
}

/// Lets the other hardware thread of this core run while a loop waits.
inline void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Has the line come into this processor's cache, and out of all others, before it is written to.
inline void prefetch_to_write(const void* address) noexcept {
#if defined(__x86_64__)
  // Compilers make a prefetch for reading of the builtin unless told that the processor has this one. Those that lack it skip it.
  asm volatile("prefetchw (%0)" : : "r"(address));
#else
  __builtin_prefetch(address, 1);
#endif
}

/// Copies into memory that another processor has read last. What is longer than some lines goes block by block, with the lines ahead asked
/// for in time: a store that waits for its line holds up all that follow. What is shorter is left to the compiler.
inline void copy_in(std::byte* to, const void* from, std::size_t size) noexcept {
  constexpr std::size_t ahead = 16 * cache_line_bytes;
  constexpr std::size_t block = cache_line_bytes;
  if (size <= 4 * block) {
    if (size > 0) std::memcpy(to, from, size);
    return;
  }
  const auto* source = static_cast<const std::byte*>(from);
  // The first and the last block may overlap with others: so all between them are whole lines.
  std::memcpy(to, source, block);
  std::memcpy(to + size - block, source + size - block, block);
  std::size_t done = block - reinterpret_cast<std::uintptr_t>(to) % block;
  for (; done + block < size; done += block) {
    prefetch_to_write(to + done + ahead);
    std::memcpy(to + done, source + done, block);
  }
}

/// The writer's side of the memory.
class RingWriter {
 public:
  RingWriter() = default;
  RingWriter(std::byte* memory, RingShape shape) noexcept
      : words_{memory + shape.word_offset(0)}, mask_{shape.capacity - 1}, shape_{shape} {}

  [[nodiscard]] const RingShape& shape() const noexcept { return shape_; }
  [[nodiscard]] std::uint64_t tail() const noexcept { return tail_; }
  /// Records so far.
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// Up to where may be written.
  [[nodiscard]] std::uint64_t limit() const noexcept { return limit_; }
  void set_limit(std::uint64_t limit) noexcept { limit_ = limit; }

  /// Where a record of that payload would end, with the word of the one after it.
  [[nodiscard]] std::uint64_t end_of(std::uint64_t payload) const noexcept {
    return tail_ + shape_.record_bytes(payload) + shape_.alignment;
  }
  [[nodiscard]] bool has_room(std::uint64_t payload) const noexcept { return end_of(payload) <= limit_; }

  /// The word of the next record.
  [[nodiscard]] std::byte* word() const noexcept { return words_ + (tail_ & mask_); }
  /// Where the next payload goes. There must be room.
  [[nodiscard]] std::byte* payload() const noexcept { return word() + word_bytes; }
  /// Makes what was written there a record; `mark` is 0 or RecordWord::accompanied.
  void commit(std::uint32_t length, std::uint32_t mark = 0) noexcept {
    // What was written there may be anything, for the compiler also this: each member is read once.
    std::byte* const words = words_;
    const std::uint64_t mask = mask_;
    const std::uint64_t tail = tail_;
    const std::uint64_t count = count_;
    const std::uint64_t record = shape_.record_bytes(length);
    word_at(words, (tail + record) & mask).store(0, std::memory_order_relaxed);
    word_at(words, tail & mask)
        .store(RecordWord::pack(length | mark, static_cast<std::uint32_t>(count)), std::memory_order_release);
    tail_ = tail + record;
    count_ = count + 1;
    // Records come in a row and are of one length, mostly: so the lines of the one after the next are asked for while the next is written. What
    // they held was read by others last, and one store after the other would wait for its line.
    constexpr std::uint64_t nearest = 8 * cache_line_bytes;
    constexpr std::uint64_t most = 17 * cache_line_bytes;
    const std::byte* const from = words + ((tail + record + (record > nearest ? record : nearest)) & mask);
    std::uint64_t line = 0;
    do prefetch_to_write(from + line);
    while ((line += cache_line_bytes) < record && line < most);
  }

 private:
  std::byte* words_ = nullptr;  ///< that of position 0
  std::uint64_t mask_ = 0;
  RingShape shape_;
  std::uint64_t tail_ = 0;
  std::uint64_t limit_ = 0;
  std::uint64_t count_ = 0;
};

struct Record {
  const std::byte* payload = nullptr;
  std::uint32_t length = 0;
  std::uint32_t number = 0;
};

/// What is read where there is no ring: never a record.
alignas(cache_line_bytes) inline constexpr std::array<std::byte, cache_line_bytes> silence{};
inline constexpr RingShape shape_of_silence{.capacity = word_bytes, .alignment = word_bytes};

/// A reader's side of it. Everything that is read may be a hostile writer's: it is loaded once and checked.
class RingReader {
 public:
  enum class Found : std::uint8_t { nothing, record, rubbish };

  RingReader() = default;
  RingReader(const std::byte* memory, RingShape shape, std::uint64_t position) noexcept
      : memory_{memory}, shape_{shape}, largest_{shape.largest_payload()}, position_{position} {}

  [[nodiscard]] const RingShape& shape() const noexcept { return shape_; }
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  void move_to(std::uint64_t position) noexcept { position_ = position; }

  /// Whether something was published at this position. Cheap enough to be asked in a loop.
  [[nodiscard]] bool has_record() const noexcept {
    return word_at(memory_, shape_.word_offset(position_)).load(std::memory_order_acquire) != 0;
  }
  /// The record at this position, which stays there until pass() and, for the writer, until the cursor is told.
  [[nodiscard]] Found look(Record& record) const noexcept {
    const std::uint64_t offset = shape_.word_offset(position_);
    const std::uint64_t word = word_at(memory_, offset).load(std::memory_order_acquire);
    if (word == 0) return Found::nothing;
    const RecordWord told = RecordWord::unpack(word);
    if (told.length > largest_) return Found::rubbish;
    record = {.payload = memory_ + offset + word_bytes, .length = told.length, .number = told.number};
    return Found::record;
  }
  /// The same, where something may come along with a record.
  [[nodiscard]] Found look(Record& record, bool& accompanied) const noexcept {
    const std::uint64_t offset = shape_.word_offset(position_);
    const std::uint64_t word = word_at(memory_, offset).load(std::memory_order_acquire);
    if (word == 0) return Found::nothing;
    const RecordWord told = RecordWord::unpack(word);
    const std::uint32_t length = told.length & ~RecordWord::accompanied;
    if (length > largest_) return Found::rubbish;
    accompanied = length != told.length;
    record = {.payload = memory_ + offset + word_bytes, .length = length, .number = told.number};
    return Found::record;
  }
  /// The word at this position.
  [[nodiscard]] const std::byte* word() const noexcept { return memory_ + shape_.word_offset(position_); }
  void pass(const Record& record) noexcept { position_ += shape_.record_bytes(record.length); }
  /// Looks that many times at most whether a record is published here, and nowhere else: the shortest way from its arrival to the
  /// caller. `expected` is the length of its payload, rightly or wrongly: where that goes on in the next line, that line is asked for
  /// with each look, so that it comes along with the first.
  [[nodiscard]] Found watch(Record& record, int looks, std::uint64_t expected) const noexcept {
    const std::uint64_t offset = shape_.word_offset(position_);
    const bool goes_on = offset % cache_line_bytes + word_bytes + expected > cache_line_bytes;
    for (; looks > 0; --looks) {
      if (const Found found = look(record); found != Found::nothing) return found;
      if (goes_on) __builtin_prefetch(memory_ + offset + cache_line_bytes);
      relax();  // also where nobody else wants the processor: who looks all the time takes the line from under its writer
    }
    return Found::nothing;
  }

 private:
  const std::byte* memory_ = nullptr;
  RingShape shape_;
  std::uint64_t largest_ = 0;
  std::uint64_t position_ = 0;
};

}  // namespace ginnel::detail
