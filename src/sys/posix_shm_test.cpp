#include "ginnel/sys/posix_shm.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>

#include "support/child_process.hpp"
#include "support/scratch.hpp"
#include "support/signal_storm.hpp"

namespace ginnel {
namespace {

using Access = PosixShm::Access;

std::string path_of(const std::string& name) { return "/dev/shm" + name; }

/// A name that is free, and is free again at the end of the test.
class ShmName {
 public:
  ShmName() : name_{test::unique_name()} {}
  ShmName(const ShmName&) = delete;
  ShmName& operator=(const ShmName&) = delete;
  ~ShmName() { ::unlink(path_of(name_).c_str()); }
  [[nodiscard]] const std::string& get() const { return name_; }

 private:
  std::string name_;
};

bool contains(const Error& error, std::string_view text) { return error.hint().find(text) != std::string::npos; }

struct stat status_of(const std::string& name) {
  struct stat status{};
  EXPECT_EQ(::lstat(path_of(name).c_str(), &status), 0);
  return status;
}

TEST(PosixShm, WhatOneProcessWritesAnotherReadsAfterTheFirstHasEnded) {
  const ShmName name;
  const auto sent = test::test_pattern(300'000);
  auto writer = test::fork_child([&](test::Ready) {
    auto shm = PosixShm::create(name.get(), Bytes{sent.size()});
    ASSERT_TRUE(shm) << shm.error().message();
    auto mapping = shm->map_read_write();
    ASSERT_TRUE(mapping) << mapping.error().message();
    EXPECT_TRUE(std::ranges::all_of(mapping->bytes(), [](std::byte byte) { return byte == std::byte{0}; }));
    std::ranges::copy(sent, mapping->bytes().begin());
  });
  ASSERT_TRUE(writer.wait().success());

  auto shm = PosixShm::open(name.get(), Access::read_only, ::geteuid());
  ASSERT_TRUE(shm) << shm.error().message();
  EXPECT_EQ(*shm->size(), Bytes{sent.size()});
  auto mapping = shm->map_read_only();
  ASSERT_TRUE(mapping) << mapping.error().message();
  EXPECT_TRUE(std::ranges::equal(mapping->bytes(), sent));
  auto refused = shm->map_read_write();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), EACCES);
  EXPECT_EQ(refused.error().object(), name.get());
}

TEST(PosixShm, IsTheSameObjectThatTheCLibraryMakesAndOpens) {
  const ShmName ours;
  auto shm = PosixShm::create(ours.get(), Bytes::kib(4));
  ASSERT_TRUE(shm);
  const UniqueFd theirs{::shm_open(ours.get().c_str(), O_RDWR, 0)};
  ASSERT_TRUE(theirs.valid());
  ASSERT_EQ(::pwrite(theirs.get(), "hi", 2, 0), 2);
  EXPECT_EQ(static_cast<char>(shm->map_read_only()->bytes()[1]), 'i');
  EXPECT_EQ(::fcntl(shm->descriptor(), F_GETFD), FD_CLOEXEC);

  const ShmName foreign;
  const UniqueFd made{::shm_open(foreign.get().c_str(), O_CREAT | O_EXCL | O_RDWR, 0600)};
  auto opened = PosixShm::open(foreign.get(), Access::read_write, ::geteuid());
  ASSERT_TRUE(opened) << opened.error().message();
  auto empty = opened->map_read_write();
  ASSERT_FALSE(empty) << "its maker has given it no size yet";
  EXPECT_EQ(empty.error().code(), EINVAL);
  EXPECT_NE(empty.error().hint().find("it is empty: uid " + std::to_string(::geteuid())), std::string::npos)
      << empty.error().message();
}

TEST(PosixShm, EveryPageIsAllocatedWhenItIsMade) {
  const ShmName name;
  ASSERT_TRUE(PosixShm::create(name.get(), Bytes{1'000'001}));
  EXPECT_GE(status_of(name.get()).st_blocks * 512, 1'000'001);
}

TEST(PosixShm, TheModeIsTheOneAskedForWhateverTheUmask) {
  const mode_t before = ::umask(0);
  const test::AtEnd restore{[before] { ::umask(before); }};
  for (const mode_t mask : {0U, 022U, 0777U}) {
    ::umask(mask);
    for (const mode_t mode : {0600U, 0640U, 0666U, 0400U}) {
      const ShmName name;
      ASSERT_TRUE(PosixShm::create(name.get(), Bytes{1}, mode));
      EXPECT_EQ(status_of(name.get()).st_mode & 07777U, mode) << std::oct << mask;
    }
  }
}

TEST(PosixShm, CreationNeverTakesWhatIsThere) {
  const ShmName name;
  auto first = PosixShm::create(name.get(), Bytes{10});
  ASSERT_TRUE(first);
  first->map_read_write()->bytes()[0] = std::byte{1};
  auto second = PosixShm::create(name.get(), Bytes{20});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), EEXIST);
  EXPECT_EQ(*first->size(), Bytes{10});
  EXPECT_EQ(first->map_read_only()->bytes()[0], std::byte{1});

  const ShmName dangling;
  ASSERT_EQ(::symlink("/dev/shm/ginnel-test-nowhere", path_of(dangling.get()).c_str()), 0);
  EXPECT_EQ(PosixShm::create(dangling.get(), Bytes{10}).error().code(), EEXIST);
  EXPECT_FALSE(std::filesystem::exists("/dev/shm/ginnel-test-nowhere"));
}

