#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <stdexcept>

#include "ginnel/sys/file_lock.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

FileLock must_lock(const std::string& path, LockMode mode = LockMode::exclusive) {
  auto outcome = FileLock::acquire(path, mode, Deadline::never());
  if (!outcome) throw std::runtime_error{outcome.error().message()};
  return std::move(*outcome).as<FileLock>();
}

std::vector<LockHolder> holders_of(const std::string& path) {
  auto found = lock_holders(path);
  if (!found) throw std::runtime_error{found.error().message()};
  return found->holders;
}

class LockHoldersTest : public ::testing::Test {
 protected:
  test::ScratchDirectory scratch_;
  std::string path_ = scratch_.file("lock");
};

TEST_F(LockHoldersTest, NobodyHoldsAFileThatIsMerelyOpen) {
  {
    FileLock made = must_lock(path_);
  }
  const UniqueFd open_only{::open(path_.c_str(), O_RDWR | O_CLOEXEC)};
  EXPECT_TRUE(holders_of(path_).empty());
}

TEST_F(LockHoldersTest, TellWhoHoldsWhichPartInWhichMode) {
  auto ranges = RangeLocks::open(path_);
  ASSERT_TRUE(ranges);
  ASSERT_TRUE(ranges->lock({.start = 10, .length = 5}, LockMode::shared));
  ASSERT_TRUE(ranges->lock({.start = 100, .length = 0}, LockMode::exclusive));
  auto holder = test::fork_child([&](test::Ready ready) {
    {
      RangeLocks inherited = std::move(*ranges);
    }
    FileLock lock = must_lock(path_, LockMode::shared);
    ready.say(std::to_string(lock.descriptor()));
    ready.stay();
  });
  const int fd_there = std::stoi(holder.next_line());

  auto found = holders_of(path_);
  ASSERT_EQ(found.size(), 3U);
  std::sort(found.begin(), found.end(), [](const LockHolder& a, const LockHolder& b) {
    return std::pair{a.kind, a.range.start} < std::pair{b.kind, b.range.start};
  });
  EXPECT_EQ(found[0].kind, LockHolder::Kind::flock);
  EXPECT_EQ(found[0].mode, LockMode::shared);
  EXPECT_EQ(found[0].pid, holder.pid());
  EXPECT_EQ(found[0].fd, fd_there);
  EXPECT_EQ(found[0].range, ByteRange{});
  EXPECT_FALSE(found[0].command.empty());

  EXPECT_EQ(found[1].kind, LockHolder::Kind::ofd);
  EXPECT_EQ(found[1].mode, LockMode::shared);
  EXPECT_EQ(found[1].range, (ByteRange{.start = 10, .length = 5}));
  EXPECT_EQ(found[1].pid, ::getpid());
  EXPECT_EQ(found[1].fd, ranges->descriptor());
  EXPECT_EQ(found[2].mode, LockMode::exclusive);
  EXPECT_EQ(found[2].range, (ByteRange{.start = 100, .length = 0}));
}

// /proc/locks keeps the number of the process that took the lock, which is dead here.
TEST_F(LockHoldersTest, TheChildThatInheritedTheLockIsTheHolder) {
  auto taker = test::fork_child([&](test::Ready ready) {
    FileLock lock = must_lock(path_);
    const pid_t heir = ::fork();
    ASSERT_GE(heir, 0);
    if (heir == 0) {
      ::alarm(60);
      ready.say(std::to_string(::getpid()));
      ready.stay();
    }
  });
  const pid_t heir = std::stoi(taker.next_line());
  EXPECT_TRUE(taker.wait().success());

  const auto found = holders_of(path_);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].pid, heir);
  auto process = Process::open(heir);
  ASSERT_TRUE(process);
  ASSERT_TRUE(process->signal(SIGKILL));
  ASSERT_TRUE(process->wait());
  EXPECT_TRUE(holders_of(path_).empty());
}

TEST_F(LockHoldersTest, AnotherUserIsToldHowManyProcessesHeCouldNotRead) {
  GINNEL_REQUIRE_ROOT();
  std::filesystem::permissions(scratch_.path(), std::filesystem::perms{0711});
  FileLock lock = must_lock(path_);
  ASSERT_EQ(::chmod(path_.c_str(), 0644), 0);
  EXPECT_EQ(holders_of(path_).size(), 1U);
  auto other = test::fork_child_as(test::other_uid, [&](test::Ready) {
    {
      FileLock inherited = std::move(lock);
    }
    auto found = lock_holders(path_);
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->holders.empty());
    EXPECT_GE(found->unreadable_processes, 1U);
  });
  EXPECT_TRUE(other.wait().success());
}

TEST_F(LockHoldersTest, APathThatIsNotThereIsAnError) {
  auto missing = lock_holders(path_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ENOENT);
}

}  // namespace
}  // namespace ginnel
