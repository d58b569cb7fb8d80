#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "ginnel/inventory/fact.hpp"

// The memory of a channel as docs/FORMAT.md has it: pure functions over bytes that may be anybody's.

namespace ginnel::inventory {

inline constexpr std::size_t channel_page_bytes = 4096;

/// What an end tells in its first page.
struct ChannelPage {
  std::uint64_t capacity = 0;  ///< bytes of its ring
  std::uint64_t alignment = 0;
  std::uint64_t cursor = 0;  ///< up to here of its peer's ring it needs nothing any more
  bool closed = false;
};
/// Missing with the reason where it is none that can be read.
[[nodiscard]] Fact<ChannelPage> parse_channel_page(std::string_view page);

/// What lies in a ring for its reader.
struct ChannelContent {
  std::uint64_t bytes = 0;  ///< with the records' heads
  std::uint64_t records = 0;
  bool whole = true;  ///< false: there is more than was looked at
};
/// Follows the records of the ring that `writer` tells of, from where the reader has told that it is. `word_at` gives the 8 bytes at
/// an offset in the writer's memory, or none when it is tired of it.
[[nodiscard]] ChannelContent content_of(
    const ChannelPage& writer, std::uint64_t cursor,
    const std::function<std::optional<std::uint64_t>(std::uint64_t offset)>& word_at);

}  // namespace ginnel::inventory
