#include "ginnel/sys/memfd.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>

#include "ginnel/sys/io.hpp"
#include "support/child_process.hpp"
#include "support/fuse_file.hpp"
#include "support/scratch.hpp"
#include "support/signal_storm.hpp"

namespace ginnel {
namespace {

constexpr Bytes no_cap{UINT64_MAX};

Memfd make(Bytes size) {
  auto memory = Memfd::create("ginnel-test", size);
  EXPECT_TRUE(memory) << memory.error().message();
  return std::move(*memory);
}

UniqueFd duplicate(int fd) { return UniqueFd{::fcntl(fd, F_DUPFD_CLOEXEC, 0)}; }

bool hint_has(const Error& error, std::string_view text) { return error.hint().find(text) != std::string::npos; }

bool punch(int fd, Bytes size) {
  return ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size.count())) == 0;
}

TEST(Memfd, CarriesBytesToAChildThatInheritsIt) {
  Memfd memory = make(Bytes::kib(64));
  const auto sent = test::test_pattern(65536);
  auto writer = test::fork_child([&](test::Ready) {
    auto mapping = memory.map_read_write();
    ASSERT_TRUE(mapping) << mapping.error().message();
    std::ranges::copy(sent, mapping->bytes().begin());
  });
  ASSERT_TRUE(writer.wait().success());
  auto mapping = memory.map_read_only();
  ASSERT_TRUE(mapping) << mapping.error().message();
  EXPECT_TRUE(std::ranges::equal(mapping->bytes(), sent));
}

