#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>

#include "explain_table.hpp"
#include "ginnel/inventory/limits.hpp"
#include "hand_made.hpp"

namespace ginnel::inventory {
namespace {

Limit limit(std::string name, Fact<std::uint64_t> value, Fact<std::uint64_t> used) {
  Limit made;
  made.name = std::move(name);
  made.value = value;
  made.used = used;
  made.unit = "queues";
  return made;
}

Explanation only(const Snapshot& snapshot, const std::vector<Limit>& limits, std::string_view error,
                 std::string_view call) {
  const auto explanations = explain(snapshot, limits, error, call);
  EXPECT_TRUE(explanations && explanations->size() == 1) << error << " of " << call;
  return explanations && !explanations->empty() ? explanations->front() : Explanation{};
}

TEST(Explain, KnowsWhatIpcCallsGive) {
  for (const char* error :
       {"ENOSPC",       "EMFILE",          "ENFILE",       "EADDRINUSE",  "EAGAIN",   "EINVAL",  "ENOMEM",
        "ETOOMANYREFS", "EMSGSIZE",        "ENOBUFS",      "E2BIG",       "EPERM",    "EBUSY",   "EIDRM",
        "EOWNERDEAD",   "ENOTRECOVERABLE", "ECONNREFUSED", "ENXIO",       "EPIPE",    "EDEADLK", "ERANGE",
        "ENOLCK",       "EACCES",          "EEXIST",       "SIGBUS",      "SIGPIPE",  "EDQUOT",  "ECONNRESET",
        "EINTR",        "ETIMEDOUT",       "ENOENT",       "EWOULDBLOCK", "EDEADLOCK"}) {
    const auto explanations = explain(hand_made::quiet_machine(), {}, error);
    ASSERT_TRUE(explanations.has_value()) << error;
    EXPECT_FALSE(explanations->empty()) << error;
  }
}

TEST(Explain, KnowsAnErrnoByEachOfItsNamesAndACallInAnyLetters) {
  const auto calls = [](std::string_view error, std::string_view call) {
    std::vector<std::string_view> found;
    const auto explanations = explain(hand_made::quiet_machine(), {}, error, call);
    EXPECT_TRUE(explanations.has_value()) << error << " of " << call;
    if (explanations)
      for (const Explanation& explanation : *explanations) found.push_back(explanation.call);
    return found;
  };
  EXPECT_EQ(calls("EWOULDBLOCK", {}), calls("EAGAIN", {}));
  EXPECT_EQ(calls("EWOULDBLOCK", "FLOCK"), (std::vector<std::string_view>{"flock"}));
  EXPECT_EQ(calls("ENOENT", "MQ_Open"), (std::vector<std::string_view>{"mq_open"}));
}

// What may be called again, and what must not be.
TEST(Explain, AnInterruptedCallIsOneThatTheKernelDoesNotBeginAnew) {
  const Snapshot snapshot = hand_made::quiet_machine();
  for (const char* call : {"poll", "select", "epoll_wait", "msgsnd", "msgrcv", "semop", "sigtimedwait"})
    EXPECT_NE(only(snapshot, {}, "EINTR", call).tell.find("SA_RESTART or not"), std::string_view::npos) << call;
  for (const char* call : {"read", "write", "accept", "recvmsg", "sendmsg", "mq_send", "mq_receive", "sem_wait"})
    EXPECT_NE(only(snapshot, {}, "EINTR", call).tell.find("without SA_RESTART"), std::string_view::npos) << call;
  EXPECT_TRUE(only(snapshot, {}, "EINTR", "close").remedy.starts_with("never"));
}

TEST(Explain, EachMeaningSaysAllThatAnEngineerNeeds) {
  for (const Meaning& row : meanings()) {
    const std::string where = std::string{row.error} + " of " + std::string{row.call};
    for (const std::string_view text : {row.error, row.call, row.meaning, row.tell, row.remedy, row.source})
      EXPECT_FALSE(text.empty()) << where;
    EXPECT_TRUE(row.meaning.ends_with('.')) << where;
    EXPECT_NE(row.source.find('('), std::string_view::npos) << where;
  }
}

TEST(Explain, ALimitThatIsReachedIsLikelyAndComesFirst) {
  std::vector<Limit> limits{limit("kernel.msgmni", 10, 10), limit("kernel.sem SEMMNI", 10, 3)};
  limits[0].consumers = {{"uid 1000", 9}, {"uid 0", 1}};
  const auto all = explain(hand_made::quiet_machine(), limits, "ENOSPC");
  ASSERT_TRUE(all.has_value());
  ASSERT_GT(all->size(), 1U);
  EXPECT_EQ(all->front().call, "msgget");
  EXPECT_TRUE(all->front().likely);
  EXPECT_FALSE((*all)[1].likely);
  EXPECT_EQ(all->front().here, (std::vector<std::string>{"kernel.msgmni: 10 of 10 queues in use"}));
  EXPECT_EQ(all->front().users, (std::vector<std::string>{"uid 1000: 9 queues", "uid 0: 1 queue"}));
}

TEST(Explain, NineTenthsAreNearlyReached) {
  EXPECT_TRUE(limit("x", 100, 90).nearly_reached());
  EXPECT_FALSE(limit("x", 100, 89).nearly_reached());
  EXPECT_TRUE(limit("x", 0, 0).nearly_reached());
  EXPECT_FALSE(limit("x", UINT64_MAX, 1).nearly_reached());
  EXPECT_TRUE(limit("x", UINT64_MAX, UINT64_MAX).nearly_reached());
  EXPECT_FALSE(limit("x", Fact<std::uint64_t>::missing("unlimited"), 7).nearly_reached());
  EXPECT_FALSE(limit("x", 7, Fact<std::uint64_t>::missing("not told")).nearly_reached());
}

TEST(Explain, WhatIsNotKnownIsSaidAndNeverCountedAsNothing) {
  Limit of_cgroup = limit("pids.max", Fact<std::uint64_t>::missing("unlimited"), 12);
  of_cgroup.place = "/job";
  const std::vector<Limit> limits{limit("RLIMIT_NPROC", 100, Fact<std::uint64_t>::missing("another user's process")),
                                  of_cgroup};
  const Explanation fork = only(hand_made::quiet_machine(), limits, "EAGAIN", "fork");
  EXPECT_EQ(fork.here,
            (std::vector<std::string>{"RLIMIT_NPROC: 100 queues", "pids.max of /job: unlimited, 12 queues in use"}));
  EXPECT_FALSE(fork.likely);
}

TEST(Explain, RefusesWhatItDoesNotKnowAndListsWhatItDoes) {
  const auto unknown = explain(hand_made::quiet_machine(), {}, "EFOO");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().code(), EINVAL);
  EXPECT_NE(unknown.error().hint().find("ENOSPC"), std::string::npos);
  const auto call = explain(hand_made::quiet_machine(), {}, "ENOSPC", "kill");
  ASSERT_FALSE(call.has_value());
  EXPECT_NE(call.error().hint().find("msgget"), std::string::npos);
  EXPECT_EQ(call.error().hint().find("sigqueue"), std::string::npos);
}

TEST(Explain, EmfileOfMqOpenHasTwoCausesAndTellsThemApart) {
  const std::vector<Limit> limits{limit("RLIMIT_NOFILE", 1024, 20), limit("RLIMIT_MSGQUEUE", 819'200, 745'920)};
  const auto both = explain(hand_made::quiet_machine(), limits, "EMFILE", "mq_open");
  ASSERT_TRUE(both && both->size() == 2);
  EXPECT_EQ((*both)[0].limits, (std::vector<std::string_view>{"RLIMIT_MSGQUEUE"}));
  EXPECT_TRUE((*both)[0].likely);
  EXPECT_FALSE((*both)[1].likely);
}

TEST(Explain, ABoundNameIsAStalePathOrSomebodysServer) {
  Snapshot snapshot = hand_made::quiet_machine();
  hand_made::add(snapshot, hand_made::process(70, "nginx"));
  Object server = hand_made::object(Kind::unix_socket, "unix:/run/web", 3);
  server.details = {{"state", "listening"}};
  server.holders = {{.pid = 70, .tid = 70, .fd = 5, .access = Access::read_write}};
  hand_made::add(snapshot, server);
  const Explanation alive = only(snapshot, {}, "EADDRINUSE", "bind");
  EXPECT_EQ(alive.users, (std::vector<std::string>{"unix:/run/web: served by nginx(70)"}));
  EXPECT_FALSE(alive.likely);

  hand_made::add(snapshot, hand_made::left_socket_path());
  const Explanation stale = only(snapshot, {}, "EADDRINUSE", "bind");
  ASSERT_EQ(stale.here.size(), 1U);
  EXPECT_TRUE(stale.here[0].starts_with("unix:/tmp/s is a path"));
  EXPECT_TRUE(stale.likely);
  EXPECT_TRUE(only(snapshot, {}, "ECONNREFUSED", "connect").likely);
}

TEST(Explain, AFullQueueNamesWhoShouldReceive) {
  Snapshot snapshot = hand_made::quiet_machine();
  hand_made::add(snapshot, hand_made::process(71, "worker"));
  Object queue = hand_made::left_posix_queue();
  hand_made::add(snapshot, queue);
  EXPECT_FALSE(only(snapshot, {}, "EAGAIN", "mq_send").likely);

  queue.id.number = 8;
  queue.fill = hand_made::fill(10, 10, Unit::messages);
  queue.fill->writer_blocks = true;
  queue.holders = {{.pid = 71, .tid = 71, .fd = 5, .access = Access::read},
                   {.pid = 1, .tid = 1, .fd = 5, .access = Access::write}};
  hand_made::add(snapshot, queue);
  const Explanation full = only(snapshot, {}, "EAGAIN", "mq_send");
  EXPECT_TRUE(full.likely);
  EXPECT_EQ(full.here, (std::vector<std::string>{"mq:/jobs is full (10 of 10 messages)"}));
  EXPECT_EQ(full.users, (std::vector<std::string>{"mq:/jobs: worker(71)"}));
}

// Its reader may be in flight in a socket, or a process that may not be looked into.
TEST(Explain, APipeWhoseReadersTheKernelHasCountedIsNotWithoutOne) {
  for (const char* readers : {"1", "0"}) {
    Snapshot snapshot = hand_made::quiet_machine();
    hand_made::add_closed(snapshot, 90);
    Object pipe = hand_made::object(Kind::pipe, "", 81234);
    pipe.holders = {{.pid = 1, .tid = 1, .fd = 1, .access = Access::write}};
    pipe.details = {{"readers", readers}, {"writers", "1"}};
    hand_made::add(snapshot, pipe);
    for (const char* error : {"SIGPIPE", "EPIPE"}) {
      const Explanation broken = only(snapshot, {}, error, "write");
      EXPECT_EQ(broken.likely, readers == std::string_view{"0"}) << error;
      EXPECT_EQ(broken.here.empty(), readers == std::string_view{"1"}) << error;
    }
  }
}

TEST(Explain, APipeWithoutReadersNamesItsWriterAndWhatWasNotSeen) {
  Snapshot snapshot = hand_made::quiet_machine();
  Object pipe = hand_made::object(Kind::pipe, "", 81234);
  pipe.holders = {{.pid = 1, .tid = 1, .fd = 1, .access = Access::write}};
  hand_made::add(snapshot, pipe);
  const Explanation broken = only(snapshot, {}, "SIGPIPE", "write");
  EXPECT_TRUE(broken.likely);
  EXPECT_EQ(broken.users, (std::vector<std::string>{"pipe 81234: written by init(1)"}));
  EXPECT_EQ(broken.here.size(), 1U);

  hand_made::add_closed(snapshot, 90);
  EXPECT_EQ(only(snapshot, {}, "EPIPE", "write").here.back(), "1 process could not be looked into");
  EXPECT_FALSE(only(snapshot, {}, "EPIPE", "write").likely) << "that one may read it";
  EXPECT_FALSE(explain(snapshot, {}, "ENXIO", "open")->front().likely) << "it is no FIFO";
}

}  // namespace
}  // namespace ginnel::inventory
