#include <algorithm>

#include "channel_pages.hpp"
#include "latest_files.hpp"
#include "queue_files.hpp"
#include "target.hpp"
#include "topic_pages.hpp"

// The files of ginnel's own messaging as the inventory reads them: anybody's memory, of whatever length.

namespace {

using namespace ginnel;

constexpr std::uint64_t as_long_as_can_be = std::uint64_t{1} << 40U;

/// The records behind the page, at the places that the page makes them have.
void follow(const inventory::RingPage& ring, std::string_view file) {
  const auto word_at = [&](std::uint64_t offset) -> std::optional<std::uint64_t> {
    fuzz::insist(offset + sizeof(std::uint64_t) <= inventory::kept_page_bytes + ring.capacity);
    if (offset + sizeof(std::uint64_t) > file.size()) return std::nullopt;
    return inventory::number_at<std::uint64_t>(file, offset);
  };
  const auto end = inventory::find_end(ring, word_at);
  fuzz::insist(end.position - ring.tail <= ring.capacity + ring.capacity / 4 + ring.alignment * 2);
  fuzz::insist(end.count - ring.count <= file.size());
}

void read_ring(std::string_view file) {
  for (const std::uint64_t size : {std::uint64_t{file.size()}, as_long_as_can_be}) {
    const auto ring = inventory::parse_ring_page(file, size);
    if (ring) follow(*ring, file);
    if (!ring) fuzz::insist(!ring.reason().empty());
    const auto reader = inventory::parse_reader_page(file);
    if (!ring || !reader) continue;
    for (std::size_t number = 0; number < inventory::rings_max; ++number)
      static_cast<void>(inventory::place_in(*reader, *ring, number));
  }
}

void read_reader(std::string_view file) {
  const auto reader = inventory::parse_reader_page(file);
  if (!reader) return;
  inventory::RingPage ring;
  for (const std::uint64_t incarnation : {std::uint64_t{0}, reader->cursors.front().incarnation}) {
    ring.incarnation = incarnation;
    ring.generation = reader->seen_generation;
    for (std::size_t number = 0; number < inventory::rings_max; ++number)
      static_cast<void>(inventory::place_in(*reader, ring, number));
  }
}

void read_queue(std::string_view file) {
  const auto queue = inventory::parse_queue_page(file, as_long_as_can_be);
  if (queue) {
    fuzz::insist(queue->participants_at() >= inventory::kept_page_bytes &&
                 queue->slots_at() > queue->participants_at());
    fuzz::insist(queue->slots_at() + std::uint64_t{queue->slots} * sizeof(std::uint64_t) <= as_long_as_can_be);
  }
  inventory::QueueCounts counts;
  inventory::count_slots(counts, file);
  fuzz::insist(counts.all() <= file.size() / sizeof(std::uint64_t));
}

void read_channel(std::string_view memory) {
  const auto page = inventory::parse_channel_page(memory);
  if (!page) return;
  const auto content = inventory::content_of(*page, page->cursor, [&](std::uint64_t offset) {
    fuzz::insist(offset + sizeof(std::uint64_t) <= inventory::channel_page_bytes + page->capacity);
    std::optional<std::uint64_t> word;
    if (offset + sizeof(std::uint64_t) <= memory.size()) word = inventory::number_at<std::uint64_t>(memory, offset);
    return word;
  });
  fuzz::insist(content.bytes <= page->capacity + page->capacity / 4 + page->alignment * 2);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view file = fuzz::text_of(bytes, size);
  read_ring(file);
  read_reader(file);
  read_queue(file);
  read_channel(file);
  if (const auto value = inventory::parse_value_page(file, as_long_as_can_be))
    fuzz::insist(value->slots * value->longest <= as_long_as_can_be);
  return 0;
}
