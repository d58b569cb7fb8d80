#include "ginnel/sys/sysv_shm.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <sstream>

#include "support/child_process.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

/// A segment that is removed at the end of the test, however it ends.
class Segment {
 public:
  explicit Segment(Bytes size, std::optional<std::int32_t> key = std::nullopt, mode_t mode = 0600)
      : shm_{SysvShm::create(key, size, {.mode = mode})} {
    EXPECT_TRUE(shm_) << shm_.error().message();
  }
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;
  ~Segment() {
    if (shm_) (void)shm_->remove();
  }
  SysvShm& operator*() { return *shm_; }
  SysvShm* operator->() { return &*shm_; }

 private:
  Result<SysvShm> shm_;
};

bool hint_has(const Error& error, std::string_view text) { return error.hint().find(text) != std::string::npos; }

SysvName by_key(std::int32_t key) { return {.key = key, .id = std::nullopt}; }
SysvName by_id(int id) { return {.key = std::nullopt, .id = id}; }

/// Bytes of the segment that are in memory, as the kernel counts them.
std::uint64_t resident_bytes(int id) {
  std::ifstream table{"/proc/sysvipc/shm"};
  std::string line;
  std::getline(table, line);
  while (std::getline(table, line)) {
    std::istringstream fields{line};
    std::array<std::uint64_t, 15>
        field{};  // key shmid perms size cpid lpid nattch uid gid cuid cgid atime dtime ctime rss
    for (auto& value : field) fields >> value;
    if (field[1] == static_cast<std::uint64_t>(id)) return field[14];
  }
  return 0;
}

