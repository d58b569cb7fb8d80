#include "channel_pages.hpp"

#include <bit>

#include "kept_file.hpp"

namespace ginnel::inventory {
namespace {

constexpr std::string_view channel_magic = "GINCHAN1";
constexpr std::uint64_t smallest_capacity = std::uint64_t{64} << 10U;
constexpr std::uint64_t largest_capacity = std::uint64_t{1} << 30U;
constexpr std::uint64_t smallest_alignment = 8;
constexpr std::uint64_t largest_alignment = 256;
constexpr std::size_t capacity_at = 16, alignment_at = 24, closed_at = 76, cursor_at = 128;

constexpr std::uint64_t word_bytes = 8;
constexpr std::uint64_t accompanied = 0x8000'0000;  // in a record's length: descriptors come along

}  // namespace

Fact<ChannelPage> parse_channel_page(std::string_view page) {
  if (const auto why = why_foreign(page, channel_magic); !why.empty()) return Fact<ChannelPage>::missing(why);
  const ChannelPage told{.capacity = number_at<std::uint64_t>(page, capacity_at),
                         .alignment = number_at<std::uint64_t>(page, alignment_at),
                         .cursor = number_at<std::uint64_t>(page, cursor_at),
                         .closed = number_at<std::uint32_t>(page, closed_at) != 0};
  if (!std::has_single_bit(told.capacity) || told.capacity < smallest_capacity || told.capacity > largest_capacity)
    return Fact<ChannelPage>::missing("its capacity is no possible one");
  if (!std::has_single_bit(told.alignment) || told.alignment < smallest_alignment || told.alignment > largest_alignment)
    return Fact<ChannelPage>::missing("its alignment is no possible one");
  return told;
}

ChannelContent content_of(const ChannelPage& writer, std::uint64_t cursor,
                          const std::function<std::optional<std::uint64_t>(std::uint64_t offset)>& word_at) {
  ChannelContent content;
  if (cursor % writer.alignment != 0) return content;
  std::uint32_t number = 0;
  while (content.bytes < writer.capacity) {
    const std::uint64_t place = (cursor + content.bytes) & (writer.capacity - 1);
    const auto word = word_at(channel_page_bytes + place + writer.alignment - word_bytes);
    if (!word) {
      content.whole = false;
      break;
    }
    if (*word == 0) break;
    const std::uint64_t length = ((*word & 0xffff'ffffU) - 1) & ~accompanied;
    const auto its_number = static_cast<std::uint32_t>(*word >> 32U);
    // What a lap ago stood there has other numbers.
    if (length > writer.capacity / 4 || (content.records > 0 && its_number != number)) break;
    content.bytes += (word_bytes + length + writer.alignment - 1) & ~(writer.alignment - 1);
    ++content.records;
    number = its_number + 1;
  }
  return content;
}

}  // namespace ginnel::inventory
