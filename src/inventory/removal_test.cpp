#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "ginnel/inventory/plan.hpp"
#include "ginnel/sys/directory.hpp"
#include "ginnel/sys/posix_queue.hpp"
#include "ginnel/sys/posix_queue_files.hpp"
#include "ginnel/sys/posix_semaphore.hpp"
#include "ginnel/sys/posix_shm.hpp"
#include "ginnel/sys/unix_socket.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"

// Removal of real files and queues, each by what a scan saw of it. System V objects: removal_sysv_test.cpp.

namespace ginnel::inventory {
namespace {

using test::unique_name;

/// What a scan sees of one kind, and the object of a name in it.
struct Sighting {
  explicit Sighting(Kind kind, const std::string& name) : snapshot{scan({.kinds = {kind}, .waits = false}).value()} {
    for (const Object& object : snapshot.objects)
      if (object.id.kind == kind && object.name == name) seen = object;
    EXPECT_FALSE(seen.name.empty()) << name << " was not seen";
  }
  [[nodiscard]] RemovalReport remove(bool force = false) const { return inventory::remove(snapshot, seen, force); }

  Snapshot snapshot;
  Object seen;
};

class RemovalOfShm : public ::testing::Test {
 protected:
  RemovalOfShm() { make(); }
  ~RemovalOfShm() override { static_cast<void>(PosixShm::unlink(name_)); }
  void make() const { ASSERT_TRUE(PosixShm::create(name_, Bytes{4096})); }
  [[nodiscard]] bool there() const { return PosixShm::open(name_, PosixShm::Access::read_only).has_value(); }

  std::string name_ = unique_name();
};

TEST_F(RemovalOfShm, RemovesWhatNobodyHas) {
  const Sighting sighting{Kind::posix_shm, "shm:" + name_};
  const RemovalReport report = sighting.remove();
  EXPECT_EQ(report.result, Removal::removed) << report.text;
  EXPECT_EQ(report.entry.id, sighting.seen.id);
  EXPECT_FALSE(there());
  EXPECT_EQ(sighting.remove().result, Removal::gone);
}

TEST_F(RemovalOfShm, LeavesWhatSomebodyMappedSinceTheScan) {
  const Sighting sighting{Kind::posix_shm, "shm:" + name_};
  auto user = test::fork_child([&](test::Ready ready) {
    const auto mapping = PosixShm::open(name_, PosixShm::Access::read_only)->map_read_only();
    EXPECT_TRUE(mapping);
    ready.say();
    ready.stay();
  });
  user.wait_until_ready();
  EXPECT_EQ(sighting.remove().result, Removal::changed);
  EXPECT_TRUE(there());
  EXPECT_EQ(sighting.remove(true).result, Removal::removed);
  EXPECT_FALSE(there());
}

TEST_F(RemovalOfShm, LeavesWhatWasMadeAnewUnderTheName) {
  const Sighting sighting{Kind::posix_shm, "shm:" + name_};
  ASSERT_TRUE(PosixShm::unlink(name_));
  make();
  EXPECT_EQ(sighting.remove().result, Removal::changed);
  EXPECT_EQ(sighting.remove(true).result, Removal::changed);
  EXPECT_TRUE(there());
}

TEST_F(RemovalOfShm, RefusesWhatHasLostItsName) {
  const auto open = PosixShm::open(name_, PosixShm::Access::read_only);
  ASSERT_TRUE(open);
  Sighting sighting{Kind::posix_shm, "shm:" + name_};
  sighting.seen.deleted = true;
  EXPECT_EQ(sighting.remove(true).result, Removal::refused);
  EXPECT_TRUE(there());
}

// A container's /dev/shm: the file is removed there, and one of the same name here is not touched.
TEST_F(RemovalOfShm, RemovesInAnotherMountNamespace) {
  GINNEL_REQUIRE_ROOT();
  const std::string inside = unique_name();
  auto container = test::fork_child([&](test::Ready ready) {
    const bool moved = ::unshare(CLONE_NEWNS) == 0 &&
                       ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                       ::mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=1m") == 0;
    ready.say(moved && PosixShm::create(inside, Bytes{1}) ? "made" : "refused");
    ready.wait_for_release();
    EXPECT_FALSE(PosixShm::open(inside, PosixShm::Access::read_only));
  });
  if (container.next_line() != "made") GTEST_SKIP() << "needs the right to make a mount namespace";
  const auto made_here = PosixShm::create(inside, Bytes{1});
  const test::AtEnd unlink_here{[&] { static_cast<void>(PosixShm::unlink(inside)); }};

  Sighting sighting{Kind::posix_shm, "shm:" + inside};
  const auto here = file_status(made_here->descriptor());
  ASSERT_TRUE(here);
  for (const Object& object : sighting.snapshot.objects)
    if (object.name == sighting.seen.name && object.id.device != here->device) sighting.seen = object;
  ASSERT_NE(sighting.seen.id.device, here->device);

  const RemovalReport report = sighting.remove();
  EXPECT_EQ(report.result, Removal::removed) << report.text;
  EXPECT_TRUE(PosixShm::open(inside, PosixShm::Access::read_only));
  container.release();
  EXPECT_TRUE(container.wait().success());
}

TEST(RemovalOfSemaphores, RemovesANamedOneThatNobodyHas) {
  const std::string name = unique_name();
  ASSERT_TRUE(PosixSemaphore::create(name));
  const Sighting sighting{Kind::posix_semaphore, "sem:" + name};
  const RemovalReport report = sighting.remove();
  EXPECT_EQ(report.result, Removal::removed) << report.text;
  EXPECT_FALSE(PosixSemaphore::open(name));
}

class RemovalOfQueues : public ::testing::Test {
 protected:
  RemovalOfQueues() : queue_{PosixQueue::create(name_, {.messages = 2, .message_size = Bytes{16}}).value()} {}
  void SetUp() override {
    if (const auto queues = posix_queue_directory(); !queues) GTEST_SKIP() << queues.error().message();
  }
  ~RemovalOfQueues() override { static_cast<void>(PosixQueue::unlink(name_)); }
  [[nodiscard]] bool there() const { return PosixQueue::open(name_, PosixQueue::Access::receive).has_value(); }

