#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "ginnel/inventory/plan.hpp"
#include "ginnel/sys/io.hpp"
#include "ginnel/sys/namespaces.hpp"
#include "ginnel/sys/sysv_queue.hpp"
#include "ginnel/sys/sysv_semaphore.hpp"
#include "ginnel/sys/sysv_shm.hpp"
#include "hand_made.hpp"
#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/ipc_namespace.hpp"

// Removal of real System V objects, each in an IPC namespace of its own.

namespace ginnel::inventory {
namespace {

const std::set<Kind> sysv_kinds{Kind::sysv_shm, Kind::sysv_queue, Kind::sysv_semaphore};

/// The only object of a kind in one IPC namespace.
Object only(const Snapshot& snapshot, Kind kind, std::uint64_t space) {
  std::vector<Object> found;
  for (const Object& object : snapshot.objects)
    if (object.id.kind == kind && object.id.space == space) found.push_back(object);
  EXPECT_EQ(found.size(), 1U) << to_string(kind);
  return found.empty() ? Object{} : found.front();
}

std::uint64_t own_space() { return own_namespace_identity(NamespaceKind::ipc)->inode; }
Snapshot scan_own() { return scan({.kinds = sysv_kinds, .namespaces = NamespaceScope::own, .waits = false}).value(); }

/// Runs a test in a child that is in a new IPC namespace.
void in_new_namespace(const std::function<void()>& body) {
  const bool passed = test::fork_child([&](test::Ready) {
                        test::enter_new_ipc_namespace();
                        body();
                      })
                          .wait()
                          .success();
  EXPECT_TRUE(passed);
}

class RemovalOfSysv : public ::testing::Test {
 protected:
  void SetUp() override { GINNEL_REQUIRE_IPC_NAMESPACE(); }
};

TEST_F(RemovalOfSysv, RemovesEachKindById) {
  in_new_namespace([] {
    ASSERT_TRUE(SysvShm::create(0x51, Bytes{4096}));
    ASSERT_TRUE(SysvQueue::create(0x51));
    ASSERT_TRUE(SysvSemaphoreSet::create(0x51, std::vector<unsigned short>{1}));
    const Snapshot snapshot = scan_own();
    for (const Kind kind : sysv_kinds) {
      const Object seen = only(snapshot, kind, own_space());
      const RemovalReport report = remove(snapshot, seen, false);
      EXPECT_EQ(report.result, Removal::removed) << seen.name << ": " << report.text;
      EXPECT_EQ(remove(snapshot, seen, false).result, Removal::gone);
    }
    EXPECT_TRUE(scan_own().objects.empty());
  });
}

TEST_F(RemovalOfSysv, LeavesASegmentThatSomebodyAttachedSinceTheScan) {
  in_new_namespace([] {
    auto segment = SysvShm::create(0x51, Bytes{4096});
    ASSERT_TRUE(segment);
    const Snapshot snapshot = scan_own();
    const Object seen = only(snapshot, Kind::sysv_shm, own_space());
    const auto attached = segment->attach_read_only();
    const RemovalReport report = remove(snapshot, seen, false);
    EXPECT_EQ(report.result, Removal::changed);
    EXPECT_EQ(report.text, "1 attached now");
    EXPECT_FALSE(segment->statistics()->removal_pending);
    EXPECT_EQ(remove(snapshot, seen, true).result, Removal::removed);
    EXPECT_TRUE(segment->statistics()->removal_pending);
  });
}

// The times that the scan saw are set back: a second has passed for the test, without waiting for it.
TEST_F(RemovalOfSysv, LeavesWhatWasUsedSinceTheScan) {
  in_new_namespace([] {
    ASSERT_TRUE(SysvShm::create(0x51, Bytes{4096}));
    ASSERT_TRUE(SysvQueue::create(0x51));
    ASSERT_TRUE(SysvSemaphoreSet::create(0x51, std::vector<unsigned short>{1}));
    const Snapshot snapshot = scan_own();
    for (const auto& [kind, time] : {std::pair{Kind::sysv_shm, "dtime"}, std::pair{Kind::sysv_queue, "rtime"},
                                     std::pair{Kind::sysv_semaphore, "otime"}}) {
      Object seen = only(snapshot, kind, own_space());
      hand_made::set_detail(seen, time, "1");
      EXPECT_EQ(remove(snapshot, seen, false).result, Removal::changed) << seen.name;
    }
    EXPECT_EQ(scan_own().objects.size(), 3U);
  });
}

TEST_F(RemovalOfSysv, LeavesAQueueToWhichAMessageCame) {
  in_new_namespace([] {
    auto queue = SysvQueue::create(0x51);
    ASSERT_TRUE(queue);
    const Snapshot snapshot = scan_own();
    const Object seen = only(snapshot, Kind::sysv_queue, own_space());
    ASSERT_TRUE(queue->send(1, as_bytes("news")));
    const RemovalReport report = remove(snapshot, seen, false);
    EXPECT_EQ(report.result, Removal::changed);
    EXPECT_EQ(report.text, "messages came or went meanwhile");
    EXPECT_EQ(remove(snapshot, seen, true).result, Removal::removed);
  });
}

/// Removal is refused while a child does this, and goes on when forced, which ends the wait.
void expect_left_alone_while(const std::function<bool()>& waits_till_removed, long system_call, Kind kind) {
  const Snapshot snapshot = scan_own();
  const Object seen = only(snapshot, kind, own_space());
  auto waiter = test::fork_child([&](test::Ready) { EXPECT_TRUE(waits_till_removed()); });
  test::wait_until_blocked_in(waiter.pid(), system_call);
  const RemovalReport report = remove(snapshot, seen, false);
  EXPECT_EQ(report.result, Removal::changed);
  EXPECT_EQ(report.text, "1 thread waits for it now");
  EXPECT_EQ(remove(snapshot, seen, true).result, Removal::removed);
  EXPECT_TRUE(waiter.wait().success());
}

// The last semaphore of a set that is longer than what a scan looks at.
TEST_F(RemovalOfSysv, LeavesASetForWhichSomebodyBeganToWait) {
  for (const short change : {short{0}, short{-2}})
    in_new_namespace([change] {
      auto set = SysvSemaphoreSet::create(0x51, std::vector<unsigned short>(100, 1));
      ASSERT_TRUE(set);
      const auto waits = [&] {
        const SemaphoreStep step{.index = 99, .change = change};
        const auto outcome = set->operate({&step, 1});
        return outcome && outcome->is<Removed>();
      };
      expect_left_alone_while(waits, SYS_semtimedop, Kind::sysv_semaphore);
    });
}

TEST_F(RemovalOfSysv, LeavesAQueueAtWhichSomebodyBeganToWait) {
  in_new_namespace([] {
    auto queue = SysvQueue::create(0x51);
    ASSERT_TRUE(queue);
    const auto waits = [&] {
      const auto outcome = queue->receive();
      return outcome && outcome->is<Removed>();
    };
    expect_left_alone_while(waits, SYS_msgrcv, Kind::sysv_queue);
  });
}

TEST_F(RemovalOfSysv, LeavesAQueueAtWhichOneOfItsUsersThreadsWaits) {
  in_new_namespace([] {
    auto queue = SysvQueue::create(0x51);
    ASSERT_TRUE(queue);
    const Snapshot snapshot = scan_own();
    const Object seen = only(snapshot, Kind::sysv_queue, own_space());
    std::atomic<pid_t> tid = 0;
    std::thread receiver{[&] {
      tid = ::gettid();
      EXPECT_TRUE(queue->receive()->is<Removed>());
    }};
    while (tid == 0) std::this_thread::yield();
    test::wait_until_blocked_in(tid, SYS_msgrcv);
    EXPECT_EQ(remove(snapshot, seen, false).text, "1 thread waits for it now");
    EXPECT_EQ(remove(snapshot, seen, true).result, Removal::removed);
    receiver.join();
  });
}

// Ids are counted in each namespace anew: the first queue of each has the same.
TEST_F(RemovalOfSysv, TakesAWaiterOfAnotherNamespaceForNoneOfThisOne) {
  in_new_namespace([] {
    auto elsewhere = test::fork_child([](test::Ready) {
      test::enter_new_ipc_namespace();
      auto queue = SysvQueue::create(0x51);
      ASSERT_TRUE(queue);
      static_cast<void>(queue->receive());
    });
    test::wait_until_blocked_in(elsewhere.pid(), SYS_msgrcv);
    auto queue = SysvQueue::create(0x51);
    ASSERT_TRUE(queue);
    const Snapshot snapshot = scan_own();
    const RemovalReport report = remove(snapshot, only(snapshot, Kind::sysv_queue, own_space()), false);
    EXPECT_EQ(report.result, Removal::removed) << report.text;
  });
}

TEST_F(RemovalOfSysv, LeavesWhatWasMadeAnewUnderTheKey) {
  in_new_namespace([] {
    auto segment = SysvShm::create(0x51, Bytes{4096});
    ASSERT_TRUE(segment);
    const Snapshot snapshot = scan_own();
    const Object seen = only(snapshot, Kind::sysv_shm, own_space());
    ASSERT_TRUE(segment->remove());
    ASSERT_TRUE(SysvShm::create(0x51, Bytes{4096}));
    EXPECT_EQ(remove(snapshot, seen, true).result, Removal::gone);
    EXPECT_EQ(scan_own().objects.size(), 1U);

    Object same_id = only(scan_own(), Kind::sysv_shm, own_space());
    --same_id.id.generation;  // as if the kernel had given the id again
    EXPECT_EQ(remove(snapshot, same_id, true).result, Removal::changed);
  });
}

class RemovalElsewhere : public RemovalOfSysv {
 protected:
  /// A process in a namespace of its own, with one segment; at its end it says how many are left.
  static test::ChildProcess fork_container() {
    return test::fork_child([](test::Ready ready) {
      test::enter_new_ipc_namespace();
      EXPECT_TRUE(SysvShm::create(0x51, Bytes{4096}));
      ready.say(std::to_string(own_space()));
      ready.wait_for_release();
      ready.say(std::to_string(scan_own().objects.size()));
    });
  }
};

TEST_F(RemovalElsewhere, RemovesInTheNamespaceOfTheObject) {
  auto container = fork_container();
  const std::uint64_t space = std::stoull(container.next_line());
  const Snapshot snapshot = scan({.kinds = sysv_kinds, .waits = false}).value();
  const RemovalReport report = remove(snapshot, only(snapshot, Kind::sysv_shm, space), false);
  EXPECT_EQ(report.result, Removal::removed) << report.text;
  container.release();
  EXPECT_EQ(container.next_line(), "0");
}

// The process that led there may be gone, and its pid a process's of another namespace, with an object of the same id.
TEST_F(RemovalElsewhere, RefusesWhenTheWayLeadsToAnotherNamespace) {
  auto container = fork_container();
  auto other = fork_container();
  const std::uint64_t space = std::stoull(container.next_line());
  other.wait_until_ready();
  Snapshot snapshot = scan({.kinds = sysv_kinds, .waits = false}).value();
  const Object seen = only(snapshot, Kind::sysv_shm, space);
  for (NamespaceInfo& info : snapshot.coverage.namespaces)
    if (info.kind == NamespaceKind::ipc && info.inode == space) info.member = other.pid();

  EXPECT_EQ(remove(snapshot, seen, true).result, Removal::refused);
  for (auto* untouched : {&container, &other}) {
    untouched->release();
    EXPECT_EQ(untouched->next_line(), "1");
  }
}

TEST_F(RemovalElsewhere, RefusesWhatIsOfANamespaceThatWasNotSeen) {
  const RemovalReport report = remove(Snapshot{}, hand_made::left_segment(), true);
  EXPECT_EQ(report.result, Removal::refused);
  EXPECT_EQ(report.text, "its IPC namespace was not seen");
}

}  // namespace
}  // namespace ginnel::inventory
