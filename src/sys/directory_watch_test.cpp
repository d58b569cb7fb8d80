#include "ginnel/sys/directory_watch.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>

#include "support/child_process.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

bool is_readable(const DirectoryWatch& watch) {
  pollfd wait{.fd = watch.pollable(), .events = POLLIN, .revents = 0};
  return ::poll(&wait, 1, 0) == 1;
}

class DirectoryWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(folder_.valid() && watch_.has_value());
    file_ = UniqueFd{::open(scratch_.file("a").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)};
    ASSERT_TRUE(file_.valid());
  }
  test::ScratchDirectory scratch_;
  UniqueFd folder_{::open(scratch_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  Result<DirectoryWatch> watch_ = DirectoryWatch::of(folder_.get());
  UniqueFd file_;
};

TEST_F(DirectoryWatchTest, NoticesThatAFileComesAndGoes) {
  EXPECT_TRUE(is_readable(*watch_));
  watch_->clear();
  EXPECT_FALSE(is_readable(*watch_));
  ASSERT_EQ(::unlink(scratch_.file("a").c_str()), 0);
  EXPECT_TRUE(is_readable(*watch_));
}

TEST_F(DirectoryWatchTest, IsRungByAByte) {
  watch_->clear();
  ASSERT_TRUE(DirectoryWatch::ring(file_.get(), 0).has_value());
  EXPECT_TRUE(is_readable(*watch_));
  watch_->clear();
  EXPECT_FALSE(is_readable(*watch_));
  EXPECT_FALSE(DirectoryWatch::ring(-1, 0).has_value());
}

TEST_F(DirectoryWatchTest, NoticesTheDeathOfOneWhoHadAFileOpenForWriting) {
  auto child = test::fork_child([&](test::Ready ready) {
    const int own = ::open(scratch_.file("a").c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_GE(own, 0);
    ready.say();
    ready.stay();
  });
  child.wait_until_ready();
  watch_->clear();
  EXPECT_FALSE(is_readable(*watch_));
  child.kill_and_reap(SIGKILL);
  EXPECT_TRUE(is_readable(*watch_));
}

}  // namespace
}  // namespace ginnel
