#include "ginnel/msg/detail/ring.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace ginnel::detail {
namespace {

/// Memory of a ring without the second mapping: for records that do not cross its end.
struct Memory {
  explicit Memory(RingShape wanted) : shape{wanted}, bytes(2 * wanted.capacity / sizeof(std::uint64_t)) {}
  [[nodiscard]] std::byte* start() { return reinterpret_cast<std::byte*>(bytes.data()); }
  RingShape shape;
  std::vector<std::uint64_t> bytes;
};

TEST(RecordWord, KeepsLengthAndNumberAndIsNeverSilence) {
  for (const std::uint32_t length : {0U, 1U, 8U, 0x7fff'ffffU})
    for (const std::uint32_t number : {0U, 1U, 0xffff'ffffU}) {
      const std::uint64_t word = RecordWord::pack(length, number);
      EXPECT_NE(word, 0U);
      EXPECT_EQ(RecordWord::unpack(word).length, length);
      EXPECT_EQ(RecordWord::unpack(word).number, number);
    }
}

TEST(RingShape, PayloadsLieWhereTheirAlignmentWantsThem) {
  for (const std::uint64_t alignment : {8U, 16U, 64U, 256U}) {
    const RingShape shape{.capacity = 65536, .alignment = alignment};
    std::uint64_t position = 0;
    for (const std::uint64_t payload : {0U, 1U, 7U, 8U, 9U, 56U, 64U, 1000U}) {
      EXPECT_EQ((shape.word_offset(position) + word_bytes) % alignment, 0U);
      EXPECT_GE(shape.record_bytes(payload), payload + word_bytes);
      position += shape.record_bytes(payload);
    }
  }
}

// Short ones, those about the block size, and some with many blocks, at each place in a line.
TEST(CopyIn, PutsEveryByteWhereItBelongsAndNoneElsewhere) {
  constexpr std::byte untouched{0xee};
  std::vector<std::byte> source(5000);
  for (std::size_t i = 0; i < source.size(); ++i) source[i] = static_cast<std::byte>(i * 7 + i / 251);
  for (const std::size_t size : {0U, 1U, 8U, 64U, 255U, 256U, 257U, 319U, 320U, 321U, 1024U, 4999U})
    for (std::size_t place = 0; place < cache_line_bytes; ++place) {
      std::vector<std::byte> memory(size + 4 * cache_line_bytes, untouched);
      copy_in(memory.data() + place, source.data() + 1, size);
      ASSERT_EQ(std::memcmp(memory.data() + place, source.data() + 1, size), 0) << size << " at " << place;
      for (std::size_t i = 0; i < memory.size(); ++i) {
        if (i < place || i >= place + size) {
          ASSERT_EQ(memory[i], untouched) << size << " at " << place << ": " << i;
        }
      }
    }
}

TEST(Ring, AWatchEndsWithARecordWithRubbishOrAfterItsLooks) {
  Memory memory{{.capacity = 4096, .alignment = 8}};
  RingWriter writer{memory.start(), memory.shape};
  RingReader reader{memory.start(), memory.shape, 0};
  writer.set_limit(memory.shape.capacity);
  Record record;
  EXPECT_EQ(reader.watch(record, 0, 8), RingReader::Found::nothing);
  EXPECT_EQ(reader.watch(record, 3, 1000), RingReader::Found::nothing);
  std::memcpy(writer.payload(), "hello", 5);
  writer.commit(5);
  ASSERT_EQ(reader.watch(record, 1, 8), RingReader::Found::record);
  EXPECT_EQ(record.length, 5U);
  reader.pass(record);
  word_at(memory.start(), memory.shape.word_offset(reader.position())).store(RecordWord::pack(2000, 1));
  EXPECT_EQ(reader.watch(record, 1000, 8), RingReader::Found::rubbish);
}

TEST(Ring, ARecordIsSeenOnceItIsCommittedAndNotBefore) {
  Memory memory{{.capacity = 4096, .alignment = 8}};
  RingWriter writer{memory.start(), memory.shape};
  RingReader reader{memory.start(), memory.shape, 0};
  writer.set_limit(memory.shape.capacity);
  Record record;
  std::memcpy(writer.payload(), "hello", 5);
  EXPECT_EQ(reader.look(record), RingReader::Found::nothing);
  writer.commit(5);
  ASSERT_EQ(reader.look(record), RingReader::Found::record);
  EXPECT_EQ(record.length, 5U);
  EXPECT_EQ(std::memcmp(record.payload, "hello", 5), 0);
  reader.pass(record);
  EXPECT_FALSE(reader.has_record());
  EXPECT_EQ(reader.position(), writer.tail());
}

TEST(Ring, WhatStoodThereALapAgoIsNoRecord) {
  Memory memory{{.capacity = 256, .alignment = 8}};
  RingWriter writer{memory.start(), memory.shape};
  RingReader reader{memory.start(), memory.shape, 0};
  Record record;
  for (std::uint64_t i = 0; i < 100; ++i) {
    writer.set_limit(reader.position() + memory.shape.capacity);
    ASSERT_TRUE(writer.has_room(sizeof i));
    std::memcpy(writer.payload(), &i, sizeof i);
    writer.commit(sizeof i);
    ASSERT_EQ(reader.look(record), RingReader::Found::record);
    EXPECT_EQ(record.number, i);
    reader.pass(record);
    ASSERT_FALSE(reader.has_record()) << i;
  }
}

TEST(Ring, ALengthBeyondTheLargestIsRubbish) {
  Memory memory{{.capacity = 4096, .alignment = 8}};
  RingReader reader{memory.start(), memory.shape, 0};
  Record record;
  for (const std::uint32_t length : {1017U, 4096U, 0xffff'fffeU}) {
    word_at(memory.start(), 0).store(RecordWord::pack(length, 0));
    EXPECT_EQ(reader.look(record), RingReader::Found::rubbish) << length;
  }
  word_at(memory.start(), 0).store(0xffff'ffff'0000'0000U);  // a length of -1
  EXPECT_EQ(reader.look(record), RingReader::Found::rubbish);
}

/// One mapping for both sides: ThreadSanitizer sees every access to it.
TEST(RingThreads, RecordsArriveWholeAndInOrder) {
  Memory memory{{.capacity = 4096, .alignment = 8}};
  std::atomic<std::uint64_t> cursor{0};
  constexpr std::uint64_t messages = 20'000;
  std::thread sender{[&] {
    RingWriter writer{memory.start(), memory.shape};
    for (std::uint64_t i = 0; i < messages; ++i) {
      while (!writer.has_room(16)) writer.set_limit(cursor.load(std::memory_order_acquire) + memory.shape.capacity);
      const std::uint64_t pair[2]{i, ~i};
      std::memcpy(writer.payload(), pair, sizeof pair);
      writer.commit(sizeof pair);
    }
  }};
  RingReader reader{memory.start(), memory.shape, 0};
  Record record;
  for (std::uint64_t i = 0; i < messages;) {
    if (reader.look(record) != RingReader::Found::record) continue;
    std::uint64_t pair[2];
    std::memcpy(pair, record.payload, sizeof pair);
    ASSERT_EQ(pair[0], i);
    ASSERT_EQ(pair[1], ~i);
    reader.pass(record);
    cursor.store(reader.position(), std::memory_order_release);
    ++i;
  }
  sender.join();
}

}  // namespace
}  // namespace ginnel::detail
