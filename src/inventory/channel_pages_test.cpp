#include "channel_pages.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace ginnel::inventory {
namespace {

constexpr std::uint64_t capacity = 65536;

template <class Number>
void put(std::string& memory, std::size_t offset, Number number) {
  std::memcpy(memory.data() + offset, &number, sizeof number);
}

std::string memory_of_an_end(std::uint64_t alignment) {
  std::string memory(channel_page_bytes + capacity, '\0');
  memory.replace(0, 8, "GINCHAN1");
  put<std::uint32_t>(memory, 8, 1);
  put<std::uint32_t>(memory, 12, channel_page_bytes);
  put<std::uint64_t>(memory, 16, capacity);
  put<std::uint64_t>(memory, 24, alignment);
  return memory;
}

/// Puts a record there, and gives the position after it.
std::uint64_t put_record(std::string& memory, std::uint64_t alignment, std::uint64_t position, std::uint32_t number,
                         std::uint32_t length, bool accompanied = false) {
  const std::uint64_t word = (std::uint64_t{number} << 32U) | ((length | (accompanied ? 0x8000'0000U : 0)) + 1);
  put<std::uint64_t>(memory, channel_page_bytes + (position & (capacity - 1)) + alignment - 8, word);
  return position + ((8 + length + alignment - 1) & ~(alignment - 1));
}

ChannelContent content_in(const std::string& memory, std::uint64_t cursor) {
  const auto page = parse_channel_page(std::string_view{memory}.substr(0, channel_page_bytes));
  EXPECT_TRUE(page.known()) << page.reason();
  return content_of(*page, cursor, [&](std::uint64_t offset) -> std::optional<std::uint64_t> {
    std::uint64_t word = 0;
    if (offset + sizeof word > memory.size()) return std::nullopt;
    std::memcpy(&word, memory.data() + offset, sizeof word);
    return word;
  });
}

TEST(ChannelPages, TellWhatTheReaderHasNotGivenBack) {
  for (const std::uint64_t alignment : {8U, 64U}) {
    std::string memory = memory_of_an_end(alignment);
    const std::uint64_t start = capacity - 2 * alignment;  // it goes on at the ring's beginning
    std::uint64_t end = put_record(memory, alignment, start, 7, 5);
    end = put_record(memory, alignment, end, 8, 100, true);
    end = put_record(memory, alignment, end, 9, 0);
    const auto content = content_in(memory, start);
    EXPECT_EQ(content.records, 3U) << alignment;
    EXPECT_EQ(content.bytes, end - start) << alignment;
    EXPECT_TRUE(content.whole);
    EXPECT_EQ(content_in(memory, end).bytes, 0U);
  }
}

TEST(ChannelPages, StopAtWhatWasThereALapAgo) {
  std::string memory = memory_of_an_end(8);
  const std::uint64_t end = put_record(memory, 8, 0, 7, 16);
  put_record(memory, 8, end, 3, 16);
  EXPECT_EQ(content_in(memory, 0).records, 1U);
}

TEST(ChannelPages, BelieveNoPageThatCannotBeOne) {
  std::string memory = memory_of_an_end(8);
  put<std::uint64_t>(memory, 128, 24);
  EXPECT_EQ(parse_channel_page(memory)->cursor, 24U);
  EXPECT_EQ(content_in(memory, 3).records, 0U) << "no record begins there";
  for (const auto& [offset, number] : {std::pair{16U, 65537U}, {16U, 1024U}, {24U, 4U}, {24U, 512U}, {8U, 2U}}) {
    std::string broken = memory_of_an_end(8);
    put<std::uint64_t>(broken, offset, number);
    EXPECT_FALSE(parse_channel_page(broken).known()) << offset;
  }
  EXPECT_FALSE(parse_channel_page(std::string_view{memory}.substr(0, 200)).known());
}

}  // namespace
}  // namespace ginnel::inventory