TEST(SysvShm, WhatOneProcessWritesAnotherReadsAfterTheFirstHasEnded) {
  const std::int32_t key = test::unique_key();
  Segment segment{Bytes{100'000}, key};
  const auto sent = test::test_pattern(100'000);
  auto writer = test::fork_child([&](test::Ready) {
    auto same = SysvShm::open(by_key(key));
    ASSERT_TRUE(same) << same.error().message();
    auto memory = same->attach_read_write();
    ASSERT_TRUE(memory) << memory.error().message();
    ASSERT_EQ(memory->bytes().size(), sent.size());
    std::ranges::copy(sent, memory->bytes().begin());
  });
  ASSERT_TRUE(writer.wait().success());
  auto memory = segment->attach_read_only();
  ASSERT_TRUE(memory) << memory.error().message();
  EXPECT_TRUE(std::ranges::equal(memory->bytes(), sent));
  EXPECT_EQ(SysvShm::open(by_id(segment->id()))->id(), segment->id());
}

TEST(SysvShm, WritingThroughAReadOnlyViewIsAFault) {
  Segment segment{Bytes::kib(4)};
  auto intruder = test::fork_child([&](test::Ready) {
    auto memory = segment->attach_read_only();
    ASSERT_TRUE(memory);
    (void)::signal(SIGSEGV, SIG_DFL);
    *const_cast<volatile std::byte*>(memory->bytes().data()) = std::byte{1};
  });
  EXPECT_EQ(intruder.wait(), (ExitStatus{.how = ExitStatus::How::killed, .value = SIGSEGV}));
}

TEST(SysvShm, EveryPageIsAllocatedWhenItIsMade) {
  const auto all = Bytes::mib(3);
  for (const mode_t mode : {0600U, 0400U}) {
    Segment segment{all, std::nullopt, mode};
    EXPECT_EQ(resident_bytes(segment->id()), all.count());
    EXPECT_EQ(segment->statistics()->attached, 0U);
  }
}

TEST(SysvShm, TheStatisticsTellSizeUsersAndTimes) {
  const mode_t before = ::umask(077);
  Segment segment{Bytes{5000}, std::nullopt, 0664};
  ::umask(before);
  auto fresh = segment->statistics();
  ASSERT_TRUE(fresh) << fresh.error().message();
  EXPECT_EQ(fresh->size, Bytes{5000});
  EXPECT_EQ(fresh->creator, ::getpid());
  EXPECT_EQ(fresh->mode, 0664U) << "the umask plays no part";
  EXPECT_EQ(fresh->owner, ::geteuid());
  EXPECT_GT(fresh->change_time, 1'600'000'000);
  EXPECT_FALSE(fresh->removal_pending);

  auto user = test::fork_child([&](test::Ready ready) {
    auto memory = segment->attach_read_only();
    ASSERT_TRUE(memory);
    ready.say();
    ready.stay();
  });
  user.wait_until_ready();
  EXPECT_EQ(segment->statistics()->attached, 1U);
  EXPECT_EQ(segment->statistics()->last_user, user.pid());
  user.kill_and_reap(SIGKILL);
  EXPECT_EQ(segment->statistics()->attached, 0U);
  EXPECT_GT(segment->statistics()->detach_time, 0);
}

TEST(SysvShm, AttachmentsEndOnceWithTheirOwner) {
  Segment segment{Bytes::kib(4)};
  {
    auto one = segment->attach_read_write();
    auto two = segment->attach_read_only();
    ASSERT_TRUE(one && two);
    EXPECT_EQ(segment->statistics()->attached, 2U);
    ReadWriteMapping moved{std::move(*one)};
    EXPECT_EQ(segment->statistics()->attached, 2U);
  }
  EXPECT_EQ(segment->statistics()->attached, 0U);
}

TEST(SysvShm, ARemovedSegmentStaysUsableByIdWhileSomebodyHoldsIt) {
  const std::int32_t key = test::unique_key();
  Segment segment{Bytes::kib(4), key};
  auto holder = segment->attach_read_write();
  ASSERT_TRUE(holder);
  ASSERT_TRUE(segment->remove());
  EXPECT_TRUE(segment->statistics()->removal_pending);
  EXPECT_EQ(SysvShm::open(by_key(key)).error().code(), ENOENT);

  holder->bytes()[0] = std::byte{9};
  auto late = segment->attach_read_only();
  ASSERT_TRUE(late) << late.error().message();
  EXPECT_EQ(late->bytes()[0], std::byte{9});

  holder = std::unexpected{Error{ENOENT, "detach"}};
  late = std::unexpected{Error{ENOENT, "detach"}};
  auto gone = segment->attach_read_only();
  ASSERT_FALSE(gone);
  EXPECT_TRUE(gone.error().code() == EINVAL || gone.error().code() == EIDRM);
  EXPECT_TRUE(hint_has(gone.error(), "removed")) << gone.error().message();
  EXPECT_FALSE(segment->remove());
}

TEST(SysvShm, CreationTakesWhatIsThereOnlyWhenAskedTo) {
  const std::int32_t key = test::unique_key();
  Segment segment{Bytes{5000}, key};
  auto second = SysvShm::create(key, Bytes{5000});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), EEXIST);

  auto same = SysvShm::create(key, Bytes{4000}, {.exclusive = false});
  ASSERT_TRUE(same) << same.error().message();
  EXPECT_EQ(same->id(), segment->id());
  auto larger = SysvShm::create(key, Bytes{20000}, {.exclusive = false});
  ASSERT_FALSE(larger);
  EXPECT_EQ(larger.error().code(), EINVAL);
  EXPECT_TRUE(hint_has(larger.error(), "5000") && hint_has(larger.error(), "20000")) << larger.error().message();
}

TEST(SysvShm, ManyWhoRaceForAKeyGetTheSameSegment) {
  const std::int32_t key = test::unique_key();
  const test::AtEnd clean{[key] {
    if (auto left = SysvShm::open(by_key(key))) (void)left->remove();
  }};
  std::vector<test::ChildProcess> racers;
  for (int i = 0; i < 8; ++i)
    racers.push_back(test::fork_child([key](test::Ready ready) {
      ready.say();
      ready.wait_for_release();
      auto shm = SysvShm::create(key, Bytes::kib(64), {.exclusive = false});
      ASSERT_TRUE(shm) << shm.error().message();
      ready.say(std::to_string(shm->id()));
    }));
  for (auto& racer : racers) racer.wait_until_ready();
  for (auto& racer : racers) racer.release();
  const std::string first = racers.front().next_line();
  for (std::size_t i = 1; i < racers.size(); ++i) EXPECT_EQ(racers[i].next_line(), first);
}

TEST(SysvShm, RequestsThatCannotBeAreRefused) {
  EXPECT_EQ(SysvShm::create(std::nullopt, Bytes{0}).error().code(), EINVAL);
  EXPECT_EQ(SysvShm::create(0, Bytes{1}).error().code(), EINVAL);
  EXPECT_EQ(SysvShm::create(std::nullopt, Bytes::gib(1ULL << 20)).error().code(), ENOMEM);
  EXPECT_EQ(SysvShm::open({}).error().code(), EINVAL);
  EXPECT_EQ(SysvShm::open(by_key(test::unique_key())).error().code(), ENOENT);
  EXPECT_EQ(SysvShm::open(by_id(-1)).error().code(), EINVAL);
}

TEST(SysvShm, EachLimitIsNamedWithItsValueWhenItIsMet) {
  GINNEL_REQUIRE_ROOT();
  auto confined = test::fork_child([](test::Ready) {
    ASSERT_EQ(::unshare(CLONE_NEWIPC), 0);  // limits of its own, and nothing to clean up
    const auto set = [](const char* name, const char* value) {
      std::ofstream{std::string{"/proc/sys/kernel/"} + name} << value << std::flush;
    };
    set("shmmax", "8192");
    auto large = SysvShm::create(std::nullopt, Bytes{8193});
    ASSERT_FALSE(large);
    EXPECT_EQ(large.error().code(), EINVAL);
    EXPECT_TRUE(hint_has(large.error(), "kernel.shmmax 8192")) << large.error().message();

    set("shmall", "3");
    ASSERT_TRUE(SysvShm::create(std::nullopt, Bytes{8192}));
    auto no_pages = SysvShm::create(std::nullopt, Bytes{8192});
    ASSERT_FALSE(no_pages);
    EXPECT_EQ(no_pages.error().code(), ENOSPC);
    EXPECT_TRUE(hint_has(no_pages.error(), "kernel.shmall 3 pages (2 in use)")) << no_pages.error().message();

    set("shmmni", "1");
    auto no_ids = SysvShm::create(std::nullopt, Bytes{1});
    ASSERT_FALSE(no_ids);
    EXPECT_EQ(no_ids.error().code(), ENOSPC);
    EXPECT_TRUE(hint_has(no_ids.error(), "kernel.shmmni 1 segments (1 in use)")) << no_ids.error().message();
  });
  EXPECT_TRUE(confined.wait().success());
}

TEST(SysvShm, AnotherUserIsRefusedWithAReason) {
  GINNEL_REQUIRE_ROOT();
  const std::int32_t key = test::unique_key();
  Segment segment{Bytes{100}, key, 0600};
  auto stranger = test::fork_child_as(test::other_uid, [&](test::Ready) {
    auto taken = SysvShm::create(key, Bytes{100}, {.exclusive = false});
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code(), EACCES);
    EXPECT_TRUE(hint_has(taken.error(), "no permission"));
    EXPECT_EQ(segment->attach_read_only().error().code(), EACCES);
    EXPECT_EQ(segment->statistics().error().code(), EACCES);
    EXPECT_EQ(SysvShm::open(by_id(segment->id())).error().code(), EACCES);
    auto removed = segment->remove();
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().code(), EPERM);
    EXPECT_TRUE(hint_has(removed.error(), "owner"));
  });
  EXPECT_TRUE(stranger.wait().success());
}

