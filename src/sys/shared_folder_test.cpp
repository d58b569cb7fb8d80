#include "ginnel/sys/shared_folder.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <memory>
#include <utility>

#include "support/child_process.hpp"
#include "support/scratch.hpp"
#include "support/single_step.hpp"

namespace ginnel {
namespace {

class SharedFolderTest : public ::testing::Test {
 protected:
  [[nodiscard]] SharedFolder folder() {
    auto opened = SharedFolder::open_or_create(scratch_.file("home"));
    if (!opened) throw std::runtime_error{opened.error().message()};
    return std::move(*opened);
  }
  test::ScratchDirectory scratch_;
};

TEST_F(SharedFolderTest, IsMadePrivateAndFoundAgain) {
  const SharedFolder made = folder();
  struct stat status{};
  ASSERT_EQ(::stat(made.path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0700U);
  EXPECT_TRUE(SharedFolder::open(made.path()).has_value());
  EXPECT_EQ(SharedFolder::open(scratch_.file("none")).error().code(), ENOENT);
}

TEST_F(SharedFolderTest, AFileAppearsWholeWithItsMemory) {
  const SharedFolder home = folder();
  const auto file = home.make_file(Bytes{8192}, 0640);
  ASSERT_TRUE(file.has_value()) << file.error().message();
  EXPECT_TRUE(std::filesystem::is_empty(home.path()));
  ASSERT_TRUE(home.publish(file->get(), "ring").has_value());
  struct stat status{};
  ASSERT_EQ(::stat((home.path() + "/ring").c_str(), &status), 0);
  EXPECT_EQ(status.st_size, 8192);
  EXPECT_GE(status.st_blocks * 512, 8192) << "allocated, and not sparse";
  EXPECT_EQ(status.st_mode & 07777U, 0640U);
  EXPECT_EQ(home.publish(home.make_file(Bytes{1}, 0600)->get(), "ring").error().code(), EEXIST);
}

TEST_F(SharedFolderTest, WhatIsReplacedIsNewAtOnceAndARefusalLeavesNothingBeside) {
  const SharedFolder home = folder();
  for (const int size : {100, 200}) {
    const auto file = home.make_file(Bytes{static_cast<std::uint64_t>(size)}, 0600);
    ASSERT_TRUE(home.replace(file->get(), "value").has_value());
    EXPECT_EQ(std::filesystem::file_size(home.path() + "/value"), static_cast<std::uintmax_t>(size));
  }
  ASSERT_TRUE(home.open_or_create_below("folder").has_value());
  EXPECT_EQ(home.replace(home.make_file(Bytes{1}, 0600)->get(), "folder").error().code(), EISDIR);
  EXPECT_FALSE(std::filesystem::exists(home.path() + "/folder.new"));
  EXPECT_FALSE(std::filesystem::exists(home.path() + "/value.new"));
}

TEST_F(SharedFolderTest, WhatIsNoPlainFileOfItsOwnIsNotOpened) {
  const SharedFolder home = folder();
  std::filesystem::create_symlink("/etc/passwd", home.path() + "/link");
  EXPECT_EQ(home.open_file("link", FileAccess::read_only).error().code(), ELOOP);
  ASSERT_EQ(::mkfifo((home.path() + "/fifo").c_str(), 0600), 0);
  EXPECT_EQ(home.open_file("fifo", FileAccess::read_only).error().code(), EINVAL);
  const auto file = home.make_file(Bytes{1}, 0600);
  ASSERT_TRUE(home.publish(file->get(), "one").has_value());
  EXPECT_TRUE(home.open_file("one", FileAccess::read_write).has_value());
  std::filesystem::create_hard_link(home.path() + "/one", home.path() + "/two");
  EXPECT_EQ(home.open_file("one", FileAccess::read_only).error().code(), EPERM);
}

TEST_F(SharedFolderTest, ANameIsRemovedOnlyWhileItStandsForThatFile) {
  const SharedFolder home = folder();
  const auto first = home.make_file(Bytes{1}, 0600);
  const auto second = home.make_file(Bytes{1}, 0600);
  ASSERT_TRUE(home.publish(first->get(), "name").has_value());
  EXPECT_FALSE(*home.remove_if_same("name", second->get()));
  EXPECT_TRUE(*home.remove_if_same("name", first->get()));
  EXPECT_FALSE(*home.remove_if_same("name", first->get()));
  EXPECT_EQ(home.remove("name").error().code(), ENOENT);
}

/// One who removes stands at each of its instructions, while another removes the same file and gives its name to a new one.
TEST_F(SharedFolderTest, ALateRemoverDoesNotTakeTheFileThatHasGotTheName) {
  constexpr long stride = 5;
  const SharedFolder home = folder();
  const auto prepare = [&]() -> std::function<bool()> {
    static_cast<void>(home.remove_if_same("none", home.descriptor()));  // so that all its functions are bound
    auto file = std::make_shared<UniqueFd>(*home.open_file("name", FileAccess::read_only));
    return [&home, file] { return home.remove_if_same("name", file->get()).has_value(); };
  };
  for (long steps = 0;; steps += stride) {
    const auto first = home.make_file(Bytes{1}, 0600);
    ASSERT_TRUE(home.publish(first->get(), "name").has_value());
    const auto second = home.make_file(Bytes{1}, 0600);
    bool tried = false;
    bool published = false;
    const auto stand = test::stand_after_steps(steps, prepare, [&] {
      if (std::exchange(tried, true)) return;  // it stands at its end
      const auto found = home.open_file("name", FileAccess::read_only);
      if (found) static_cast<void>(home.remove_if_same("name", found->get()));
      published = home.publish(second->get(), "name").has_value();
    });
    if (!stand) GTEST_SKIP() << "tracing is forbidden here";
    ASSERT_TRUE(stand->success);
    if (published) {
      ASSERT_TRUE(*home.remove_if_same("name", second->get())) << "lost, after " << steps << " instructions";
    }
    if (stand->ended_before) break;
    ASSERT_LT(steps, 100'000);
  }
}

TEST_F(SharedFolderTest, FoldersBelowAreRemovedOnlyWhenEmpty) {
  const SharedFolder home = folder();
  {
    const auto below = home.open_or_create_below("topic");
    ASSERT_TRUE(below.has_value());
    const auto file = below->make_file(Bytes{1}, 0600);
    ASSERT_TRUE(below->publish(file->get(), "x").has_value());
    EXPECT_EQ(home.remove_folder("topic").error().code(), ENOTEMPTY);
    ASSERT_TRUE(below->remove("x").has_value());
  }
  EXPECT_TRUE(home.remove_folder("topic").has_value());
  EXPECT_FALSE(home.open_below("topic").has_value());
}

TEST_F(SharedFolderTest, AFolderOfAnotherUserIsNotTrusted) {
  GINNEL_REQUIRE_ROOT();
  const SharedFolder home = folder();
  ASSERT_EQ(::chown(home.path().c_str(), test::other_uid, test::other_uid), 0);
  const auto refused = SharedFolder::open(home.path());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), EPERM);
  EXPECT_NE(refused.error().hint().find("65534"), std::string::npos);
}

TEST_F(SharedFolderTest, AFolderThatOthersMayEnterNeedsAWordOfItsOwner) {
  const SharedFolder home = folder();
  ASSERT_EQ(::chmod(home.path().c_str(), 0750), 0);
  EXPECT_EQ(SharedFolder::open(home.path()).error().code(), EPERM);
  EXPECT_TRUE(SharedFolder::open(home.path(), 0750).has_value());
}

TEST_F(SharedFolderTest, ItsLockEndsWithItsTakerThoughAForkedChildHasACopy) {
  const SharedFolder home = folder();
  const auto take = [&] {
    auto locked = home.lock(LockMode::exclusive, Deadline::immediately());
    EXPECT_TRUE(locked.has_value()) << locked.error().message();
    return locked->is<FolderLock>() ? std::make_unique<FolderLock>(std::move(*locked).as<FolderLock>()) : nullptr;
  };
  auto taken = take();
  ASSERT_NE(taken, nullptr);
  auto child = test::fork_child([&](test::Ready ready) {
    taken.reset();
    ready.say();
    ready.stay();
  });
  child.wait_until_ready();
  EXPECT_EQ(take(), nullptr) << "a child gave up what is its parent's";

  auto heir = test::fork_child([](test::Ready ready) {
    ready.say();
    ready.stay();
  });
  heir.wait_until_ready();
  taken.reset();
  EXPECT_NE(take(), nullptr);
}

TEST_F(SharedFolderTest, MoreThanThereIsRoomForIsRefusedBeforeAnythingIsTaken) {
  const SharedFolder home = folder();
  const auto refused = home.make_file(Bytes{std::uint64_t{1} << 60U}, 0600);
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().code() == ENOSPC || refused.error().code() == EFBIG) << refused.error().message();
  EXPECT_TRUE(std::filesystem::is_empty(home.path()));
}

}  // namespace
}  // namespace ginnel