TEST(PosixShm, OnlyOneOfManyWhoRaceForANameMakesIt) {
  const ShmName name;
  std::vector<test::ChildProcess> racers;
  for (int i = 0; i < 8; ++i)
    racers.push_back(test::fork_child([&](test::Ready ready) {
      ready.say("here");
      ready.wait_for_release();
      auto made = PosixShm::create(name.get(), Bytes{100});
      ready.say(made ? "won" : errno_name(made.error().code()));
    }));
  for (auto& racer : racers) racer.wait_until_ready();
  for (auto& racer : racers) racer.release();
  int winners = 0;
  for (auto& racer : racers) {
    const std::string result = racer.next_line();
    if (result == "won")
      ++winners;
    else
      EXPECT_EQ(result, "EEXIST");
  }
  EXPECT_EQ(winners, 1);
}

TEST(PosixShm, KilledAtAnyMomentItsMakerLeavesAWholeObjectOrNone) {
  constexpr Bytes size = Bytes::kib(256);
  for (int round = 0; round < 40; ++round) {
    const ShmName name;
    auto maker = test::fork_child([&](test::Ready ready) {
      ready.say();
      while (true) {
        ASSERT_TRUE(PosixShm::create(name.get(), size, 0644));
        ASSERT_TRUE(PosixShm::unlink(name.get()));
      }
    });
    maker.wait_until_ready();
    auto seen = PosixShm::open(name.get(), Access::read_write, ::geteuid());
    for (int look = 0; look < round * 5; ++look) seen = PosixShm::open(name.get(), Access::read_write, ::geteuid());
    maker.kill_and_reap(SIGKILL);

    auto left = PosixShm::open(name.get(), Access::read_write, ::geteuid());
    for (const auto* shm : {&seen, &left}) {
      if (*shm) {
        struct stat status{};
        ASSERT_EQ(::fstat((*shm)->descriptor(), &status), 0);
        EXPECT_EQ((*shm)->size()->count(), size.count());
        EXPECT_GE(static_cast<std::uint64_t>(status.st_blocks) * 512, size.count());
        EXPECT_EQ(status.st_mode & 07777U, 0644U);
      } else {
        EXPECT_EQ(shm->error().code(), ENOENT) << shm->error().message();
      }
    }
  }
}