  std::string name_ = unique_name();
  std::optional<PosixQueue> queue_;
};

TEST_F(RemovalOfQueues, RemovesWhatNobodyHasOpen) {
  queue_.reset();
  const Sighting sighting{Kind::posix_queue, "mq:" + name_};
  const RemovalReport report = sighting.remove();
  EXPECT_EQ(report.result, Removal::removed) << report.text;
  EXPECT_FALSE(there());
  EXPECT_EQ(sighting.remove().result, Removal::gone);
}

TEST_F(RemovalOfQueues, LeavesWhatSomebodyHasOpenUnlessForced) {
  const Sighting sighting{Kind::posix_queue, "mq:" + name_};
  EXPECT_EQ(sighting.remove().result, Removal::changed);
  EXPECT_TRUE(there());
  EXPECT_EQ(sighting.remove(true).result, Removal::removed);
  EXPECT_FALSE(there());
}

TEST_F(RemovalOfQueues, LeavesWhatWasMadeAnewUnderTheName) {
  queue_.reset();
  const Sighting sighting{Kind::posix_queue, "mq:" + name_};
  ASSERT_TRUE(PosixQueue::unlink(name_));
  ASSERT_TRUE(PosixQueue::create(name_, {.messages = 2, .message_size = Bytes{16}}));
  EXPECT_EQ(sighting.remove().result, Removal::changed);
  EXPECT_EQ(sighting.remove(true).result, Removal::changed);
  EXPECT_TRUE(there());
}

TEST_F(RemovalOfQueues, LeavesWhatWasUsedSinceTheScanUnlessForced) {
  const Sighting sighting{Kind::posix_queue, "mq:" + name_};
  Sighting earlier = sighting;
  *earlier.seen.changed -= std::chrono::nanoseconds{1};
  queue_.reset();
  EXPECT_EQ(earlier.remove().text, "messages came or went meanwhile");
  EXPECT_TRUE(there());
  EXPECT_EQ(earlier.remove(true).result, Removal::removed);
}

TEST(RemovalOfPaths, RemovesAFifoByItsIdentity) {
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("fifo");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const Sighting sighting{Kind::fifo, "fifo:" + path};
  ASSERT_EQ(::rename(path.c_str(), scratch.file("kept").c_str()), 0);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(sighting.remove().result, Removal::changed);
  ASSERT_EQ(::rename(scratch.file("kept").c_str(), path.c_str()), 0);
  EXPECT_EQ(sighting.remove().result, Removal::removed);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(RemovalOfPaths, RemovesASocketPathThatIsBoundByNobodyAndNoOther) {
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("socket");
  auto server = test::fork_child([&](test::Ready ready) {
    const auto listener = UnixListener::listen(UnixType::stream, UnixAddress{.name = path});
    EXPECT_TRUE(listener);
    ready.say();
    ready.stay();
  });
  server.wait_until_ready();
  const Sighting bound{Kind::unix_socket, "unix:" + path};
  EXPECT_EQ(bound.remove(true).result, Removal::refused);
  EXPECT_TRUE(std::filesystem::exists(path));

  server.kill_and_reap(SIGKILL);
  const Sighting stale{Kind::unix_socket, "unix:" + path};
  EXPECT_NE(stale.seen.detail("stale-path"), nullptr);
  EXPECT_EQ(stale.remove().result, Removal::removed);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(RemovalOfWhatHasNoName, IsRefused) {
  for (const Kind kind : {Kind::pipe, Kind::memfd, Kind::eventfd, Kind::futex, Kind::lock}) {
    Object object;
    object.id.kind = kind;
    EXPECT_EQ(remove(Snapshot{}, object, true).result, Removal::refused) << to_string(kind);
  }
}

}  // namespace
}  // namespace ginnel::inventory
