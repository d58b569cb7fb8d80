#include "home.hpp"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <filesystem>
#include <functional>
#include <string>

#include "ginnel/msg/latest.hpp"
#include "ginnel/msg/queue.hpp"
#include "ginnel/msg/topic.hpp"
#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/messaging_test.hpp"

namespace ginnel {
namespace {

/// One kind of object: to come to it, in a child, and to remove it.
struct ObjectKind {
  std::string folder;
  std::function<bool()> come;
  std::function<Result<Outcome<Done, NotFound>>()> remove;
};

const std::vector<ObjectKind> kinds{
    {"topic:one", [] { return Publisher<int>::create("one").has_value(); }, [] { return remove_topic("one"); }},
    {"latest:one", [] { return LatestWriter<int>::create("one").has_value(); }, [] { return remove_latest("one"); }},
    {"queue:one", [] { return Queue<int>::open("one").has_value(); }, [] { return remove_queue("one"); }},
};

class HomeTest : public test::MessagingTest {
 protected:
  /// As another program takes it that goes by docs/FORMAT.md.
  [[nodiscard]] FileLock lock(const ObjectKind& kind, LockMode mode) const {
    auto locked = FileLock::acquire(home_ + "/" + kind.folder, mode, Deadline::immediately());
    return std::move(*locked).as<FileLock>();
  }
};

TEST_F(HomeTest, WhoRemovesWaitsForWhoIsJustComing) {
  for (const ObjectKind& kind : kinds) {
    ASSERT_TRUE(kind.come()) << kind.folder;
    auto comer = std::optional{lock(kind, LockMode::shared)};
    auto remover = test::fork_child([&](test::Ready) {
      comer.reset();
      EXPECT_TRUE(kind.remove()->is<Done>());
    });
    test::wait_until_blocked_in(remover.pid(), SYS_clock_nanosleep);
    EXPECT_FALSE(files(kind.folder).empty());
    EXPECT_TRUE(kind.come()) << "who comes does not wait for another who does";
    comer.reset();
    EXPECT_TRUE(remover.wait().success());
    EXPECT_FALSE(std::filesystem::exists(home_ + "/" + kind.folder));
  }
}

TEST_F(HomeTest, WhoComesWaitsForWhoRemovesAndMakesANewOne) {
  for (const ObjectKind& kind : kinds) {
    ASSERT_TRUE(kind.come()) << kind.folder;
    auto remover = std::optional{lock(kind, LockMode::exclusive)};
    auto comer = test::fork_child([&](test::Ready) {
      remover.reset();
      EXPECT_TRUE(kind.come());
    });
    test::wait_until_blocked_in(comer.pid(), SYS_clock_nanosleep);
    std::filesystem::remove_all(home_ + "/" + kind.folder);
    remover.reset();
    EXPECT_TRUE(comer.wait().success());
    EXPECT_FALSE(files(kind.folder).empty());
    EXPECT_TRUE(kind.remove()->is<Done>());
  }
}

}  // namespace
}  // namespace ginnel
