#include "ginnel/sys/file_lock.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"
#include "support/signal_storm.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

FileLock must_lock(const std::string& path, LockMode mode = LockMode::exclusive) {
  auto outcome = FileLock::acquire(path, mode, Deadline::never());
  if (!outcome) throw std::runtime_error{outcome.error().message()};
  return std::move(*outcome).as<FileLock>();
}

/// Whether the lock could be had at this moment.
bool is_free(const std::string& path, LockMode mode = LockMode::exclusive) {
  auto outcome = FileLock::acquire(path, mode, Deadline::immediately());
  EXPECT_TRUE(outcome) << outcome.error().message();
  return outcome && outcome->is<FileLock>();
}

class FileLockTest : public ::testing::Test {
 protected:
  test::ScratchDirectory scratch_;
  std::string path_ = scratch_.file("lock");
};

TEST_F(FileLockTest, ExcludesAnotherProcessUntilItIsReleased) {
  auto holder = test::fork_child([&](test::Ready ready) {
    FileLock lock = must_lock(path_);
    ready.say();
    ready.wait_for_release();
  });
  holder.wait_until_ready();
  EXPECT_FALSE(is_free(path_));
  EXPECT_FALSE(is_free(path_, LockMode::shared));
  holder.release();
  EXPECT_TRUE(holder.wait().success());
  EXPECT_TRUE(is_free(path_));
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(FileLockTest, SharedHoldersGoTogetherAndKeepAnExclusiveOneOut) {
  FileLock one = must_lock(path_, LockMode::shared);
  auto other = test::fork_child([&](test::Ready) { EXPECT_TRUE(is_free(path_, LockMode::shared)); });
  EXPECT_TRUE(other.wait().success());
  EXPECT_FALSE(is_free(path_));
}

TEST_F(FileLockTest, GivesUpAtItsDeadlineAndNotBefore) {
  FileLock lock = must_lock(path_);
  const auto before = Deadline::Clock::now();
  auto outcome = FileLock::acquire(path_, LockMode::exclusive, Deadline::after(30ms));
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->is<TimedOut>());
  EXPECT_GE(Deadline::Clock::now() - before, 30ms);
}

TEST_F(FileLockTest, AKilledHolderLeavesTheLockToTheOneThatWaits) {
  for (const bool with_deadline : {false, true}) {
    auto holder = test::fork_child([&](test::Ready ready) {
      FileLock lock = must_lock(path_);
      ready.say();
      ready.stay();
    });
    holder.wait_until_ready();
    auto waiter = test::fork_child([&](test::Ready) {
      auto got =
          FileLock::acquire(path_, LockMode::exclusive, with_deadline ? Deadline::after(20s) : Deadline::never());
      ASSERT_TRUE(got);
      EXPECT_TRUE(got->is<FileLock>());
    });
    test::wait_until_blocked_in(waiter.pid(), with_deadline ? SYS_clock_nanosleep : SYS_flock);
    holder.kill_and_reap(SIGKILL);
    EXPECT_TRUE(waiter.wait().success());
    EXPECT_TRUE(is_free(path_));
  }
}

TEST_F(FileLockTest, AStoppedHolderIsNotTakenForDead) {
  auto holder = test::fork_child([&](test::Ready ready) {
    FileLock lock = must_lock(path_);
    ready.say();
    ready.wait_for_release();
  });
  holder.wait_until_ready();
  holder.stop();
  auto outcome = FileLock::acquire(path_, LockMode::exclusive, Deadline::after(30ms));
  EXPECT_TRUE(outcome && outcome->is<TimedOut>());
  holder.resume();
  holder.release();
  EXPECT_TRUE(holder.wait().success());
  EXPECT_TRUE(is_free(path_));
}

TEST_F(FileLockTest, AForkedChildThatKeepsTheDescriptorKeepsTheLock) {
  std::optional<test::ChildProcess> heir;
  {
    FileLock lock = must_lock(path_);
    heir.emplace(test::fork_child([&](test::Ready ready) {
      ready.say();
      ready.stay();
    }));
    heir->wait_until_ready();
  }
  EXPECT_FALSE(is_free(path_));
  heir->kill_and_reap(SIGKILL);
  EXPECT_TRUE(is_free(path_));
}

TEST_F(FileLockTest, AnExecutedProgramDoesNotInheritTheLock) {
  FileLock lock = must_lock(path_);
  EXPECT_EQ(::fcntl(lock.descriptor(), F_GETFD), FD_CLOEXEC);
}

