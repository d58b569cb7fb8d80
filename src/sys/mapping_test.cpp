#include "ginnel/sys/mapping.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <string>

#include "support/child_process.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

constexpr std::size_t page = 4096;

UniqueFd memory_file(std::size_t size) {
  UniqueFd file{::memfd_create("mapping-test", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  EXPECT_EQ(::ftruncate(file.get(), static_cast<off_t>(size)), 0);
  return file;
}

/// The line of /proc/self/maps for an address: its permissions, or nothing when it is not mapped.
std::string permissions_at(const void* address) {
  std::ifstream maps{"/proc/self/maps"};
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  for (std::string line; std::getline(maps, line);) {
    char* rest = nullptr;
    const auto begin = std::strtoull(line.c_str(), &rest, 16);
    const auto end = std::strtoull(rest + 1, &rest, 16);
    if (wanted >= begin && wanted < end) return std::string{rest + 1, 4};
  }
  return {};
}

TEST(Mapping, WhatOneProcessWritesAnotherReads) {
  UniqueFd file = memory_file(3 * page);
  auto writer = test::fork_child([&](test::Ready) {
    auto mapping = ReadWriteMapping::map(file.get(), Bytes{3 * page});
    ASSERT_TRUE(mapping) << mapping.error().message();
    std::ranges::copy(test::test_pattern(3 * page), mapping->bytes().begin());
  });
  EXPECT_TRUE(writer.wait().success());

  auto mapping = ReadOnlyMapping::map(file.get(), Bytes{3 * page}, {.populate = true});
  ASSERT_TRUE(mapping) << mapping.error().message();
  EXPECT_TRUE(std::ranges::equal(mapping->bytes(), test::test_pattern(3 * page)));
  EXPECT_EQ(permissions_at(mapping->bytes().data()), "r--s");
}

TEST(Mapping, WritingThroughAReadOnlyViewIsAFault) {
  UniqueFd file = memory_file(page);
  auto intruder = test::fork_child([&](test::Ready) {
    auto mapping = ReadOnlyMapping::map(file.get(), Bytes{page});
    ASSERT_TRUE(mapping);
    (void)::signal(SIGSEGV, SIG_DFL);
    *const_cast<volatile std::byte*>(mapping->bytes().data()) = std::byte{1};
  });
  EXPECT_EQ(intruder.wait(), (ExitStatus{.how = ExitStatus::How::killed, .value = SIGSEGV}));
}

TEST(Mapping, StartsAtItsOffset) {
  UniqueFd file = memory_file(2 * page);
  ASSERT_EQ(::pwrite(file.get(), "second", 6, page), 6);
  auto mapping = ReadOnlyMapping::map(file.get(), Bytes{page}, {.offset = Bytes{page}});
  ASSERT_TRUE(mapping) << mapping.error().message();
  EXPECT_EQ(static_cast<char>(mapping->bytes()[0]), 's');
}

TEST(Mapping, ARangePastTheEndOfTheFileIsRefusedWithBothSizes) {
  UniqueFd file = memory_file(page + 100);
  struct Case {
    std::uint64_t size;
    std::uint64_t offset;
  };
  for (const Case& bad : {Case{page + 101, 0}, Case{101, page}, Case{1, 2 * page}, Case{UINT64_MAX, page},
                          Case{UINT64_MAX, 0}, Case{page, UINT64_MAX - page + 1}}) {
    auto reader = ReadOnlyMapping::map(file.get(), Bytes{bad.size}, {.offset = Bytes{bad.offset}});
    auto writer = ReadWriteMapping::map(file.get(), Bytes{bad.size}, {.offset = Bytes{bad.offset}});
    ASSERT_FALSE(reader) << bad.size << " at " << bad.offset;
    ASSERT_FALSE(writer) << bad.size << " at " << bad.offset;
    EXPECT_EQ(reader.error().code(), EINVAL);
    EXPECT_NE(reader.error().hint().find(std::to_string(bad.size)), std::string::npos) << reader.error().message();
    EXPECT_NE(reader.error().hint().find(std::to_string(page + 100)), std::string::npos) << reader.error().message();
  }
  EXPECT_TRUE(ReadOnlyMapping::map(file.get(), Bytes{page + 100}));
}

TEST(Mapping, EmptyAndUnalignedRangesAreRefused) {
  UniqueFd file = memory_file(2 * page);
  EXPECT_EQ(ReadOnlyMapping::map(file.get(), Bytes{0}).error().code(), EINVAL);
  EXPECT_EQ(ReadWriteMapping::anonymous(Bytes{0}).error().code(), EINVAL);
  auto unaligned = ReadOnlyMapping::map(file.get(), Bytes{10}, {.offset = Bytes{10}});
  ASSERT_FALSE(unaligned);
  EXPECT_EQ(unaligned.error().code(), EINVAL);
  EXPECT_NE(unaligned.error().hint().find("4096"), std::string::npos);
}

TEST(Mapping, DescriptorsThatCannotBeMappedAreRefusedByTheirErrno) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd read_end{ends[0]};
  const UniqueFd write_end{ends[1]};
  const UniqueFd directory{::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  EXPECT_EQ(ReadOnlyMapping::map(read_end.get(), Bytes{page}).error().code(), ENODEV);
  EXPECT_EQ(ReadOnlyMapping::map(directory.get(), Bytes{page}).error().code(), ENODEV);
  EXPECT_EQ(ReadOnlyMapping::map(-1, Bytes{page}).error().code(), EBADF);

  UniqueFd file = memory_file(page);
  const UniqueFd reader{::open(("/proc/self/fd/" + std::to_string(file.get())).c_str(), O_RDONLY | O_CLOEXEC)};
  auto refused = ReadWriteMapping::map(reader.get(), Bytes{page});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), EACCES);
  EXPECT_NE(refused.error().hint().find("O_RDWR"), std::string::npos);
}