TEST(PosixShm, AFullFileSystemIsToldAtCreationAndLeavesNoName) {
  GINNEL_REQUIRE_ROOT();
  auto confined = test::fork_child([](test::Ready) {
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    ASSERT_EQ(::mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=64k"), 0);

    auto large = PosixShm::create("/large", Bytes::mib(1));
    ASSERT_FALSE(large);
    EXPECT_EQ(large.error().code(), ENOSPC);
    EXPECT_TRUE(contains(large.error(), "1M wanted, 64K free")) << large.error().message();
    EXPECT_TRUE(std::filesystem::is_empty("/dev/shm"));

    auto exact = PosixShm::create("/exact", Bytes::kib(64));
    ASSERT_TRUE(exact) << exact.error().message();
    auto mapping = exact->map_read_write();
    ASSERT_TRUE(mapping);
    std::ranges::fill(mapping->bytes(), std::byte{1});  // SIGBUS here were it not allocated

    auto one_more = PosixShm::create("/one-more", Bytes{1});
    ASSERT_FALSE(one_more);
    EXPECT_EQ(one_more.error().code(), ENOSPC);
    ASSERT_TRUE(PosixShm::unlink("/exact"));
    *mapping = std::move(*ReadWriteMapping::anonymous(Bytes{1}));
    exact = std::unexpected{Error{ENOENT, "drop"}};
    EXPECT_TRUE(PosixShm::create("/one-more", Bytes{1}));
  });
  EXPECT_TRUE(confined.wait().success());
}

TEST(PosixShm, MoreThanTheMachineOrTheProcessMayHaveIsRefusedBeforeAnythingIsTaken) {
  const ShmName name;
  auto huge = PosixShm::create(name.get(), Bytes::gib(1ULL << 20));
  ASSERT_FALSE(huge);
  EXPECT_EQ(huge.error().code(), ENOSPC);

  auto limited = test::fork_child([&](test::Ready) {
    const rlimit limit{.rlim_cur = 8192, .rlim_max = 8192};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    auto shm = PosixShm::create(name.get(), Bytes{8193});
    ASSERT_FALSE(shm);
    EXPECT_EQ(shm.error().code(), EFBIG);
    EXPECT_TRUE(contains(shm.error(), "RLIMIT_FSIZE 8192")) << shm.error().message();
    EXPECT_TRUE(PosixShm::create(name.get(), Bytes{8192}));
  });
  EXPECT_TRUE(limited.wait().success()) << "SIGXFSZ must not have been raised";
}

TEST(PosixShm, ALargeOneGetsMadeThroughAStormOfSignals) {
  const ShmName name;
  test::SignalStorm storm;
  const long before = test::SignalStorm::handled();
  auto shm = PosixShm::create(name.get(), Bytes::mib(128));
  ASSERT_TRUE(shm) << shm.error().message();
  EXPECT_GT(test::SignalStorm::handled(), before);
  EXPECT_GE(status_of(name.get()).st_blocks * 512, 128 << 20);
}

TEST(PosixShm, AnObjectOfAnotherUserIsNotTakenForOurs) {
  GINNEL_REQUIRE_ROOT();
  const ShmName name;
  auto squatter = test::fork_child_as(
      test::other_uid, [&](test::Ready) { ASSERT_TRUE(PosixShm::create(name.get(), Bytes{4096}, 0666)); });
  ASSERT_TRUE(squatter.wait().success());

  auto refused = PosixShm::open(name.get(), Access::read_write, ::geteuid());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), EPERM);
  EXPECT_TRUE(contains(refused.error(), "65534")) << refused.error().message();
  EXPECT_TRUE(PosixShm::open(name.get(), Access::read_write, test::other_uid));
  EXPECT_EQ(PosixShm::create(name.get(), Bytes{1}).error().code(), EEXIST);
}

TEST(PosixShm, AnotherUserIsToldWhyItMayNeitherOpenNorUnlink) {
  GINNEL_REQUIRE_ROOT();
  const ShmName name;
  ASSERT_TRUE(PosixShm::create(name.get(), Bytes{4096}, 0600));
  auto stranger = test::fork_child_as(test::other_uid, [&](test::Ready) {
    auto opened = PosixShm::open(name.get(), Access::read_only);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code(), EACCES);
    EXPECT_TRUE(contains(opened.error(), "uid 0 and has mode 0600")) << opened.error().message();
    auto unlinked = PosixShm::unlink(name.get());
    ASSERT_FALSE(unlinked);
    EXPECT_EQ(unlinked.error().code(), EACCES);
    EXPECT_TRUE(contains(unlinked.error(), "owner")) << unlinked.error().message();
  });
  EXPECT_TRUE(stranger.wait().success());
}

