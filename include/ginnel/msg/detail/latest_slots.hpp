#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "ginnel/msg/detail/ring.hpp"

// The memory of a newest value: slots, one of which is current. The writer fills a slot that nobody reads and makes it current; a
// reader announces the slot that it reads, in memory of its own, and the writer leaves that one alone.
//
// The writer looks for free slots only when it has used up those that it found the last time, and counts these looks. A reader announces the
// current slot, and may read it if no look has begun meanwhile: the last look did not find this slot free, since it was
// current then or was taken from that look's slots already, and the next one sees the announcement.

namespace ginnel::detail {

/// The word of the current slot, and of an announced one: its number, and above it the version of its value; 0: none.
struct CurrentWord {
  std::uint64_t version = 0;  ///< counts values from 1 on, modulo 2^56
  std::uint8_t slot = 0;

  [[nodiscard]] static constexpr CurrentWord unpack(std::uint64_t word) noexcept {
    return {.version = word >> 8U, .slot = static_cast<std::uint8_t>(word)};
  }
  [[nodiscard]] constexpr std::uint64_t pack() const noexcept { return (version << 8U) | slot; }
};

/// Where values lie. A slot is two words, its value's length in the second, and the value where its alignment wants it.
struct LatestShape {
  std::uint64_t value_bytes = 0;  ///< of the longest
  std::uint64_t alignment = 8;    ///< of values: a power of two from 8 on
  std::uint32_t slots = 0;

  static constexpr std::uint32_t most_slots = 255;
  /// One more for the current one and one for the next.
  static constexpr std::uint32_t slots_besides_readers = 2;

  [[nodiscard]] constexpr std::uint64_t value_at() const noexcept {
    return std::max<std::uint64_t>(2 * word_bytes, alignment);
  }
  [[nodiscard]] constexpr std::uint64_t stride() const noexcept {
    const std::uint64_t unit = std::max<std::uint64_t>(cache_line_bytes, alignment);
    return (value_at() + value_bytes + unit - 1) / unit * unit;
  }
  [[nodiscard]] constexpr std::uint64_t bytes() const noexcept { return slots * stride(); }
  [[nodiscard]] constexpr std::uint32_t readers() const noexcept { return slots - slots_besides_readers; }
};

}  // namespace ginnel::detail
