#include "ginnel/sys/copy_from_shared.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <ranges>

#include "ginnel/sys/memfd.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

constexpr std::size_t page = 4096;

Memfd filled(std::size_t size) {
  auto memory = Memfd::create("ginnel-test", Bytes{size});
  EXPECT_TRUE(memory) << memory.error().message();
  std::ranges::copy(test::test_pattern(size), memory->map_read_write()->bytes().begin());
  return std::move(*memory);
}

TEST(CopyFromShared, CopiesWhatIsThereUpToTheSmallerOfBoth) {
  const Memfd memory = filled(10 * page);
  auto shared = memory.map_read_only();
  ASSERT_TRUE(shared);
  std::vector<std::byte> copy(10 * page - 13);
  auto copied = copy_from_shared(shared->bytes().subspan(7), copy);
  ASSERT_TRUE(copied) << copied.error().message();
  EXPECT_EQ(*copied, copy.size());
  EXPECT_TRUE(std::ranges::equal(copy, shared->bytes().subspan(7, copy.size())));
  EXPECT_EQ(copy_from_shared(shared->bytes().first(3), copy).value(), 3U);
  EXPECT_EQ(copy_from_shared({}, copy).value(), 0U);
}

TEST(CopyFromShared, LargeCopiesComeWhole) {
  constexpr std::size_t size = 16UL << 20;
  const Memfd memory = filled(size);
  auto shared = memory.map_read_only();
  ASSERT_TRUE(shared);
  std::vector<std::byte> copy(size);
  EXPECT_EQ(copy_from_shared(shared->bytes(), copy).value(), size);
  EXPECT_TRUE(std::ranges::equal(copy, shared->bytes()));
}

TEST(CopyFromShared, EndsAtThePageThatAPeerHasCutOffWithoutAFault) {
  const Memfd memory = filled(8 * page);
  auto shared = memory.map_read_only();
  ASSERT_TRUE(shared);
  auto peer = test::fork_child([&](test::Ready) { ASSERT_EQ(::ftruncate(memory.descriptor(), 3 * page), 0); });
  ASSERT_TRUE(peer.wait().success());

  std::vector<std::byte> copy(8 * page, std::byte{0xEE});
  EXPECT_EQ(copy_from_shared(shared->bytes(), copy).value(), 3 * page);
  EXPECT_TRUE(
      std::ranges::equal(std::span{copy}.first(3 * page), test::test_pattern(8 * page) | std::views::take(3 * page)));
  EXPECT_EQ(copy_from_shared(shared->bytes().subspan(3 * page), copy).value(), 0U);
}

TEST(CopyFromShared, NeverFaultsWhileAPeerShrinksAndGrowsAndPunchesTheMemory) {
  constexpr std::size_t size = 64 * page;
  const Memfd memory = filled(size);
  auto shared = memory.map_read_only();
  ASSERT_TRUE(shared);
  auto peer = test::fork_child([&](test::Ready ready) {
    ready.say();
    while (true) {
      (void)::ftruncate(memory.descriptor(), 5 * page);
      (void)::ftruncate(memory.descriptor(), size);
      (void)::fallocate(memory.descriptor(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 9 * page);
    }
  });
  peer.wait_until_ready();
  std::vector<std::byte> copy(size);
  bool cut_short = false;
  for (int round = 0; round < 200'000 && !cut_short; ++round) {
    auto copied = copy_from_shared(shared->bytes(), copy);
    ASSERT_TRUE(copied) << copied.error().message();
    EXPECT_GE(*copied, 5 * page);
    cut_short = *copied < size;
  }
  EXPECT_TRUE(cut_short) << "the peer was never quick enough: this run proves nothing";
}

TEST(CopyToShared, WritesWhatFitsAndNothingBesideIt) {
  const Memfd memory = filled(4 * page);
  auto shared = memory.map_read_write();
  ASSERT_TRUE(shared);
  auto expected = test::test_pattern(4 * page);
  const auto data = test::test_pattern(2 * page + 5, 2);
  std::ranges::copy(data, expected.begin() + 7);
  auto copied = copy_to_shared(data, shared->bytes().subspan(7));
  ASSERT_TRUE(copied) << copied.error().message();
  EXPECT_EQ(*copied, data.size());
  EXPECT_TRUE(std::ranges::equal(shared->bytes(), expected));
  EXPECT_EQ(copy_to_shared(data, shared->bytes().last(3)).value(), 3U);
  EXPECT_EQ(copy_to_shared({}, shared->bytes()).value(), 0U);
}

TEST(CopyToShared, EndsAtThePageThatAPeerHasCutOffWithoutAFault) {
  const Memfd memory = filled(8 * page);
  auto shared = memory.map_read_write();
  ASSERT_TRUE(shared);
  auto peer = test::fork_child([&](test::Ready) { ASSERT_EQ(::ftruncate(memory.descriptor(), 3 * page), 0); });
  ASSERT_TRUE(peer.wait().success());

  const auto data = test::test_pattern(8 * page, 2);
  EXPECT_EQ(copy_to_shared(data, shared->bytes()).value(), 3 * page);
  EXPECT_TRUE(std::ranges::equal(shared->bytes().first(3 * page), data | std::views::take(3 * page)));
  EXPECT_EQ(copy_to_shared(data, shared->bytes().subspan(3 * page)).value(), 0U);
  EXPECT_EQ(memory.size().value(), Bytes{3 * page}) << "writing must not make the memory longer";
}

TEST(CopyToShared, NeverFaultsWhileAPeerShrinksAndGrowsTheMemory) {
  constexpr std::size_t size = 64 * page;
  const Memfd memory = filled(size);
  auto shared = memory.map_read_write();
  ASSERT_TRUE(shared);
  auto peer = test::fork_child([&](test::Ready ready) {
    ready.say();
    while (true) {
      (void)::ftruncate(memory.descriptor(), 5 * page);
      (void)::ftruncate(memory.descriptor(), size);
    }
  });
  peer.wait_until_ready();
  const auto data = test::test_pattern(size, 2);
  bool cut_short = false;
  for (int round = 0; round < 200'000 && !cut_short; ++round) {
    auto copied = copy_to_shared(data, shared->bytes());
    ASSERT_TRUE(copied) << copied.error().message();
    EXPECT_GE(*copied, 5 * page);
    cut_short = *copied < size;
  }
  EXPECT_TRUE(cut_short) << "the peer was never quick enough: this run proves nothing";
}

TEST(CopyToShared, MemoryMappedForReadingOnlyTakesNothing) {
  const Memfd memory = filled(page);
  auto shared = memory.map_read_only();
  ASSERT_TRUE(shared);
  const std::span writable{const_cast<std::byte*>(shared->bytes().data()), page};
  EXPECT_EQ(copy_to_shared(test::test_pattern(page, 2), writable).value(), 0U);
  EXPECT_TRUE(std::ranges::equal(shared->bytes(), test::test_pattern(page)));
}

TEST(CopyFromShared, AnUnmappedAddressCopiesNothing) {
  void* gone = ::mmap(nullptr, 2 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(gone, MAP_FAILED);
  ASSERT_EQ(::munmap(static_cast<std::byte*>(gone) + page, page), 0);
  std::vector<std::byte> copy(2 * page);
  const std::span<const std::byte> range{static_cast<const std::byte*>(gone), 2 * page};
  EXPECT_EQ(copy_from_shared(range, copy).value(), page);
  ASSERT_EQ(::munmap(gone, page), 0);
  EXPECT_EQ(copy_from_shared(range, copy).value(), 0U);
}

}  // namespace
}  // namespace ginnel