TEST(Memfd, IsAllocatedSealableClosedOnExecAndNotExecutable) {
  Memfd memory = make(Bytes{100'001});
  struct stat status{};
  ASSERT_EQ(::fstat(memory.descriptor(), &status), 0);
  EXPECT_EQ(status.st_size, 100'001);
  EXPECT_GE(status.st_blocks * 512, 100'001);
  EXPECT_EQ(::fcntl(memory.descriptor(), F_GETFD), FD_CLOEXEC);
  EXPECT_FALSE(contains(*memory.seals(), Seals::seal));
  // Linux before 6.3 has no such seal, and makes every memfd executable.
  if (contains(*memory.seals(), Seals::exec)) {
    EXPECT_EQ(status.st_mode & 0111U, 0U);
  }
  EXPECT_EQ(*descriptor_kind(memory.descriptor()), DescriptorKind::memfd);
}

TEST(Memfd, EmptyImpossibleAndBadlyNamedOnesAreRefused) {
  EXPECT_EQ(Memfd::create("empty", Bytes{0}).error().code(), EINVAL);
  auto long_name = Memfd::create(std::string(250, 'x'), Bytes{1});
  ASSERT_FALSE(long_name);
  EXPECT_EQ(long_name.error().code(), EINVAL);
  EXPECT_TRUE(hint_has(long_name.error(), "249"));
  auto huge = Memfd::create("huge", Bytes::gib(1ULL << 20));
  ASSERT_FALSE(huge);
  EXPECT_EQ(huge.error().code(), ENOMEM);
  EXPECT_TRUE(hint_has(huge.error(), "available on this machine")) << huge.error().message();
}

TEST(Memfd, ALargeOneGetsMadeThroughAStormOfSignals) {
  test::SignalStorm storm;
  const long before = test::SignalStorm::handled();
  Memfd memory = make(Bytes::mib(128));
  EXPECT_GT(test::SignalStorm::handled(), before);
}

TEST(Memfd, NobodyCanResizeOrWriteOnceSealed) {
  Memfd memory = make(Bytes::kib(8));
  ASSERT_TRUE(memory.add_seals(Seals::shrink | Seals::grow | Seals::write));
  EXPECT_TRUE(contains(*memory.seals(), Seals::shrink | Seals::grow | Seals::write));
  auto attacker = test::fork_child([&](test::Ready) {
    const int fd = memory.descriptor();
    EXPECT_EQ(::ftruncate(fd, 4096), -1);
    EXPECT_EQ(errno, EPERM);
    EXPECT_EQ(::ftruncate(fd, 16384), -1);
    EXPECT_EQ(errno, EPERM);
    EXPECT_EQ(::pwrite(fd, "x", 1, 0), -1);
    EXPECT_EQ(errno, EPERM);
    EXPECT_FALSE(punch(fd, Bytes::kib(4)));
    EXPECT_EQ(errno, EPERM);
    EXPECT_EQ(memory.map_read_write().error().code(), EPERM);
    const UniqueFd again{::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDWR | O_CLOEXEC)};
    EXPECT_EQ(::pwrite(again.get(), "x", 1, 0), -1);
    auto reader = memory.map_read_only();
    ASSERT_TRUE(reader) << reader.error().message();
    EXPECT_EQ(::mprotect(const_cast<std::byte*>(reader->bytes().data()), 4096, PROT_READ | PROT_WRITE), -1);
    EXPECT_EQ(errno, EACCES);
  });
  EXPECT_TRUE(attacker.wait().success());
}

TEST(Memfd, SealingAgainstWritingWaitsForNobodyButTellsThatSomebodyStillMayWrite) {
  Memfd memory = make(Bytes::kib(4));
  auto mapping = memory.map_read_write();
  ASSERT_TRUE(mapping);
  auto busy = memory.add_seals(Seals::write);
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code(), EBUSY);
  EXPECT_TRUE(hint_has(busy.error(), "future_write"));

  mapping = std::unexpected{Error{ENOENT, "unmap"}};
  EXPECT_TRUE(memory.add_seals(Seals::write));
}

TEST(Memfd, FutureWriteLeavesEarlierMappingsWritableAndNoOther) {
  Memfd memory = make(Bytes::kib(4));
  auto early = memory.map_read_write();
  ASSERT_TRUE(early);
  ASSERT_TRUE(memory.add_seals(Seals::future_write));
  early->bytes()[0] = std::byte{42};
  auto reader = memory.map_read_only();
  ASSERT_TRUE(reader) << reader.error().message();
  EXPECT_EQ(reader->bytes()[0], std::byte{42});

  EXPECT_EQ(memory.map_read_write().error().code(), EPERM);
  EXPECT_EQ(::pwrite(memory.descriptor(), "x", 1, 0), -1);
  EXPECT_EQ(::mprotect(const_cast<std::byte*>(reader->bytes().data()), 4096, PROT_READ | PROT_WRITE), -1);
}

TEST(Memfd, HolesAreStoppedByTheSealsAgainstWritingOnly) {
  const auto punched = [](Seals seals) {
    Memfd memory = make(Bytes::kib(4));
    EXPECT_EQ(::pwrite(memory.descriptor(), "x", 1, 0), 1);
    EXPECT_TRUE(memory.add_seals(seals));
    const bool done = punch(memory.descriptor(), Bytes::kib(4));
    EXPECT_EQ(static_cast<char>(memory.map_read_only()->bytes()[0]), done ? '\0' : 'x');
    return done;
  };
  EXPECT_TRUE(punched(Seals::shrink | Seals::grow));
  EXPECT_FALSE(punched(Seals::write));
  EXPECT_FALSE(punched(Seals::future_write));
}

TEST(Memfd, NoSealCanBeAddedAfterTheLast) {
  Memfd memory = make(Bytes::kib(4));
  ASSERT_TRUE(memory.add_seals(Seals::shrink | Seals::seal));
  auto refused = memory.add_seals(Seals::grow);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), EPERM);
  EXPECT_FALSE(contains(*memory.seals(), Seals::grow));
  EXPECT_EQ(to_string(Seals::shrink | Seals::seal), "seal|shrink");
  EXPECT_EQ(to_string(Seals::none), "none");
}

TEST(Memfd, AdoptsOneThatHoldsWhatItPromises) {
  Memfd memory = make(Bytes::kib(64));
  ASSERT_TRUE(memory.add_seals(Seals::shrink | Seals::grow | Seals::future_write));
  auto adopted = Memfd::adopt(std::move(memory).release(), Seals::shrink | Seals::future_write, Bytes::kib(64));
  ASSERT_TRUE(adopted) << adopted.error().message();
  EXPECT_EQ(*adopted->size(), Bytes::kib(64));
  EXPECT_TRUE(adopted->map_read_only());
}