TEST(Mapping, MemorySealedAgainstWritingCanBeReadAndNotBeWritten) {
  UniqueFd file = memory_file(page);
  ASSERT_EQ(::pwrite(file.get(), "x", 1, 0), 1);
  ASSERT_EQ(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE), 0);
  auto reader = ReadOnlyMapping::map(file.get(), Bytes{page});
  ASSERT_TRUE(reader) << reader.error().message();
  EXPECT_EQ(static_cast<char>(reader->bytes()[0]), 'x');

  auto writer = ReadWriteMapping::map(file.get(), Bytes{page});
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code(), EPERM);
  EXPECT_NE(writer.error().hint().find("read-only"), std::string::npos);
}

TEST(Mapping, WantOfAddressSpaceNamesTheLimits) {
  auto mapping = ReadWriteMapping::anonymous(Bytes{1ULL << 58});
  ASSERT_FALSE(mapping);
  EXPECT_EQ(mapping.error().code(), ENOMEM);
  EXPECT_NE(mapping.error().hint().find("RLIMIT_AS "), std::string::npos) << mapping.error().message();
  EXPECT_NE(mapping.error().hint().find("vm.max_map_count "), std::string::npos) << mapping.error().message();
}

TEST(Mapping, AnonymousMemoryIsSharedWithAChildInBothDirections) {
  auto shared = ReadWriteMapping::anonymous(Bytes{2 * page});
  ASSERT_TRUE(shared) << shared.error().message();
  EXPECT_TRUE(std::ranges::all_of(shared->bytes(), [](std::byte byte) { return byte == std::byte{0}; }));
  shared->bytes()[0] = std::byte{7};
  auto child = test::fork_child([&](test::Ready) {
    EXPECT_EQ(shared->bytes()[0], std::byte{7});
    shared->bytes()[page] = std::byte{8};
  });
  EXPECT_TRUE(child.wait().success());
  EXPECT_EQ(shared->bytes()[page], std::byte{8});
}

TEST(Mapping, IsGivenBackOnceAndByTheLastOwnerOnly) {
  const std::byte* first = nullptr;
  const std::byte* second = nullptr;
  {
    auto one = ReadWriteMapping::anonymous(Bytes{page});
    auto two = ReadWriteMapping::anonymous(Bytes{page});
    ASSERT_TRUE(one && two);
    first = one->bytes().data();
    second = two->bytes().data();

    ReadWriteMapping moved{std::move(*one)};
    EXPECT_TRUE(one->bytes().empty());
    EXPECT_EQ(moved.bytes().data(), first);
    moved = std::move(*two);
    EXPECT_EQ(permissions_at(first), "") << "what it held before must be unmapped by an assignment";
    EXPECT_EQ(moved.bytes().data(), second);
    auto& itself = moved;
    moved = std::move(itself);
    EXPECT_EQ(permissions_at(second), "rw-s");

    // Were one of the empty ones to unmap as well, this newcomer at an address already given back would go with it.
    void* newcomer = ::mmap(const_cast<std::byte*>(first), page, PROT_READ,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    ASSERT_EQ(newcomer, first);
    one = std::unexpected{Error{EINVAL, "drop"}};
    EXPECT_EQ(permissions_at(first), "r--p");
    ASSERT_EQ(::munmap(newcomer, page), 0);
  }
  EXPECT_EQ(permissions_at(second), "");
}

TEST(Mapping, OutlivesTheDescriptorAndKeepsNoneOpen) {
  const auto before = test::open_descriptors();
  UniqueFd file = memory_file(page);
  auto mapping = ReadWriteMapping::map(file.get(), Bytes{page});
  ASSERT_TRUE(mapping);
  file.reset();
  EXPECT_EQ(test::open_descriptors(), before);
  mapping->bytes()[page - 1] = std::byte{1};
  errno = EDOM;
  *mapping = std::move(*ReadWriteMapping::anonymous(Bytes{page}));
  EXPECT_EQ(errno, EDOM);
}

}  // namespace
}  // namespace ginnel
