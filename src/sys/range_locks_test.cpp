#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <stdexcept>

#include "ginnel/sys/file_lock.hpp"
#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"
#include "support/signal_storm.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

constexpr ByteRange whole{};

class RangeLocksTest : public ::testing::Test {
 protected:
  [[nodiscard]] RangeLocks open() const {
    auto locks = RangeLocks::open(path_);
    if (!locks) throw std::runtime_error{locks.error().message()};
    return std::move(*locks);
  }
  test::ScratchDirectory scratch_;
  std::string path_ = scratch_.file("data");
};

bool locks_now(RangeLocks& locks, ByteRange range, LockMode mode = LockMode::exclusive) {
  auto outcome = locks.lock(range, mode, Deadline::immediately());
  EXPECT_TRUE(outcome) << outcome.error().message();
  return outcome && outcome->is<Done>();
}

TEST_F(RangeLocksTest, OverlapsExcludeAndNeighboursDoNot) {
  RangeLocks mine = open();
  RangeLocks other = open();  // the same process, and another owner all the same
  ASSERT_TRUE(locks_now(mine, {.start = 10, .length = 10}));
  EXPECT_TRUE(locks_now(other, {.start = 0, .length = 10}));
  EXPECT_TRUE(locks_now(other, {.start = 20, .length = 5}));
  EXPECT_FALSE(locks_now(other, {.start = 19, .length = 1}));
  EXPECT_FALSE(locks_now(other, {.start = 5, .length = 6}));
  EXPECT_FALSE(locks_now(other, whole));
}

TEST_F(RangeLocksTest, UnlockingAPartLeavesTheTwoSidesLocked) {
  RangeLocks mine = open();
  RangeLocks other = open();
  ASSERT_TRUE(locks_now(mine, {.start = 0, .length = 30}));
  ASSERT_TRUE(mine.unlock({.start = 10, .length = 10}));
  EXPECT_TRUE(locks_now(other, {.start = 10, .length = 10}));
  EXPECT_FALSE(locks_now(other, {.start = 9, .length = 1}));
  EXPECT_FALSE(locks_now(other, {.start = 20, .length = 1}));
}

TEST_F(RangeLocksTest, LengthZeroReachesPastEveryGrowth) {
  RangeLocks mine = open();
  RangeLocks other = open();
  ASSERT_TRUE(locks_now(mine, {.start = 100, .length = 0}));
  EXPECT_FALSE(locks_now(other, {.start = std::int64_t{1} << 40, .length = 1}));
  EXPECT_TRUE(locks_now(other, {.start = 0, .length = 100}));
}

TEST_F(RangeLocksTest, SharedOnesGoTogetherAndAPartIsConverted) {
  RangeLocks mine = open();
  RangeLocks other = open();
  ASSERT_TRUE(locks_now(mine, {.start = 0, .length = 30}, LockMode::shared));
  EXPECT_TRUE(locks_now(other, {.start = 0, .length = 10}, LockMode::shared));
  EXPECT_FALSE(locks_now(other, {.start = 0, .length = 10}));
  ASSERT_TRUE(locks_now(mine, {.start = 20, .length = 10}));
  EXPECT_FALSE(locks_now(other, {.start = 25, .length = 1}, LockMode::shared));
  EXPECT_TRUE(locks_now(other, {.start = 10, .length = 10}, LockMode::shared));
}

TEST_F(RangeLocksTest, AConflictIsTold) {
  RangeLocks mine = open();
  RangeLocks other = open();
  ASSERT_TRUE(locks_now(mine, {.start = 8, .length = 4}, LockMode::shared));
  auto none = other.conflict({.start = 8, .length = 4}, LockMode::shared);
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->has_value());
  auto own = mine.conflict(whole, LockMode::exclusive);
  ASSERT_TRUE(own);
  EXPECT_FALSE(own->has_value());

  auto found = other.conflict(whole, LockMode::exclusive);
  ASSERT_TRUE(found && found->has_value());
  EXPECT_EQ((*found)->range, (ByteRange{.start = 8, .length = 4}));
  EXPECT_EQ((*found)->mode, LockMode::shared);
  EXPECT_EQ((*found)->pid, std::nullopt);
}

TEST_F(RangeLocksTest, APosixLockOfAnotherProcessStandsInTheWayAndIsToldWithItsPid) {
  RangeLocks mine = open();
  auto holder = test::fork_child([&](test::Ready ready) {
    const UniqueFd file{::open(path_.c_str(), O_RDWR | O_CLOEXEC)};
    struct flock lock{};
    lock.l_type = F_WRLCK;
    lock.l_start = 3;
    ASSERT_EQ(::fcntl(file.get(), F_SETLK, &lock), 0);
    ready.say();
    ready.stay();
  });
  holder.wait_until_ready();
  EXPECT_FALSE(locks_now(mine, whole));
  auto found = mine.conflict(whole, LockMode::exclusive);
  ASSERT_TRUE(found && found->has_value());
  EXPECT_EQ((*found)->pid, holder.pid());
  EXPECT_EQ((*found)->range, (ByteRange{.start = 3, .length = 0}));

  auto holders = lock_holders(path_);
  ASSERT_TRUE(holders);
  ASSERT_EQ(holders->holders.size(), 1U);
  EXPECT_EQ(holders->holders[0].kind, LockHolder::Kind::posix);
  EXPECT_EQ(holders->holders[0].pid, holder.pid());
}

