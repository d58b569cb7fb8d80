#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <random>

#include "latest_files.hpp"
#include "messaging_homes.hpp"
#include "queue_files.hpp"
#include "support/scratch.hpp"
#include "topic_files.hpp"

namespace ginnel::inventory {
namespace {

constexpr std::uint64_t plenty = std::uint64_t{1} << 40U;

template <class Number>
void put(std::string& page, std::size_t offset, Number number) {
  std::memcpy(page.data() + offset, &number, sizeof number);
}

/// A page of zeros with what all pages begin with.
std::string page_of(std::string_view magic) {
  std::string page(kept_page_bytes, '\0');
  page.replace(0, magic.size(), magic);
  put<std::uint32_t>(page, 8, 1);
  put<std::uint32_t>(page, 12, kept_page_bytes);
  return page;
}

std::string ring_page() {
  std::string page = page_of("GINRING1");
  put<std::uint64_t>(page, 16, 65536);
  put<std::uint64_t>(page, 24, 8);
  put<std::uint64_t>(page, 32, 77);
  page.replace(112, 4, "Pose");
  put<std::uint32_t>(page, 112 + 116, 24);
  put<std::uint64_t>(page, 512, 64);
  put<std::uint64_t>(page, 520, 2);
  put<std::uint32_t>(page, 544, 1);  // the generation: it has been told
  return page;
}

std::string value_page() {
  std::string page = page_of("GINLAST1");
  put<std::uint64_t>(page, 16, 100);
  put<std::uint32_t>(page, 32, 4);
  put<std::uint64_t>(page, 256, (std::uint64_t{9} << 8U) | 2U);
  return page;
}

std::string queue_page() {
  std::string page = page_of("GINQUEU1");
  for (const auto& [offset, number] : {std::pair{16, 8}, {20, 2}, {24, 100}, {28, 4}})
    put<std::uint32_t>(page, static_cast<std::size_t>(offset), static_cast<std::uint32_t>(number));
  return page;
}

TEST(MessagingFiles, PagesSayWhatTheFormatHasThere) {
  const auto ring = parse_ring_page(ring_page(), plenty);
  ASSERT_TRUE(ring.known()) << ring.reason();
  EXPECT_TRUE(ring->capacity == 65536 && ring->tail == 64 && ring->count == 2);
  EXPECT_EQ(ring->type, "Pose (24 bytes)");
  const auto value = parse_value_page(value_page(), plenty);
  ASSERT_TRUE(value.known()) << value.reason();
  EXPECT_TRUE(value->longest == 100 && value->slots == 4 && value->version == 9);
  const auto queue = parse_queue_page(queue_page(), plenty);
  ASSERT_TRUE(queue.known()) << queue.reason();
  EXPECT_TRUE(queue->slots == 8 && queue->priorities == 2 && queue->longest == 100 && queue->participants == 4);
  std::string page = page_of("GINREAD1");
  put<std::uint32_t>(page, 84, 1);
  for (const auto& [offset, number] : {std::pair{std::size_t{0}, 77}, {8, 1024}, {16, 5}})
    put<std::uint64_t>(page, 512 + 3 * 64 + offset, static_cast<std::uint64_t>(number));
  const auto reader = parse_reader_page(page);
  ASSERT_TRUE(reader.known()) << reader.reason();
  EXPECT_TRUE(reader->reliable && reader->cursors.at(3).lost == 5);
  EXPECT_EQ(place_in(*reader, *ring, 3), 1024U);
  EXPECT_EQ(place_in(*reader, *ring, 4), 0U) << "it was there before the ring, and has not looked since";
  put<std::uint32_t>(page, 88, 1);
  EXPECT_EQ(place_in(*parse_reader_page(page), *ring, 4), std::nullopt) << "it has looked";
  EXPECT_EQ(queue->participants_at(), 4096U + 4096U + 64U);
  EXPECT_EQ(queue->slots_at(), queue->participants_at() + 4 * 64 + 2 * 128);
}

TEST(MessagingFiles, WhatCannotBeIsRefusedWithTheReason) {
  const auto refused = [](std::string page, std::size_t offset, std::uint64_t number) {
    put(page, offset, number);
    return page;
  };
  for (const auto& [page, bytes] : {std::pair{std::string{}, plenty},
                                    {ring_page().substr(0, 4095), plenty},
                                    {page_of("GINNONE1"), plenty},
                                    {refused(ring_page(), 8, 2), plenty},
                                    {refused(ring_page(), 16, 65535), plenty},
                                    {refused(ring_page(), 16, std::uint64_t{1} << 63U), plenty},
                                    {refused(ring_page(), 24, 0), plenty},
                                    {refused(ring_page(), 32, 0), plenty},
                                    {refused(ring_page(), 512, 63), plenty},
                                    {ring_page(), 4096 + 65535}}) {
    const auto ring = parse_ring_page(page, bytes);
    EXPECT_FALSE(ring.known());
    EXPECT_NE(ring.reason(), "");
  }
  EXPECT_FALSE(parse_value_page(refused(value_page(), 16, ~std::uint64_t{0}), plenty).known());
  EXPECT_FALSE(parse_value_page(refused(value_page(), 32, 67), plenty).known());
  EXPECT_FALSE(parse_value_page(value_page(), 4096 + 399).known());
  EXPECT_FALSE(parse_queue_page(refused(queue_page(), 16, 0), plenty).known());
  EXPECT_FALSE(parse_queue_page(refused(queue_page(), 16, std::uint64_t{1} << 20U), plenty).known());
  EXPECT_FALSE(parse_queue_page(refused(queue_page(), 24, (std::uint64_t{256} << 32U) | 1U), plenty).known());
  EXPECT_FALSE(parse_queue_page(queue_page(), 8831).known());
}

/// With good beginnings, so that it gets behind the first look.
TEST(MessagingFiles, NoBytesMakeAParserFall) {
  std::mt19937_64 random{4711};
  for (const std::string& good : {ring_page(), value_page(), queue_page(), page_of("GINREAD1")})
    for (int round = 0; round < 2000; ++round) {
      std::string page = good;
      for (int change = 0; change < 8; ++change)
        put(page, 16 + random() % (kept_page_bytes - 24), random() >> random() % 64);
      const auto ring = parse_ring_page(page, plenty);
      if (ring) {
        std::size_t words = 0;
        static_cast<void>(find_end(*ring, [&](std::uint64_t offset) -> std::optional<std::uint64_t> {
          EXPECT_LT(offset, kept_page_bytes + ring->capacity);
          if (++words == 10'000) return std::nullopt;
          return random() >> random() % 64;
        }));
      }
      const auto reader = parse_reader_page(page);
      if (ring && reader) static_cast<void>(place_in(*reader, *ring, random() % rings_max));
      static_cast<void>(parse_value_page(page, plenty));
      if (const auto queue = parse_queue_page(page, plenty)) {
        EXPECT_LT(queue->slots_at(), std::uint64_t{1} << 20U);
      }
      QueueCounts counts;
      count_slots(counts, page);
      EXPECT_LE(counts.all(), kept_page_bytes / 8);
    }
}

TEST(MessagingFiles, SlotsAreCountedByTheirState) {
  std::string words;
  const auto add = [&](std::uint64_t word) { words.append(reinterpret_cast<const char*>(&word), sizeof word); };
  for (const std::uint64_t word : std::array<std::uint64_t, 5>{0, 1, 2, 4, 7}) add(word | (std::uint64_t{5} << 24U));
  add(3 | (200U << 3U));
  add(3 | (200U << 3U));
  QueueCounts counts;
  count_slots(counts, words);
  EXPECT_TRUE(counts.waiting == 3 && counts.held == 2 && counts.held_by.at(200) == 2);
}

TEST(MessagingFiles, WhatIsNoPlainFileIsNotOpened) {
  const test::ScratchDirectory scratch;
  for (const char* name : {"w.00", "r.1.1", "value", "queue"}) ASSERT_EQ(::mkfifo(scratch.file(name).c_str(), 0600), 0);
  ASSERT_EQ(::symlink("/etc/passwd", scratch.file("w.01").c_str()), 0);
  ASSERT_EQ(::mkdir(scratch.file("bell").c_str(), 0700), 0);
  std::ofstream{scratch.file("w.02")} << "GINRING1";
  auto folder = Directory::open(scratch.path().c_str());
  ASSERT_TRUE(folder.has_value());
  const auto status = file_status(folder->descriptor());
  const TopicFiles topic = read_topic(*folder, *status);
  EXPECT_FALSE(topic.bell.has_value());
  EXPECT_TRUE(topic.readers.empty());
  ASSERT_EQ(topic.rings.size(), 1U);
  EXPECT_EQ(topic.rings.front().page.reason(), "it is shorter than its first page");
  EXPECT_FALSE(read_latest(*folder, *status).value.has_value());
  EXPECT_FALSE(read_queue(*folder, *status).file.has_value());
}

TEST(MessagingFiles, FoldersAreKnownByTheirName) {
  EXPECT_EQ(messaging_folder_of("/dev/shm/ginnel-0/topic:x/w.00"), "/dev/shm/ginnel-0/topic:x");
  EXPECT_EQ(messaging_folder_of("/a/queue:jobs/queue"), "/a/queue:jobs");
  for (const char* path : {"", "/", "topic:x/w.00", "/dev/shm/x", "/a/topics:x/y", "/a/topic/y", "/topic:x"})
    EXPECT_EQ(messaging_folder_of(path), "") << path;
  EXPECT_EQ(unescaped("robot%2Fpose%25"), "robot/pose%");
  EXPECT_EQ(unescaped("a%2Gb\n"), "a%2Gb?");
}

}  // namespace
}  // namespace ginnel::inventory