TEST_F(FileLockTest, FlockOfTheShellAndOursExcludeEachOther) {
  {
    FileLock lock = must_lock(path_);
    EXPECT_EQ(test::run_program({"flock", "-n", "-E", "9", path_, "true"}).status.value, 9);
  }
  EXPECT_TRUE(test::run_program({"flock", "-n", path_, "true"}).status.success());

  auto theirs = test::fork_child(
      [&](test::Ready) { ::execlp("flock", "flock", "--no-fork", path_.c_str(), "sleep", "60", nullptr); });
  while (is_free(path_)) {
  }
  auto found = lock_holders(path_);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->holders.size(), 1U);
  EXPECT_EQ(found->holders[0].pid, theirs.pid());
  EXPECT_FALSE(found->holders[0].command.empty());
  theirs.kill_and_reap(SIGKILL);
  EXPECT_TRUE(is_free(path_));
}

TEST_F(FileLockTest, ConvertsAndTellsWhenTheOldModeWasLost) {
  FileLock lock = must_lock(path_);
  auto down = lock.convert(LockMode::shared, Deadline::immediately());
  ASSERT_TRUE(down && down->is<Done>());
  EXPECT_TRUE(is_free(path_, LockMode::shared));
  {
    FileLock reader = must_lock(path_, LockMode::shared);
    auto up = lock.convert(LockMode::exclusive, Deadline::after(20ms));
    ASSERT_TRUE(up && up->is<TimedOut>());
    EXPECT_FALSE(lock.held());
  }
  EXPECT_TRUE(is_free(path_));  // as told: it holds nothing
  auto up = lock.convert(LockMode::exclusive, Deadline::immediately());
  ASSERT_TRUE(up && up->is<Done>());
  EXPECT_TRUE(lock.held());
  EXPECT_FALSE(is_free(path_));
}

TEST_F(FileLockTest, LocksThroughADescriptorThatIsThere) {
  UniqueFd file{::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  auto lock = FileLock::acquire(std::move(file), LockMode::exclusive, Deadline::immediately());
  ASSERT_TRUE(lock && lock->is<FileLock>());
  EXPECT_FALSE(is_free(path_));
}

TEST_F(FileLockTest, DirectoriesAndFifosCanBeLocked) {
  {
    FileLock lock = must_lock(scratch_.path());
    EXPECT_FALSE(is_free(scratch_.path()));
  }
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  FileLock lock = must_lock(path_);
  EXPECT_FALSE(is_free(path_));
}

TEST_F(FileLockTest, AFileReplacedDuringTheWaitIsLockedUnderItsNewIdentity) {
  std::optional<FileLock> old{must_lock(path_)};
  auto waiter = test::fork_child([&](test::Ready ready) {
    old.reset();  // the inherited copy
    FileLock lock = must_lock(path_);
    ready.say();
    ready.wait_for_release();
  });
  test::wait_until_blocked_in(waiter.pid(), SYS_flock);
  std::filesystem::remove(path_);
  EXPECT_TRUE(is_free(path_));  // a newcomer makes the file anew
  old.reset();
  waiter.wait_until_ready();
  EXPECT_FALSE(is_free(path_));
  waiter.release();
  EXPECT_TRUE(waiter.wait().success());
}

TEST_F(FileLockTest, RefusalsNameThePath) {
  auto missing = FileLock::acquire(scratch_.file("no/such/lock"), LockMode::shared, Deadline::immediately());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ENOENT);
  EXPECT_EQ(missing.error().object(), scratch_.file("no/such/lock"));
}

TEST_F(FileLockTest, AnotherUserMayLockAFileThatHeMayOnlyReadInAStickyDirectory) {
  GINNEL_REQUIRE_ROOT();
  std::filesystem::permissions(scratch_.path(), std::filesystem::perms{01777});
  {
    FileLock made = must_lock(path_);
  }
  ASSERT_EQ(::chmod(path_.c_str(), 0644), 0);
  auto other = test::fork_child_as(test::other_uid, [&](test::Ready ready) {
    FileLock lock = must_lock(path_);
    ready.say();
    ready.wait_for_release();
  });
  other.wait_until_ready();
  EXPECT_FALSE(is_free(path_));
  other.release();
  EXPECT_TRUE(other.wait().success());
}

