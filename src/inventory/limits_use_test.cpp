#include "limits_use.hpp"

#include <gtest/gtest.h>

#include "hand_made.hpp"

namespace ginnel::inventory {
namespace {

using hand_made::own_ipc;
using hand_made::some_user;

/// A machine with one process of some_user, from which everything is looked at.
class UseOfLimits : public ::testing::Test {
 protected:
  static constexpr pid_t pid = 50;

  void SetUp() override { hand_made::add(snapshot_, hand_made::process(pid, "app", some_user)); }

  [[nodiscard]] Use use(Use (*count)(const Viewpoint&)) const {
    return count({.snapshot = snapshot_, .process = *snapshot_.process(pid), .descriptors = descriptors_});
  }
  void add_pipe(std::uint64_t number, std::uint64_t capacity, pid_t holder) {
    Object pipe = hand_made::object(Kind::pipe, "", number);
    pipe.fill = hand_made::fill(0, capacity, Unit::bytes);
    // Both ends in one process: it counts once.
    pipe.holders = {{.pid = holder, .tid = holder, .fd = 3, .access = Access::read},
                    {.pid = holder, .tid = holder, .fd = 4, .access = Access::write}};
    hand_made::add(snapshot_, pipe);
  }

  Snapshot snapshot_ = hand_made::quiet_machine();
  std::vector<DescriptorCount> descriptors_;
};

TEST_F(UseOfLimits, CountsTheObjectsOfTheProcessesIpcNamespaceOnly) {
  Object one = hand_made::left_sysv_queue();
  Object other = one;
  other.id.number = 8;
  other.owner = 0;
  Object elsewhere = one;
  elsewhere.id.space = own_ipc + 1;
  for (const Object& object : {one, other, elsewhere}) hand_made::add(snapshot_, object);

  const Use queues = use(used_sysv_queues);
  EXPECT_EQ(*queues.amount, 2U);
  EXPECT_EQ(queues.consumers, (std::vector<Consumer>{{"uid 0", 1}, {"uid 1000", 1}}));
  EXPECT_EQ(*use(used_semaphore_sets).amount, 0U);
}

TEST_F(UseOfLimits, ANamespaceThatWasNotVisitedIsNotEmpty) {
  snapshot_.coverage.namespaces.clear();
  EXPECT_EQ(use(used_segments).amount.reason(), "its IPC namespace was not visited");
  hand_made::add_unvisited(snapshot_, NamespaceKind::ipc, own_ipc);
  EXPECT_EQ(use(used_segments).amount.reason(), "needs CAP_SYS_ADMIN");
}

TEST_F(UseOfLimits, QueuesThatAreNotListedAreNotNone) {
  EXPECT_EQ(*use(used_posix_queues).amount, 0U);
  EXPECT_EQ(*use(used_queue_bytes).amount, 0U);
  for (NamespaceInfo& space : snapshot_.coverage.namespaces)
    if (space.kind == NamespaceKind::ipc) space.queues_listed = false;
  for (const auto count : {used_posix_queues, used_queue_bytes})
    EXPECT_EQ(use(count).amount.reason(), "POSIX queues are not listed: needs CAP_SYS_ADMIN, or mqueue mounted");
  EXPECT_EQ(*use(used_sysv_queues).amount, 0U);
}

TEST_F(UseOfLimits, OfAUserWhoseProcessesAreAllClosedIsUnknown) {
  for (const auto count : {used_pipe_pages, used_epoll_watches, used_inotify_instances, used_inotify_watches})
    EXPECT_TRUE(use(count).amount.known());
  snapshot_.processes.back().descriptors_readable = false;
  for (const auto count : {used_pipe_pages, used_epoll_watches, used_inotify_instances, used_inotify_watches})
    EXPECT_EQ(use(count).amount.reason(), "another user's processes");
}

TEST_F(UseOfLimits, SegmentsCountByWholePages) {
  Object segment = hand_made::left_segment();
  segment.fill = hand_made::fill(0, 4097, Unit::bytes);
  hand_made::add(snapshot_, segment);
  EXPECT_EQ(*use(used_segment_pages).amount, 2U);
  EXPECT_EQ(*use(used_segments).amount, 1U);
}

TEST_F(UseOfLimits, SemaphoresCountOneByOne) {
  Object set = hand_made::left_sysv_semaphores();
  hand_made::set_detail(set, "nsems", "250");
  hand_made::add(snapshot_, set);
  EXPECT_EQ(*use(used_semaphores).amount, 250U);
  EXPECT_EQ(*use(used_semaphore_sets).amount, 1U);
}

// The sum of getrlimit(2): 10 messages of 8192 bytes count 82,880.
TEST_F(UseOfLimits, QueueBytesAreThoseOfTheManPage) {
  Object queue = hand_made::left_posix_queue();
  hand_made::set_detail(queue, "message-size", "8192");
  hand_made::add(snapshot_, queue);
  Object foreign = queue;
  foreign.id.number = 9;
  foreign.owner = some_user + 1;
  hand_made::add(snapshot_, foreign);

  const Use bytes = use(used_queue_bytes);
  EXPECT_EQ(*bytes.amount, 82'880U);
  EXPECT_EQ(bytes.consumers, (std::vector<Consumer>{{"mq:/jobs", 82'880}}));
  EXPECT_FALSE(bytes.estimate.empty());
}

TEST_F(UseOfLimits, PipePagesAreAddedUpForTheUserAndForEachProcess) {
  hand_made::add(snapshot_, hand_made::process(51, "other", some_user));
  add_pipe(1, 65'536, pid);
  add_pipe(2, 4'096, pid);
  add_pipe(3, 1'048'576, 51);
  const Use pages = use(used_pipe_pages);
  EXPECT_EQ(*pages.amount, 16U + 1U + 256U);
  EXPECT_EQ(pages.consumers, (std::vector<Consumer>{{"other(51)", 256}, {"app(50)", 17}}));
}

TEST_F(UseOfLimits, ThreadsAreThoseOfTheUser) {
  ProcessInfo busy = hand_made::process(51, "busy", some_user);
  busy.threads = 40;
  hand_made::add(snapshot_, busy);
  const Use threads = use(used_user_threads);
  EXPECT_EQ(*threads.amount, 41U);
  EXPECT_EQ(threads.consumers.front(), (Consumer{"busy(51)", 40}));
  EXPECT_EQ(*use(used_threads).amount, 42U);
}

TEST_F(UseOfLimits, WatchesAreThoseOfTheUsersProcesses) {
  descriptors_ = {{.pid = pid, .open = 9, .inotify_instances = 2, .inotify_watches = 30},
                  {.pid = 1, .open = 4, .inotify_instances = 1, .inotify_watches = 500}};
  EXPECT_EQ(*use(used_inotify_instances).amount, 2U);
  EXPECT_EQ(*use(used_inotify_watches).amount, 30U);
  EXPECT_EQ(*use(used_open_files).amount, 13U);
}

TEST_F(UseOfLimits, AUserWhoIsNotToldHasNoUse) {
  auto& process = *std::ranges::find(snapshot_.processes, pid, &ProcessInfo::pid);
  process.user = Fact<std::uint32_t>::missing("it has ended");
  for (const auto& count : {used_queue_bytes, used_pipe_pages, used_inotify_watches, used_user_threads})
    EXPECT_EQ(use(count).amount.reason(), "it has ended");
}

TEST_F(UseOfLimits, NamespacesOfTheFirstProcessAreNobodysOwn) {
  ProcessInfo contained = hand_made::process(51, "contained", some_user);
  contained.ipc_namespace = own_ipc + 1;
  hand_made::add(snapshot_, contained);
  contained.pid = 52;
  hand_made::add(snapshot_, contained);
  const Use namespaces =
      used_namespaces({.snapshot = snapshot_, .process = *snapshot_.process(pid), .descriptors = descriptors_},
                      &ProcessInfo::ipc_namespace);
  EXPECT_EQ(*namespaces.amount, 1U);
}

// An ordinary user may not look into the first process.
TEST_F(UseOfLimits, NamespacesOfTheBootAreKnownByTheirNumbers) {
  constexpr std::uint64_t first_ipc_namespace = 4'026'531'839;
  for (ProcessInfo& process : snapshot_.processes) process.ipc_namespace = first_ipc_namespace;
  snapshot_.processes.front().ipc_namespace = Fact<std::uint64_t>::missing("another user's process");
  const auto count = [&] {
    return *used_namespaces({.snapshot = snapshot_, .process = *snapshot_.process(pid), .descriptors = descriptors_},
                            &ProcessInfo::ipc_namespace)
                .amount;
  };
  EXPECT_EQ(count(), 0U);
  hand_made::add(snapshot_, hand_made::process(51, "contained", some_user));
  EXPECT_EQ(count(), 1U);
}

TEST(Tally, KeepsTheTenLargest) {
  Tally tally;
  for (std::uint64_t i = 0; i < 15; ++i) tally.add("user " + std::to_string(i), i);
  tally.add("user 3", 100);
  const auto consumers = tally.largest_first();
  ASSERT_EQ(consumers.size(), 10U);
  EXPECT_EQ(consumers[0], (Consumer{"user 3", 103}));
  EXPECT_EQ(consumers[1], (Consumer{"user 14", 14}));
  EXPECT_EQ(tally.total(), 205U);
}

}  // namespace
}  // namespace ginnel::inventory
