#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "ginnel/inventory/plan.hpp"
#include "ginnel/sys/file_lock.hpp"
#include "support/scratch.hpp"

// Removal of messaging objects while others come, whose locks are taken here as docs/FORMAT.md has them. The objects are made by hand,
// with nothing but the files that count for it; those of real processes: tests/cli/see_messaging.py.

namespace ginnel::inventory {
namespace {

class RemovalOfMessaging : public ::testing::Test {
 protected:
  RemovalOfMessaging() {
    std::filesystem::create_directory(home_);
    EXPECT_EQ(::setenv("GINNEL_HOME", home_.c_str(), 1), 0);
  }
  ~RemovalOfMessaging() override { ::unsetenv("GINNEL_HOME"); }

  void make(const std::string& name, const std::vector<std::string>& files) const {
    std::filesystem::create_directory(home_ + "/" + name);
    for (const std::string& file : files) std::ofstream{path(name, file)} << std::string(4096, '\0');
  }
  [[nodiscard]] std::string path(const std::string& name, const std::string& file) const {
    return home_ + "/" + name + "/" + file;
  }
  [[nodiscard]] bool there(const std::string& name, const std::string& file) const {
    return std::filesystem::exists(path(name, file));
  }
  struct Sighting {
    Snapshot snapshot;
    Object object;
  };
  [[nodiscard]] Sighting see(const std::string& name) const {
    Sighting seen{.snapshot = scan({.kinds = {Kind::topic, Kind::latest, Kind::queue}, .waits = false}).value(),
                  .object = {}};
    for (const Object& object : seen.snapshot.objects)
      if (const Detail* folder = object.detail("folder"); folder != nullptr && folder->value == home_ + "/" + name)
        seen.object = object;
    EXPECT_EQ(seen.object.name, name);
    return seen;
  }
  [[nodiscard]] RangeLocks lock(const std::string& file, std::int64_t byte, LockMode mode) const {
    RangeLocks locks = RangeLocks::open(file).value();
    EXPECT_TRUE(locks.lock({.start = byte, .length = 1}, mode, Deadline::immediately())->is<Done>());
    return locks;
  }

  test::ScratchDirectory scratch_;
  std::string home_ = scratch_.file("home");
};

TEST_F(RemovalOfMessaging, WaitsForWhoeverIsJustComing) {
  for (const auto& [name, file] :
       {std::pair<std::string, std::string>{"topic:news", "bell"}, {"latest:state", "bell"}, {"queue:jobs", "queue"}}) {
    make(name, {file});
    const Sighting seen = see(name);
    {
      const auto comer = FileLock::acquire(home_ + "/" + name, LockMode::shared, Deadline::immediately());
      ASSERT_TRUE(comer.has_value() && comer->is<FileLock>());
      const RemovalReport report = remove(seen.snapshot, seen.object, false);
      EXPECT_EQ(report.result, Removal::changed) << name;
      EXPECT_EQ(report.text, "somebody is just coming to it");
      EXPECT_TRUE(there(name, file));
    }
    const RemovalReport report = remove(seen.snapshot, seen.object, false);
    EXPECT_EQ(report.result, Removal::removed) << name << ": " << report.text;
    EXPECT_FALSE(std::filesystem::exists(home_ + "/" + name));
    EXPECT_EQ(remove(seen.snapshot, seen.object, false).result, Removal::gone);
  }
}

TEST_F(RemovalOfMessaging, LeavesWhatAMemberKeepsSinceTheScan) {
  for (const auto& [name, file] : {std::pair<std::string, std::string>{"topic:news", "w.00"},
                                   {"topic:read", "r.1.1"},
                                   {"latest:state", "value"},
                                   {"latest:read", "r.00"}}) {
    make(name, {"bell", file});
    const Sighting seen = see(name);
    {
      const RangeLocks member = lock(path(name, file), 0, LockMode::exclusive);
      const RemovalReport report = remove(seen.snapshot, seen.object, false);
      EXPECT_EQ(report.result, Removal::changed);
      EXPECT_EQ(report.text, "somebody keeps " + file + " now");
      EXPECT_TRUE(there(name, file) && there(name, "bell"));
    }
    const RemovalReport report = remove(seen.snapshot, seen.object, false);
    EXPECT_EQ(report.result, Removal::removed) << name << ": " << report.text;
  }
}

TEST_F(RemovalOfMessaging, LeavesAQueueThatSomebodyHasJoined) {
  make("queue:jobs", {"queue"});
  const Sighting seen = see("queue:jobs");
  for (const std::int64_t number : {1, 255}) {  // the first and the last participant
    const RangeLocks participant = lock(path("queue:jobs", "queue"), number, LockMode::exclusive);
    const RemovalReport report = remove(seen.snapshot, seen.object, false);
    EXPECT_EQ(report.result, Removal::changed) << number;
    EXPECT_EQ(report.text, "somebody keeps queue now");
    EXPECT_TRUE(there("queue:jobs", "queue"));
  }
  EXPECT_EQ(remove(seen.snapshot, seen.object, false).result, Removal::removed);
  EXPECT_FALSE(std::filesystem::exists(home_ + "/queue:jobs"));
}

TEST_F(RemovalOfMessaging, LeavesAnotherOfThatNameAndFilesThatAreNotItsOwn) {
  make("topic:news", {"bell"});
  const Sighting seen = see("topic:news");
  std::filesystem::rename(home_ + "/topic:news", home_ + "/moved");
  make("topic:news", {"bell"});
  EXPECT_EQ(remove(seen.snapshot, seen.object, false).result, Removal::changed);
  EXPECT_TRUE(there("topic:news", "bell") && there("moved", "bell"));
  std::ofstream{path("topic:news", "notes.txt")} << "mine";
  const Sighting now = see("topic:news");
  EXPECT_EQ(remove(now.snapshot, now.object, false).result, Removal::changed);
  EXPECT_TRUE(there("topic:news", "notes.txt"));
}

}  // namespace
}  // namespace ginnel::inventory