TEST_F(RangeLocksTest, StandThoughAnotherDescriptorOfTheFileIsClosed) {
  RangeLocks mine = open();
  ASSERT_TRUE(locks_now(mine, whole));
  {
    RangeLocks closed_again = open();
  }
  ASSERT_EQ(::close(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)), 0);
  auto other = test::fork_child([&](test::Ready) {
    RangeLocks stranger = open();
    EXPECT_FALSE(locks_now(stranger, whole));
  });
  EXPECT_TRUE(other.wait().success());
}

TEST_F(RangeLocksTest, AForkedChildThatKeepsTheDescriptorKeepsTheLock) {
  std::optional<test::ChildProcess> heir;
  {
    RangeLocks mine = open();
    ASSERT_TRUE(locks_now(mine, whole));
    heir.emplace(test::fork_child([&](test::Ready ready) {
      ready.say();
      ready.stay();
    }));
    heir->wait_until_ready();
  }
  RangeLocks other = open();
  EXPECT_FALSE(locks_now(other, whole));
  heir->kill_and_reap(SIGKILL);
  EXPECT_TRUE(locks_now(other, whole));
}

TEST_F(RangeLocksTest, AKilledHolderLeavesTheRangeToTheOneThatWaits) {
  for (const bool with_deadline : {false, true}) {
    auto holder = test::fork_child([&](test::Ready ready) {
      RangeLocks locks = open();
      ASSERT_TRUE(locks_now(locks, {.start = 5, .length = 5}));
      ready.say();
      ready.stay();
    });
    holder.wait_until_ready();
    auto waiter = test::fork_child([&](test::Ready) {
      test::SignalStorm storm;
      RangeLocks locks = open();
      auto got = locks.lock(whole, LockMode::exclusive, with_deadline ? Deadline::after(20s) : Deadline::never());
      ASSERT_TRUE(got);
      EXPECT_TRUE(got->is<Done>());
    });
    test::wait_until_blocked_in(waiter.pid(), with_deadline ? SYS_clock_nanosleep : SYS_fcntl);
    holder.kill_and_reap(SIGKILL);
    EXPECT_TRUE(waiter.wait().success());
  }
}

TEST_F(RangeLocksTest, GiveUpAtTheirDeadlineAndNotBefore) {
  RangeLocks mine = open();
  RangeLocks other = open();
  ASSERT_TRUE(locks_now(mine, whole));
  const auto before = Deadline::Clock::now();
  auto late = other.lock(whole, LockMode::shared, Deadline::after(30ms));
  ASSERT_TRUE(late);
  EXPECT_TRUE(late->is<TimedOut>());
  EXPECT_GE(Deadline::Clock::now() - before, 30ms);
}

TEST_F(RangeLocksTest, RangesThatAreNoneAreRefused) {
  RangeLocks locks = open();
  for (const ByteRange range : {ByteRange{.start = -1, .length = 1}, ByteRange{.start = 5, .length = -1}}) {
    auto refused = locks.lock(range, LockMode::shared, Deadline::immediately());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EINVAL);
    EXPECT_EQ(locks.unlock(range).error().code(), EINVAL);
    EXPECT_EQ(locks.conflict(range, LockMode::shared).error().code(), EINVAL);
  }
  constexpr std::int64_t most = INT64_MAX;
  auto past_the_end = locks.lock({.start = most, .length = 2}, LockMode::shared, Deadline::immediately());
  ASSERT_FALSE(past_the_end);
  EXPECT_EQ(past_the_end.error().code(), EOVERFLOW);
}

TEST_F(RangeLocksTest, AFileThatMayOnlyBeReadCanBeLockedSharedAndTheErrorSaysSo) {
  GINNEL_REQUIRE_ROOT();
  std::filesystem::permissions(scratch_.path(), std::filesystem::perms{0711});
  {
    RangeLocks made = open();
  }
  ASSERT_EQ(::chmod(path_.c_str(), 0644), 0);
  auto other = test::fork_child_as(test::other_uid, [&](test::Ready) {
    RangeLocks locks = open();
    EXPECT_TRUE(locks_now(locks, whole, LockMode::shared));
    auto refused = locks.lock(whole, LockMode::exclusive, Deadline::immediately());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EBADF);
    EXPECT_NE(refused.error().message().find("opened for reading only"), std::string::npos);
  });
  EXPECT_TRUE(other.wait().success());
}

TEST_F(RangeLocksTest, ADirectoryIsRefused) {
  auto refused = RangeLocks::open(scratch_.path());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), EISDIR);
}

}  // namespace
}  // namespace ginnel
