#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ginnel/msg/latest.hpp"
#include "ginnel/msg/queue.hpp"
#include "ginnel/msg/topic.hpp"
#include "support/child_process.hpp"
#include "support/messaging_test.hpp"

// Each kind of object with files, where there is no room, or where something else is in its place: an error that names it and says what
// to do, soon, and never a signal.

namespace ginnel {
namespace {

using Block = std::array<std::byte, 1'000>;

/// What came of coming to an object `one`: a handle, or why not.
struct Came {
  std::shared_ptr<void> handle;
  std::optional<Error> refused;
};

template <class T>
Came came(Result<T> made) {
  if (!made) return {.handle = {}, .refused = made.error()};
  return {.handle = std::make_shared<T>(std::move(*made)), .refused = {}};
}

struct Kind {
  std::string folder;
  std::string file;  ///< that a reader looks into
  int files;         ///< that are made, the home and the folder among them
  std::function<Came()> write;
  std::function<Came()> read;
};

const std::vector<Kind> kinds{
    {"topic:one", "w.00", 4, [] { return came(Publisher<Block>::create("one", {.capacity = Bytes::kib(64)})); },
     [] { return came(Subscriber<Block>::open("one")); }},
    {"latest:one", "value", 4, [] { return came(LatestWriter<Block>::create("one", {.readers = 60})); },
     [] { return came(LatestReader<Block>::open("one")); }},
    {"queue:one", "queue", 3, [] { return came(Queue<Block>::open("one", {.slots = 60})); },
     [] { return came(Queue<Block>::attach("one")); }},
};

class RefusalTest : public test::MessagingTest {
 protected:
  /// In a child, with a file system of its own as home.
  void with_home(const std::string& options, const std::function<void()>& body) const {
    const auto ended = test::fork_child([&](test::Ready) {
                         ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
                         ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
                         ASSERT_EQ(::mount("tmpfs", home_.c_str(), "tmpfs", 0, ("mode=700," + options).c_str()), 0);
                         body();
                       }).wait();
    EXPECT_TRUE(ended.success()) << ended.to_string();
  }
  /// Takes what room is left.
  void fill_home() const {
    const int fd = ::open((home_ + "/filler").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    const std::vector<char> page(4'096, 'x');
    while (::write(fd, page.data(), page.size()) > 0) continue;
    EXPECT_EQ(errno, ENOSPC);
    ::close(fd);
  }
  [[nodiscard]] std::string path(const Kind& kind) const { return home_ + "/" + kind.folder + "/" + kind.file; }
  void forget(const Kind& kind) const { std::filesystem::remove_all(home_ + "/" + kind.folder); }
  void expect_named(const std::optional<Error>& refused, const std::string& name) const {
    ASSERT_TRUE(refused.has_value()) << name;
    const std::string message = refused->message();
    EXPECT_TRUE(message.find(name) != std::string::npos || message.find(home_) != std::string::npos) << message;
    EXPECT_FALSE(refused->hint().empty()) << message;
  }
};

TEST_F(RefusalTest, WhereMemoryIsFullNothingIsMadeAndNothingIsLeft) {
  GINNEL_REQUIRE_ROOT();
  for (const Kind& kind : kinds)
    with_home("size=64k", [&] {
      const auto refused = kind.write().refused;
      expect_named(refused, kind.folder);
      ASSERT_TRUE(refused.has_value());
      EXPECT_EQ(refused->code(), ENOSPC) << refused->message();
      EXPECT_NE(refused->message().find("free in this file system"), std::string::npos) << refused->message();
      EXPECT_FALSE(std::filesystem::exists(path(kind)));
    });
}

TEST_F(RefusalTest, WhereNoFileIsLeftToBeMadeThatIsSaid) {
  GINNEL_REQUIRE_ROOT();
  for (const Kind& kind : kinds)
    for (int files = 1; files <= kind.files; ++files)
      with_home("size=8m,nr_inodes=" + std::to_string(files), [&] {
        const auto refused = kind.write().refused;
        if (files == kind.files) {
          EXPECT_FALSE(refused.has_value()) << refused->message();
          return;
        }
        expect_named(refused, kind.folder);
        ASSERT_TRUE(refused.has_value());
        EXPECT_EQ(refused->code(), ENOSPC) << refused->message();
        EXPECT_NE(refused->message().find("inodes"), std::string::npos) << refused->message();
      });
}

/// What an object needs is allocated when it is made: who is there goes on, whatever others fill the rest with.
TEST_F(RefusalTest, AFullFileSystemStopsNobodyWhoIsThere) {
  GINNEL_REQUIRE_ROOT();
  with_home("size=1m", [&] {
    auto in = Subscriber<Block>::open("one");
    auto out = Publisher<Block>::create("one", {.capacity = Bytes::kib(64)});
    auto set = LatestWriter<Block>::create("one");
    auto get = LatestReader<Block>::open("one");
    auto queue = Queue<Block>::open("one", {.slots = 60});
    ASSERT_TRUE(in && out && set && get && queue);
    fill_home();
    for (unsigned i = 0; i < 1'000; ++i) {
      Block block{};
      block.fill(static_cast<std::byte>(i));
      ASSERT_TRUE(out->publish(block)->is<Done>());
      auto got = in->receive();
      EXPECT_EQ(*got->as<Sample<Block>>(), block);
      ASSERT_TRUE(set->set(block).has_value());
      auto newest = get->get();
      EXPECT_EQ(*newest->as<Sample<Block>>(), block);
      ASSERT_TRUE(queue->push(block)->is<Done>());
      auto popped = queue->pop();
      EXPECT_EQ(*popped->as<Popped<Block>>(), block);
      EXPECT_TRUE(popped->as<Popped<Block>>().ack());
    }
    const auto late = came(Subscriber<Block>::open("one")).refused;
    expect_named(late, "topic:one");
    ASSERT_TRUE(late.has_value());
    EXPECT_EQ(late->code(), ENOSPC);
  });
}

/// Whoever is in the way of the folder, or of the file in it.
TEST_F(RefusalTest, WhatHasTheNameAndIsNoneOfOursIsRefused) {
  const std::vector<std::pair<std::string, std::function<void(const std::string&)>>> squatters{
      {"a file", [](const std::string& path) { ::close(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)); }},
      {"a FIFO", [](const std::string& path) { EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0); }},
      {"a link to nothing", [](const std::string& path) { EXPECT_EQ(::symlink("/nowhere", path.c_str()), 0); }},
      {"a link to a folder", [](const std::string& path) { EXPECT_EQ(::symlink("/tmp", path.c_str()), 0); }},
      {"a link to a file", [](const std::string& path) { EXPECT_EQ(::symlink("/etc/passwd", path.c_str()), 0); }},
  };
  for (const Kind& kind : kinds)
    for (const auto& [what, squat] : squatters) {
      const std::string folder = home_ + "/" + kind.folder;
      squat(folder);
      expect_named(kind.write().refused, kind.folder);
      expect_named(kind.read().refused, kind.folder);
      std::filesystem::remove(folder);

      ASSERT_FALSE(kind.write().refused.has_value()) << kind.folder;
      std::filesystem::remove(path(kind));
      squat(path(kind));
      EXPECT_TRUE(kind.read().refused.has_value()) << what << " as " << kind.file << " of " << kind.folder;
      forget(kind);
    }
}

/// Cut at every place that could matter, down to nothing. The ring of a dead writer may be removed instead, by who comes.
TEST_F(RefusalTest, ATruncatedFileIsRefusedAndNeverReadBeyondItsEnd) {
  for (const Kind& kind : kinds)
    for (const std::uintmax_t left : {0U, 1U, 8U, 64U, 511U, 4'095U, 4'096U, 4'097U, 8'192U}) {
      {
        const Came maker = kind.write();
        ASSERT_TRUE(maker.handle) << kind.folder;
        std::filesystem::copy_file(path(kind), home_ + "/copy");
      }
      std::filesystem::resize_file(home_ + "/copy", left);
      std::filesystem::rename(home_ + "/copy", path(kind));
      const auto refused = kind.read().refused;
      if (refused || std::filesystem::exists(path(kind))) {
        expect_named(refused, kind.file);
        ASSERT_TRUE(refused.has_value());
        EXPECT_EQ(refused->code(), EBADMSG) << kind.folder << " cut to " << left << ": " << refused->message();
      }
      forget(kind);
    }
}

TEST_F(RefusalTest, AFileWithASecondNameIsRefused) {
  for (const Kind& kind : kinds) {
    {
      const Came maker = kind.write();
      ASSERT_TRUE(maker.handle) << kind.folder;
      std::filesystem::create_hard_link(path(kind), home_ + "/elsewhere");
      expect_named(kind.read().refused, kind.file);
      std::filesystem::remove(home_ + "/elsewhere");
    }
    forget(kind);
  }
}

/// A folder that a group shares is its maker's choice; a member may use what another has made, and who is none may not.
TEST_F(RefusalTest, AGroupsFolderIsForItsMembers) {
  GINNEL_REQUIRE_ROOT();
  const std::string shared = "/dev/shm" + test::unique_name();
  std::filesystem::create_directory(shared);
  const test::AtEnd gone{[&] { std::filesystem::remove_all(shared); }};
  ASSERT_EQ(::chown(shared.c_str(), 0, test::other_uid), 0);
  ASSERT_EQ(::chmod(shared.c_str(), 02770), 0);
  auto in = Subscriber<int>::open("team", {.home = shared});
  ASSERT_TRUE(in.has_value()) << in.error().message();
  auto member = test::fork_child_as(test::other_uid, [&](test::Ready) {
    auto out = Publisher<int>::create("team", {.home = shared});
    ASSERT_TRUE(out.has_value()) << out.error().message();
    ASSERT_TRUE(out->publish(7)->is<Done>());
  });
  EXPECT_TRUE(member.wait().success());
  auto got = in->receive(Deadline::after(std::chrono::minutes{1}));
  ASSERT_TRUE(got->is<Sample<int>>());
  EXPECT_EQ(*got->as<Sample<int>>(), 7);

  ASSERT_EQ(::chmod(shared.c_str(), 02700), 0);
  auto stranger = test::fork_child_as(test::other_uid, [&](test::Ready) {
    const auto refused = came(Publisher<int>::create("team", {.home = shared})).refused;
    ASSERT_TRUE(refused.has_value());
    EXPECT_EQ(refused->code(), EACCES) << refused->message();
  });
  EXPECT_TRUE(stranger.wait().success());
}

}  // namespace
}  // namespace ginnel