TEST(SysvShm, SharedCreationRefusesASegmentThatAnotherUserMadeFirst) {
  GINNEL_REQUIRE_ROOT();
  const std::int32_t key = test::unique_key();
  auto squatter = test::fork_child_as(
      test::other_uid, [&](test::Ready) { ASSERT_TRUE(SysvShm::create(key, Bytes{100}, {.mode = 0666})); });
  ASSERT_TRUE(squatter.wait().success());
  auto there = SysvShm::open(by_key(key));
  ASSERT_TRUE(there) << there.error().message();

  auto taken = SysvShm::create(key, Bytes{100}, {.exclusive = false});
  EXPECT_TRUE(there->remove());
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code(), EEXIST);
  EXPECT_TRUE(hint_has(taken.error(), "belongs to uid 65534")) << taken.error().message();
}

TEST(SysvShm, HugePagesAreGivenOrTheErrorTellsHowToGetThem) {
  auto free = free_huge_pages(HugePages::mib2);
  if (!free) GTEST_SKIP() << "no huge pages of 2 MiB on this machine";
  if (::geteuid() == 0) {
    auto shm = SysvShm::create(std::nullopt, Bytes::mib(4), {.huge = HugePages::mib2});
    if (*free >= 2) {
      ASSERT_TRUE(shm) << shm.error().message();
      EXPECT_TRUE(shm->remove());
    } else {
      ASSERT_FALSE(shm);
      EXPECT_EQ(shm.error().code(), ENOMEM);
      EXPECT_TRUE(hint_has(shm.error(), "vm.nr_hugepages")) << shm.error().message();
    }
    auto unprivileged = test::fork_child_as(test::other_uid, [](test::Ready) {
      auto refused = SysvShm::create(std::nullopt, Bytes::mib(2), {.huge = HugePages::mib2});
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code(), EPERM);
      EXPECT_TRUE(hint_has(refused.error(), "vm.hugetlb_shm_group")) << refused.error().message();
    });
    EXPECT_TRUE(unprivileged.wait().success());
  }
}

TEST(SysvShm, TheClassicToolsSeeAndRemoveOurs) {
  const std::int32_t key = test::unique_key();
  Segment segment{Bytes{12345}, key};
  const auto listed = test::run_program({"ipcs", "-m", "-i", std::to_string(segment->id())});
  EXPECT_TRUE(listed.status.success());
  EXPECT_NE(listed.output.find("bytes=12345"), std::string::npos) << listed.output;
  EXPECT_TRUE(test::run_program({"ipcrm", "-M", std::to_string(key)}).status.success());
  EXPECT_EQ(SysvShm::open(by_key(key)).error().code(), ENOENT);
}

TEST(SysvShm, OursOpensAndRemovesWhatTheClassicToolsMake) {
  const auto made = test::run_program({"ipcmk", "-M", "1M"});
  ASSERT_TRUE(made.status.success()) << made.errors;
  const int id = std::stoi(made.output.substr(made.output.find(": ") + 2));
  const test::AtEnd clean{[id] { ::shmctl(id, IPC_RMID, nullptr); }};
  auto shm = SysvShm::open(by_id(id));
  ASSERT_TRUE(shm) << shm.error().message();
  auto memory = shm->attach_read_write();
  ASSERT_TRUE(memory) << memory.error().message();
  EXPECT_EQ(memory->bytes().size(), 1U << 20);
  memory->bytes().back() = std::byte{1};
  memory = std::unexpected{Error{ENOENT, "detach"}};
  ASSERT_TRUE(shm->remove());
  EXPECT_FALSE(SysvShm::open(by_id(id)));
}

}  // namespace
}  // namespace ginnel
