#include "topic_pages.hpp"

#include <algorithm>
#include <bit>

#include "words.hpp"

namespace ginnel::inventory {
namespace {

constexpr std::string_view ring_magic = "GINRING1";
constexpr std::string_view reader_magic = "GINREAD1";

constexpr std::uint64_t smallest_capacity = std::uint64_t{64} << 10U;
constexpr std::uint64_t largest_capacity = std::uint64_t{32} << 30U;
constexpr std::uint64_t smallest_alignment = 8;
constexpr std::uint64_t largest_alignment = 256;

namespace ring_at {
constexpr std::size_t capacity = 16, alignment = 24, incarnation = 32, keeper = 48, type = 112;
constexpr std::size_t tail = 512, count = 520, generation = 544, closed = 548;
}  // namespace ring_at
constexpr std::size_t size_in_type = 116;
namespace reader_at {
constexpr std::size_t keeper = 16, joined = 80, reliable = 84, seen = 88, cursors = 512;
constexpr std::size_t cursor_bytes = 64;
}  // namespace reader_at

/// The generation counts on beyond its largest number.
bool is_later(std::uint32_t a, std::uint32_t b) noexcept { return static_cast<std::int32_t>(a - b) > 0; }

}  // namespace

Fact<RingPage> parse_ring_page(std::string_view page, std::uint64_t file_bytes) {
  if (const auto why = why_foreign(page, ring_magic); !why.empty()) return Fact<RingPage>::missing(why);
  RingPage ring;
  ring.keeper = keeper_at(page, ring_at::keeper);
  ring.capacity = number_at<std::uint64_t>(page, ring_at::capacity);
  ring.alignment = number_at<std::uint64_t>(page, ring_at::alignment);
  ring.incarnation = number_at<std::uint64_t>(page, ring_at::incarnation);
  if (!std::has_single_bit(ring.capacity) || ring.capacity < smallest_capacity || ring.capacity > largest_capacity)
    return Fact<RingPage>::missing("its capacity is no possible one");
  if (!std::has_single_bit(ring.alignment) || ring.alignment < smallest_alignment || ring.alignment > largest_alignment)
    return Fact<RingPage>::missing("its alignment is no possible one");
  if (ring.incarnation == 0) return Fact<RingPage>::missing("it has no incarnation");
  if (file_bytes < kept_page_bytes + ring.capacity) return Fact<RingPage>::missing("it is shorter than it says");
  ring.type = message_type_at(page, ring_at::type);
  ring.payload =
      std::min<std::uint64_t>(number_at<std::uint32_t>(page, ring_at::type + size_in_type), ring.capacity / 4);
  ring.tail = number_at<std::uint64_t>(page, ring_at::tail);
  ring.count = number_at<std::uint64_t>(page, ring_at::count);
  ring.generation = number_at<std::uint32_t>(page, ring_at::generation);
  ring.closed = number_at<std::uint32_t>(page, ring_at::closed) != 0;
  if (ring.tail % ring.alignment != 0) return Fact<RingPage>::missing("its tail is no possible one");
  return ring;
}

RingEnd find_end(const RingPage& ring,
                 const std::function<std::optional<std::uint64_t>(std::uint64_t offset)>& word_at) {
  constexpr std::uint64_t word_bytes = 8;
  RingEnd end{.position = ring.tail, .count = ring.count};
  while (end.position - ring.tail < ring.capacity) {
    const std::uint64_t offset = (end.position & (ring.capacity - 1)) + ring.alignment - word_bytes;
    const auto word = word_at(kept_page_bytes + offset);
    if (!word || *word == 0) break;
    const std::uint64_t length = (*word & 0xffff'ffffU) - 1;
    const auto number = static_cast<std::uint32_t>(*word >> 32U);
    // The count is told right after the tail: a writer at work may be between the two, and what was a lap ago has other numbers.
    if (length > ring.capacity / 4 || number != static_cast<std::uint32_t>(end.count)) break;
    end.position += ring.record_bytes(length);
    ++end.count;
  }
  return end;
}

Fact<ReaderPage> parse_reader_page(std::string_view page) {
  if (const auto why = why_foreign(page, reader_magic); !why.empty()) return Fact<ReaderPage>::missing(why);
  ReaderPage reader;
  reader.keeper = keeper_at(page, reader_at::keeper);
  reader.joined_generation = number_at<std::uint32_t>(page, reader_at::joined);
  reader.reliable = number_at<std::uint32_t>(page, reader_at::reliable) != 0;
  reader.seen_generation = number_at<std::uint32_t>(page, reader_at::seen);
  for (std::size_t number = 0; number < rings_max; ++number) {
    const std::size_t at = reader_at::cursors + number * reader_at::cursor_bytes;
    constexpr std::size_t word = sizeof(std::uint64_t);
    reader.cursors.at(number) = {.incarnation = number_at<std::uint64_t>(page, at),
                                 .position = number_at<std::uint64_t>(page, at + word),
                                 .lost = number_at<std::uint64_t>(page, at + 2 * word)};
  }
  return reader;
}

std::optional<std::uint64_t> place_in(const ReaderPage& reader, const RingPage& ring, std::size_t number) {
  const ReaderPage::Cursor& cursor = reader.cursors.at(number);
  if (cursor.incarnation == ring.incarnation) return cursor.position;
  const bool was_before = is_later(ring.generation, reader.joined_generation);
  if (ring.generation == 0 || (was_before && is_later(ring.generation, reader.seen_generation))) return 0;
  return std::nullopt;
}

std::optional<std::size_t> ring_number(std::string_view name) noexcept {
  constexpr std::size_t length = 4;
  if (name.size() != length || !name.starts_with("w.")) return std::nullopt;
  const auto number = to_number<std::size_t>(name.substr(2));
  return number && *number < rings_max ? number : std::nullopt;
}

bool is_reader_name(std::string_view name) noexcept { return name.starts_with("r."); }

std::string unescaped(std::string_view text) {
  std::string name;
  while (!text.empty()) {
    constexpr std::size_t escape_bytes = 3;
    const bool slash = text.starts_with("%2F");
    if (slash || text.starts_with("%25")) {
      name += slash ? '/' : '%';
      text.remove_prefix(escape_bytes);
    } else {
      name += text.front();
      text.remove_prefix(1);
    }
  }
  std::ranges::replace_if(name, [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; }, '?');
  return name;
}

}  // namespace ginnel::inventory
