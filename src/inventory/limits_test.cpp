#include "ginnel/inventory/limits.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <set>
#include <stdexcept>

#include "explain_table.hpp"
#include "ginnel/sys/pipe.hpp"
#include "ginnel/sys/posix_queue.hpp"
#include "ginnel/sys/posix_shm.hpp"
#include "ginnel/sys/sysv_queue.hpp"
#include "support/child_process.hpp"
#include "support/ipc_namespace.hpp"
#include "support/scratch.hpp"

// Limits of real processes that have used them up, and what is explained of it. The machine's own limits stay untouched.

namespace ginnel::inventory {
namespace {

/// A user who has nothing else: what it uses is what the test made.
unsigned lonely_user() { return 700'000 + static_cast<unsigned>(::getpid()) % 100'000; }

/// Aborts the child when something that the test stands on is refused.
void require(bool succeeded) {
  if (!succeeded) ::_exit(EXIT_FAILURE);
}

Snapshot see(const std::set<Kind>& kinds) { return scan({.kinds = kinds, .waits = false}).value(); }

/// The first limit of a name and unit.
const Limit& find(const std::vector<Limit>& all, std::string_view name, std::string_view unit = {}) {
  const auto found = std::ranges::find_if(
      all, [&](const Limit& limit) { return limit.name == name && (unit.empty() || limit.unit == unit); });
  if (found == all.end()) throw std::runtime_error{"no limit " + std::string{name}};
  return *found;
}

TEST(Limits, EachIsToldOnceWithWhatHappensAndHowToRaiseIt) {
  const Snapshot snapshot = see({Kind::pipe});
  const auto all = limits(snapshot, ::getpid());
  ASSERT_TRUE(all.has_value()) << all.error().message();
  std::set<std::string> seen;
  for (const Limit& limit : *all) {
    EXPECT_TRUE(seen.insert(limit.name + limit.place + std::string{limit.unit}).second) << limit.name << " twice";
    EXPECT_FALSE(limit.unit.empty() || limit.at_limit.empty() || limit.raise.empty()) << limit.name;
    EXPECT_TRUE(limit.value.known() || !limit.value.reason().empty()) << limit.name;
    EXPECT_TRUE(limit.used.known() || !limit.used.reason().empty()) << limit.name;
  }
}

TEST(Limits, AreTheOnesThatExplanationsSpeakOf) {
  const auto all = limits(see({Kind::pipe}), ::getpid());
  ASSERT_TRUE(all.has_value());
  // Which of these there are hangs on the machine.
  std::set<std::string_view> names{"memory.max", "memory.limit_in_bytes", "pids.max", "$XDG_RUNTIME_DIR"};
  for (const Limit& limit : *all) names.insert(limit.name);
  for (const Meaning& row : meanings())
    for (const std::string_view name : row.limits)
      EXPECT_TRUE(name.empty() || names.contains(name)) << row.error << " of " << row.call << " names " << name;
}

TEST(Limits, OfNobodyAreRefused) {
  const Snapshot snapshot = see({Kind::pipe});
  EXPECT_EQ(limits(snapshot, 0x7fff'ffff).error().code(), ESRCH);

  auto ended = test::fork_child([](test::Ready ready) { ready.stay(); });
  const pid_t pid = ended.pid();
  const Snapshot before = see({Kind::pipe});
  ended.kill_and_reap(SIGKILL);
  EXPECT_EQ(limits(before, pid).error().code(), ESRCH);
}

TEST(Limits, DescriptorsCountUpToTheLimitOnly) {
  auto child = test::fork_child([](test::Ready ready) {
    constexpr rlimit lowered{.rlim_cur = 40, .rlim_max = 40};
    require(::fcntl(0, F_DUPFD, 200) >= 200);  // from before the limit was lowered: takes no number below it
    require(::setrlimit(RLIMIT_NOFILE, &lowered) == 0);
    while (::dup(0) >= 0) continue;
    require(errno == EMFILE);
    ready.say();
    ready.stay();
  });
  child.wait_until_ready();
  const Snapshot snapshot = see({Kind::pipe});
  const auto all = limits(snapshot, child.pid());
  ASSERT_TRUE(all.has_value()) << all.error().message();
  const Limit& descriptors = find(*all, "RLIMIT_NOFILE");
  EXPECT_EQ(*descriptors.value, 40U);
  EXPECT_EQ(*descriptors.used, 40U);

  const auto explained = explain(snapshot, *all, "EMFILE", "open");
  ASSERT_TRUE(explained.has_value());
  EXPECT_TRUE(explained->front().likely);
  EXPECT_FALSE(explained->front().users.empty());
  EXPECT_FALSE(explain(snapshot, *limits(snapshot, ::getpid()), "EMFILE", "open")->front().likely);
}

/// Makes two queues in an IPC namespace that allows so many, and stays.
test::ChildProcess with_two_queues(const std::string& allowed) {
  auto child = test::fork_child([&](test::Ready ready) {
    test::enter_new_ipc_namespace();
    test::set_kernel_setting("kernel.msgmni", allowed);
    const auto first = SysvQueue::create(std::nullopt);
    const auto second = SysvQueue::create(std::nullopt);
    require(first && second);
    require(SysvQueue::create(std::nullopt).has_value() == (allowed != "2"));
    ready.say();
    ready.stay();
  });
  child.wait_until_ready();
  return child;
}

TEST(Limits, OfAnIpcNamespaceAreReadInside) {
  GINNEL_REQUIRE_IPC_NAMESPACE();
  const auto child = with_two_queues("2");
  const Snapshot snapshot = see({Kind::sysv_queue});
  const auto all = limits(snapshot, child.pid());
  ASSERT_TRUE(all.has_value()) << all.error().message();
  EXPECT_EQ(*find(*all, "kernel.msgmni").value, 2U);
  EXPECT_EQ(*find(*all, "kernel.msgmni").used, 2U);
  EXPECT_NE(*find(*limits(snapshot, ::getpid()), "kernel.msgmni").value, 2U);

  const auto explained = explain(snapshot, *all, "ENOSPC");
  ASSERT_TRUE(explained.has_value());
  const auto msgget = std::ranges::find(*explained, "msgget", &Explanation::call);
  EXPECT_TRUE(msgget->likely);
  EXPECT_EQ(msgget->here, (std::vector<std::string>{"kernel.msgmni: 2 of 2 queues in use"}));
  EXPECT_EQ(msgget->users, (std::vector<std::string>{"uid 0: 2 queues"}));
  EXPECT_FALSE(std::ranges::find(*explained, "semget", &Explanation::call)->likely);
}

TEST(Limits, OfWhichMuchIsLeftAreNotLikely) {
  GINNEL_REQUIRE_IPC_NAMESPACE();
  const auto child = with_two_queues("32");
  const Snapshot snapshot = see({Kind::sysv_queue});
  EXPECT_FALSE(explain(snapshot, *limits(snapshot, child.pid()), "ENOSPC", "msgget")->front().likely);
}

// The kernel refuses the queue that would go over: so the computed use and one queue more must be over the limit, too.
TEST(Limits, QueueBytesAreCountedAsTheKernelDoes) {
  GINNEL_REQUIRE_IPC_NAMESPACE();
  auto child = test::fork_child([](test::Ready ready) {
    test::enter_new_ipc_namespace();
    test::become_user(lonely_user());
    std::vector<PosixQueue> queues;
    while (auto queue = PosixQueue::create(test::unique_name())) queues.push_back(std::move(*queue));
    require(errno == EMFILE);
    ready.say();
    ready.stay();
  });
  child.wait_until_ready();
  const Snapshot snapshot = see({Kind::posix_queue});
  const auto all = limits(snapshot, child.pid());
  ASSERT_TRUE(all.has_value()) << all.error().message();
  const Limit& bytes = find(*all, "RLIMIT_MSGQUEUE");
  ASSERT_TRUE(bytes.value && bytes.used);
  EXPECT_LE(*bytes.used, *bytes.value);
  EXPECT_GT(*bytes.used + counted_bytes(10, Bytes{8192}).count(), *bytes.value);
  EXPECT_TRUE(explain(snapshot, *all, "EMFILE", "mq_open")->front().likely);
}

TEST(Limits, OfAUserCountWhatTheUserHas) {
  GINNEL_REQUIRE_ROOT();
  auto child = test::fork_child([](test::Ready ready) {
    test::become_user(lonely_user());
    std::array<Pipe, 3> pipes{*Pipe::create(), *Pipe::create(), *Pipe::create()};
    const int watcher = ::inotify_init1(IN_CLOEXEC);
    require(::inotify_add_watch(watcher, "/", IN_DELETE) > 0 && ::inotify_add_watch(watcher, "/tmp", IN_DELETE) > 0);
    sigset_t blocked;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGRTMIN);
    require(::sigprocmask(SIG_BLOCK, &blocked, nullptr) == 0);
    for (int i = 0; i < 5; ++i) require(::sigqueue(::getpid(), SIGRTMIN, {.sival_int = i}) == 0);
    ready.say();
    ready.stay();
  });
  child.wait_until_ready();
  const Snapshot snapshot = see({Kind::pipe, Kind::signal});
  const auto all = limits(snapshot, child.pid());
  ASSERT_TRUE(all.has_value()) << all.error().message();
  EXPECT_EQ(*find(*all, "fs.pipe-user-pages-soft").used, 48U);
  EXPECT_EQ(*find(*all, "fs.inotify.max_user_instances").used, 1U);
  EXPECT_EQ(*find(*all, "fs.inotify.max_user_watches").used, 2U);
  EXPECT_EQ(*find(*all, "RLIMIT_SIGPENDING").used, 5U);
  EXPECT_EQ(*find(*all, "RLIMIT_NPROC").used, 1U);
}

TEST(Limits, AFullShmOfAContainerExplainsSigbus) {
  GINNEL_REQUIRE_ROOT();
  const std::string name = test::unique_name();
  auto child = test::fork_child([&](test::Ready ready) {
    require(::unshare(CLONE_NEWNS) == 0);
    require(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
    require(::mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=256k") == 0);
    const auto memory = PosixShm::create(name, Bytes::kib(256));
    require(memory.has_value());
    require(PosixShm::create(name + "-more", Bytes::kib(4)).error().code() == ENOSPC);
    ready.say();
    ready.stay();
  });
  child.wait_until_ready();
  const Snapshot snapshot = see({Kind::posix_shm});
  const auto all = limits(snapshot, child.pid());
  ASSERT_TRUE(all.has_value()) << all.error().message();
  const Limit& room = find(*all, "/dev/shm", "bytes");
  EXPECT_EQ(*room.value, 256U << 10U);
  EXPECT_EQ(*room.used, 256U << 10U);
  ASSERT_EQ(room.consumers.size(), 1U);
  EXPECT_EQ(room.consumers[0], (Consumer{"shm:" + name, 256U << 10U}));

  const auto explained = explain(snapshot, *all, "SIGBUS");
  ASSERT_TRUE(explained.has_value());
  EXPECT_TRUE(explained->front().likely);
  EXPECT_EQ(explained->front().limits.front(), "/dev/shm");
}

// A process of another user tells its limits and its status, but neither its descriptors nor its root.
TEST(Limits, WhatMayNotBeReadHasAReasonAndIsNeverZero) {
  GINNEL_REQUIRE_ROOT();
  auto other = test::fork_child([](test::Ready ready) {
    ready.say();
    ready.stay();
  });
  other.wait_until_ready();
  const auto ended = test::fork_child_as(test::other_uid, [&](test::Ready) {
                       const Snapshot snapshot = see({Kind::pipe});
                       const auto all = limits(snapshot, other.pid());
                       ASSERT_TRUE(all.has_value()) << all.error().message();
                       EXPECT_TRUE(find(*all, "RLIMIT_NOFILE").value.known());
                       EXPECT_EQ(find(*all, "RLIMIT_NOFILE").used.reason(), "another user's process");
                       EXPECT_EQ(find(*all, "vm.max_map_count").used.reason(), "another user's process");
                       EXPECT_EQ(find(*all, "/dev/shm").value.reason(), "another user's process");
                       EXPECT_EQ(find(*all, "kernel.msgmni").value.reason(), "another user's process");
                     }).wait();
  EXPECT_TRUE(ended.success()) << ended.to_string();
}

}  // namespace
}  // namespace ginnel::inventory