TEST(Memfd, WhatAStrangerMayHandOverInsteadIsRefusedAndClosed) {
  const auto before = test::open_descriptors();
  {
    const test::ScratchDirectory scratch;
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const UniqueFd write_end{ends[1]};
    const std::string file = scratch.file("x");
    const std::string in_shm = "/dev/shm" + test::unique_name();
    const test::AtEnd remove{[&] { ::unlink(in_shm.c_str()); }};
    struct Case {
      const char* what;
      int fd;
    };
    for (const Case& bad : {Case{"pipe", ends[0]}, Case{"directory", ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)},
                            Case{"file", ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)},
                            Case{"posix shm", ::open(in_shm.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)},
                            Case{"character device", ::open("/dev/zero", O_RDWR | O_CLOEXEC)}}) {
      ASSERT_GE(bad.fd, 0) << bad.what;
      auto adopted = Memfd::adopt(UniqueFd{bad.fd}, Seals::none, no_cap);
      ASSERT_FALSE(adopted) << bad.what;
      EXPECT_EQ(adopted.error().code(), EINVAL) << bad.what;
      EXPECT_TRUE(hint_has(adopted.error(), bad.what)) << adopted.error().message();
    }
    EXPECT_EQ(Memfd::adopt(UniqueFd{}, Seals::none, no_cap).error().code(), EBADF);
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(Memfd, AFuseFileIsRefusedWithoutAQuestionToItsServer) {
  const auto file = test::FuseFile::open();
  if (!file) GTEST_SKIP() << "no FUSE file can be had here";
  auto adopted = Memfd::adopt(file->duplicate(), Seals::none, no_cap);
  ASSERT_FALSE(adopted);
  EXPECT_EQ(adopted.error().code(), EINVAL);
  EXPECT_EQ(file->questions(), 0);
}

TEST(Memfd, AMissingSealIsNamed) {
  Memfd memory = make(Bytes::kib(4));
  ASSERT_TRUE(memory.add_seals(Seals::grow));
  auto adopted = Memfd::adopt(duplicate(memory.descriptor()), Seals::shrink | Seals::grow | Seals::write, no_cap);
  ASSERT_FALSE(adopted);
  EXPECT_EQ(adopted.error().code(), EPERM);
  EXPECT_TRUE(hint_has(adopted.error(), "missing: shrink|write")) << adopted.error().message();
}

TEST(Memfd, OneTooLargeEmptyOrSparseIsRefusedBeforeItIsMapped) {
  Memfd large = make(Bytes{4097});
  auto over = Memfd::adopt(duplicate(large.descriptor()), Seals::none, Bytes{4096});
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code(), EFBIG);
  EXPECT_TRUE(hint_has(over.error(), "4097") && hint_has(over.error(), "4K")) << over.error().message();
  EXPECT_TRUE(Memfd::adopt(duplicate(large.descriptor()), Seals::none, Bytes{4097}));

  const auto foreign = [](off_t size) {
    UniqueFd file{::memfd_create("foreign", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    EXPECT_EQ(::ftruncate(file.get(), size), 0);
    EXPECT_EQ(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    return file;
  };
  EXPECT_EQ(Memfd::adopt(foreign(0), Seals::shrink, no_cap).error().code(), ENODATA);
  auto sparse = Memfd::adopt(foreign(off_t{1} << 40), Seals::shrink, no_cap);
  ASSERT_FALSE(sparse);
  EXPECT_EQ(sparse.error().code(), ENODATA);
  EXPECT_TRUE(hint_has(sparse.error(), "only 0 of its 1T")) << sparse.error().message();
  EXPECT_EQ(Memfd::adopt(foreign(off_t{1} << 40), Seals::shrink, Bytes::gib(1)).error().code(), EFBIG);
}

TEST(HugePages, AreGivenOrTheErrorTellsHowToGetThem) {
  auto free = free_huge_pages(HugePages::mib2);
  if (!free) {
    EXPECT_EQ(free.error().code(), ENOENT) << free.error().message();
    GTEST_SKIP() << "no huge pages of 2 MiB on this machine";
  }
  auto memory = Memfd::create("huge", Bytes::mib(4), HugePages::mib2);
  if (*free >= 2) {
    ASSERT_TRUE(memory) << memory.error().message();
    auto mapping = memory->map_read_write();
    ASSERT_TRUE(mapping) << mapping.error().message();
    std::ranges::fill(mapping->bytes(), std::byte{1});
    EXPECT_EQ(ReadOnlyMapping::map(memory->descriptor(), Bytes::kib(4)).error().code(), EINVAL);
    EXPECT_EQ(*free_huge_pages(HugePages::mib2), *free - 2);
  } else {
    ASSERT_FALSE(memory);
    EXPECT_TRUE(memory.error().code() == ENOSPC || memory.error().code() == ENOMEM) << memory.error().message();
    EXPECT_TRUE(
        hint_has(memory.error(), "2 huge pages of 2M wanted, " + std::to_string(*free) + " free (vm.nr_hugepages"))
        << memory.error().message();
  }
  EXPECT_EQ(Memfd::create("odd", Bytes::mib(3), HugePages::mib2).error().code(), EINVAL);
}

}  // namespace
}  // namespace ginnel