TEST(PosixShm, LinksAreNeitherFollowedNorTrusted) {
  const ShmName real;
  const ShmName symbolic;
  const ShmName hard;
  ASSERT_TRUE(PosixShm::create(real.get(), Bytes{100}));
  ASSERT_EQ(::symlink(path_of(real.get()).c_str(), path_of(symbolic.get()).c_str()), 0);
  auto followed = PosixShm::open(symbolic.get(), Access::read_only);
  ASSERT_FALSE(followed);
  EXPECT_EQ(followed.error().code(), ELOOP);
  EXPECT_TRUE(contains(followed.error(), "symbolic link"));

  ASSERT_EQ(::link(path_of(real.get()).c_str(), path_of(hard.get()).c_str()), 0);
  auto linked = PosixShm::open(hard.get(), Access::read_only, ::geteuid());
  ASSERT_FALSE(linked);
  EXPECT_EQ(linked.error().code(), EPERM);
  EXPECT_TRUE(contains(linked.error(), "2 hard links")) << linked.error().message();
}

TEST(PosixShm, WhatIsNoMemoryIsRefusedAndAFifoDoesNotKeepUsWaiting) {
  const ShmName fifo;
  ASSERT_EQ(::mkfifo(path_of(fifo.get()).c_str(), 0600), 0);
  for (const Access access : {Access::read_only, Access::read_write}) {
    auto opened = PosixShm::open(fifo.get(), access);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code(), EINVAL);
  }
  const ShmName directory;
  ASSERT_EQ(::mkdir(path_of(directory.get()).c_str(), 0700), 0);
  const test::AtEnd remove{[&] { ::rmdir(path_of(directory.get()).c_str()); }};
  EXPECT_EQ(PosixShm::open(directory.get(), Access::read_only).error().code(), EINVAL);
}

TEST(PosixShm, NamesThatAreNoneAreRefused) {
  for (const std::string bad : {"", "/", "/a/b", "/..", "/.", "a/b"}) {
    EXPECT_EQ(PosixShm::create(bad, Bytes{1}).error().code(), EINVAL) << bad;
    EXPECT_EQ(PosixShm::open(bad, Access::read_only).error().code(), EINVAL) << bad;
    EXPECT_EQ(PosixShm::unlink(bad).error().code(), EINVAL) << bad;
  }
  std::string too_long(257, 'x');
  too_long.front() = '/';
  EXPECT_EQ(PosixShm::create(too_long, Bytes{1}).error().code(), ENAMETOOLONG);
  EXPECT_EQ(PosixShm::create(test::unique_name(), Bytes{0}).error().code(), EINVAL);
  EXPECT_EQ(PosixShm::open(test::unique_name(), Access::read_only).error().code(), ENOENT);
  EXPECT_EQ(PosixShm::unlink(test::unique_name()).error().code(), ENOENT);
}

TEST(PosixShm, TheMemoryOutlivesItsNameAndLeavesNoDescriptor) {
  const auto before = test::open_descriptors();
  {
    const ShmName name;
    auto shm = PosixShm::create(name.get(), Bytes{4096});
    ASSERT_TRUE(shm);
    ASSERT_TRUE(PosixShm::unlink(name.get()));
    auto mapping = shm->map_read_write();
    ASSERT_TRUE(mapping);
    mapping->bytes()[4095] = std::byte{1};
    EXPECT_EQ(PosixShm::open(name.get(), Access::read_only).error().code(), ENOENT);
    (void)PosixShm::create("/a/b", Bytes{1});
    (void)PosixShm::create(name.get(), Bytes{0});
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

}  // namespace
}  // namespace ginnel
