#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "format.hpp"
#include "ginnel/sys/futex.hpp"

// What two ends of a channel show each other, byte by byte: docs/FORMAT.md. Each end maps the other's memory for reading only and
// believes nothing in it: a word is loaded once and checked, and a wrong one costs its writer the channel.

namespace ginnel::detail {

inline constexpr Magic channel_magic{'G', 'I', 'N', 'C', 'H', 'A', 'N', '1'};
inline constexpr Magic hello_magic{'G', 'I', 'N', 'H', 'E', 'L', 'O', '1'};

inline constexpr std::uint64_t smallest_channel_ring = std::uint64_t{64} << 10U;
inline constexpr std::uint64_t largest_channel_ring = std::uint64_t{1} << 30U;
inline constexpr std::uint64_t largest_channel_alignment = 256;

/// The first page of an end's memory; its ring follows. What it says about the other direction, as a reader, is here too, so
/// that each end has one piece of memory that it alone writes.
struct ChannelPage {
  FileStart start;
  std::uint64_t capacity;
  std::uint64_t alignment;

  alignas(64) std::atomic<std::uint32_t> attentive;  ///< 1: may sleep: after each record the peer looks at the next two
  std::atomic<std::uint32_t> sleeping;             ///< counts the times it went to sleep on the word of its next record
  std::atomic<std::uint32_t> watching;             ///< counts the times it began to wait by its descriptor
  std::atomic<std::uint32_t> closed;               ///< 1: it has ended in good order
  alignas(64) std::atomic<std::uint64_t> cursor;   ///< up to here it needs nothing any more; told every 1/8 of the ring
  std::atomic<std::uint64_t> taken;                ///< of a service: how many requests it has taken
  alignas(64) std::atomic<std::uint32_t> waiting;  ///< counts the times it went to sleep on the peer's cursor, for room
};
static_assert(sizeof(ChannelPage) <= page_bytes);
static_assert(offsetof(ChannelPage, capacity) == 16 && offsetof(ChannelPage, attentive) == 64);
static_assert(offsetof(ChannelPage, cursor) == 128 && offsetof(ChannelPage, waiting) == 192);

/// The first message each way over the socket. With it come the memory of who sends it, and a descriptor of its process.
struct ChannelHello {
  FileStart start;
  std::uint32_t refusal;  ///< errno of who answers and will not; 0: the descriptors come along
  std::uint32_t reserved;
  std::uint64_t capacity;
  std::uint64_t alignment;
  TypeStamp sends;
  TypeStamp receives;
};
static_assert(sizeof(ChannelHello) == 296 && offsetof(ChannelHello, sends) == 40);

/// Every later message over the socket.
struct ChannelNote {
  enum class Kind : std::uint32_t {
    knock = 1,        ///< look at the ring: you said that you wait by the descriptor
    descriptors = 2,  ///< those of the record with that number come along
  };
  std::uint32_t kind;
  std::uint32_t reserved;
  std::uint64_t number;
};
static_assert(sizeof(ChannelNote) == 16);

/// The half of a word of 64 bits that changes when its low 32 bits do: what a futex can sleep on. Whoever sleeps needs to map it for
/// reading only, and whoever wakes is the one who wrote it.
[[nodiscard]] inline const FutexWord& low_half(const void* word) noexcept {
  constexpr std::size_t offset = std::endian::native == std::endian::little ? 0 : 4;
  return *reinterpret_cast<const FutexWord*>(static_cast<const std::byte*>(word) + offset);
}

}  // namespace ginnel::detail