TEST_F(FileLockTest, AnotherUserMayNotLockAFileThatHeMayNotRead) {
  GINNEL_REQUIRE_ROOT();
  std::filesystem::permissions(scratch_.path(), std::filesystem::perms{0711});
  {
    FileLock made = must_lock(path_);
  }
  ASSERT_EQ(::chmod(path_.c_str(), 0600), 0);
  auto other = test::fork_child_as(test::other_uid, [&](test::Ready) {
    auto refused = FileLock::acquire(path_, LockMode::shared, Deadline::immediately());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EACCES);
  });
  EXPECT_TRUE(other.wait().success());
}

TEST_F(FileLockTest, NothingIsMadeThroughALinkThatAnotherUserHasPutInTheWay) {
  GINNEL_REQUIRE_ROOT();
  const std::string shared = scratch_.file("shared");
  const std::string ours = scratch_.file("ours");
  for (const std::string& folder : {shared, ours}) std::filesystem::create_directory(folder);
  std::filesystem::permissions(scratch_.path(), std::filesystem::perms{0755});
  std::filesystem::permissions(shared, std::filesystem::perms{01777});
  std::filesystem::permissions(ours, std::filesystem::perms{0700});
  const std::string target = ours + "/planted";
  const std::string link = shared + "/lock";
  auto other =
      test::fork_child_as(test::other_uid, [&](test::Ready) { ASSERT_EQ(::symlink(target.c_str(), link.c_str()), 0); });
  ASSERT_TRUE(other.wait().success());

  // Where fs.protected_symlinks is set, the kernel refuses to follow the link at all.
  auto refused = FileLock::acquire(link, LockMode::exclusive, Deadline::immediately());
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().code() == ELOOP || refused.error().code() == EACCES) << refused.error().message();
  auto ranges = RangeLocks::open(link);
  ASSERT_FALSE(ranges);
  EXPECT_TRUE(ranges.error().code() == ELOOP || ranges.error().code() == EACCES) << ranges.error().message();
  EXPECT_FALSE(std::filesystem::exists(target));
}

TEST_F(FileLockTest, ALinkToNoFileIsRefusedAndOneToAFileIsFollowed) {
  const std::string target = scratch_.file("target");
  ASSERT_EQ(::symlink(target.c_str(), path_.c_str()), 0);
  auto refused = FileLock::acquire(path_, LockMode::exclusive, Deadline::immediately());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ELOOP);
  EXPECT_NE(refused.error().hint().find("remove it"), std::string::npos);
  EXPECT_EQ(RangeLocks::open(path_).error().code(), ELOOP);
  EXPECT_FALSE(std::filesystem::exists(target));

  const UniqueFd made{::open(target.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  EXPECT_TRUE(RangeLocks::open(path_));
  FileLock lock = must_lock(path_);
  EXPECT_FALSE(is_free(target));
}

TEST_F(FileLockTest, EightProcessesCountExactlyInAStormOfSignals) {
  constexpr int processes = 8;
  constexpr int rounds = 50;
  UniqueFd file{::open(scratch_.file("counter").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  int count = 0;
  ASSERT_EQ(::pwrite(file.get(), &count, sizeof count, 0), ssize_t{sizeof count});

  std::vector<test::ChildProcess> children;
  for (int i = 0; i < processes; ++i)
    children.push_back(test::fork_child([&, i](test::Ready) {
      test::SignalStorm storm;
      for (int round = 0; round < rounds; ++round) {
        const Deadline deadline = i % 2 == 0 ? Deadline::never() : Deadline::after(25s);
        auto lock = FileLock::acquire(path_, LockMode::exclusive, deadline);
        ASSERT_TRUE(lock && lock->is<FileLock>());
        ASSERT_EQ(::pread(file.get(), &count, sizeof count, 0), ssize_t{sizeof count});
        ++count;
        ASSERT_EQ(::pwrite(file.get(), &count, sizeof count, 0), ssize_t{sizeof count});
      }
    }));
  for (auto& child : children) EXPECT_TRUE(child.wait().success());
  ASSERT_EQ(::pread(file.get(), &count, sizeof count, 0), ssize_t{sizeof count});
  EXPECT_EQ(count, processes * rounds);
}

TEST_F(FileLockTest, NoDescriptorIsLeftOpenByAnyOutcome) {
  const auto before = test::open_descriptor_count();
  {
    FileLock lock = must_lock(path_);
    EXPECT_FALSE(is_free(path_));
    EXPECT_FALSE(FileLock::acquire(scratch_.file("no/such/lock"), LockMode::shared, Deadline::immediately()));
    EXPECT_TRUE(lock_holders(path_));
    EXPECT_EQ(test::open_descriptor_count(), before + 1);
  }
  EXPECT_EQ(test::open_descriptor_count(), before);
}

}  // namespace
}  // namespace ginnel
