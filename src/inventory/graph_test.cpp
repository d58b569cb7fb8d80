#include "ginnel/inventory/graph.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "made_snapshot.hpp"

namespace ginnel::inventory {
namespace {

/// The edges as `from -> to label`, `<->` for both ways.
std::vector<std::string> edges_of(const Graph& graph) {
  std::vector<std::string> all;
  for (const GraphEdge& edge : graph.edges) {
    const std::string arrow = edge.both_ways ? " <-> " : " -> ";
    all.push_back(graph.nodes[edge.from].title + arrow + graph.nodes[edge.to].title +
                  (edge.label.empty() ? "" : " " + edge.label));
  }
  std::ranges::sort(all);
  return all;
}

using Texts = std::vector<std::string>;

MadeSnapshot letters(std::string_view names) {
  MadeSnapshot made;
  for (std::size_t place = 0; place < names.size(); ++place)
    made.process(static_cast<pid_t>(place + 1), names.substr(place, 1));
  return made;
}

TEST(Graph, APipeLeadsFromItsWritersToItsReaders) {
  MadeSnapshot made = letters("abc");
  made.pipe(1, 3).open_in(2, Access::write).filled(4096, 65536);
  EXPECT_EQ(edges_of(graph(made.take())), (Texts{"a -> c pipe 4 KiB of 64 KiB", "b -> c pipe 4 KiB of 64 KiB"}));
}

TEST(Graph, APipeWithinOneProcessConnectsNobody) {
  MadeSnapshot made = letters("a");
  made.pipe(1, 1);
  const Graph empty = graph(made.take());
  EXPECT_TRUE(empty.nodes.empty());
  EXPECT_TRUE(empty.edges.empty());
}

TEST(Graph, AConnectionIsOneEdgeByTheNameOfEitherEnd) {
  MadeSnapshot made = letters("ab");
  made.sockets(1, 2).second.named("unix:/run/x");
  EXPECT_EQ(edges_of(graph(made.take())), Texts{"a <-> b unix:/run/x"});
}

TEST(Graph, APairOfSocketsThatBothInheritedIsOneEdge) {
  MadeSnapshot made = letters("ab");
  auto [first, second] = made.sockets(1, 2);
  first.open_in(2, Access::read_write);
  second.open_in(1, Access::read_write);
  EXPECT_EQ(graph(made.take()).edges.size(), 1U);
}

TEST(Graph, ADatagramSocketSendsToTheOneItNames) {
  MadeSnapshot made = letters("ab");
  MadeObject& log = made.object(Kind::unix_socket).named("unix-dgram:/log").open_in(2, Access::read_write);
  made.object(Kind::unix_socket).open_in(1, Access::read_write).peer(log);
  EXPECT_EQ(edges_of(graph(made.take())), Texts{"a -> b unix-dgram:/log"});
}

TEST(Graph, WhoWaitsPointsAtWhoHoldsTheLock) {
  MadeSnapshot made = letters("ab");
  made.lock(2).awaited_by(1, Wait::lock);
  const Graph drawn = graph(made.take());
  EXPECT_EQ(edges_of(drawn), Texts{"a -> b lock:/run/x"});
  EXPECT_EQ(drawn.edges[0].state, EdgeState::blocked);
  EXPECT_EQ(drawn.edges[0].waits, "a(1) waits for the lock");
}

TEST(Graph, AMutexIsTwoThreadsOfTwoProcesses) {
  MadeSnapshot made = letters("ab");
  made.object(Kind::futex).with("in", "shm:/m").owned_by(2, 2).awaited_by(1, Wait::futex);
  EXPECT_EQ(edges_of(graph(made.take())), Texts{"a -> b mutex in shm:/m"});
}

TEST(Graph, AnIdleThreadIsNotDrawn) {
  MadeSnapshot made = letters("a");
  made.object(Kind::futex).with("scope", "private").awaited_by(1, Wait::futex);
  EXPECT_TRUE(graph(made.take()).nodes.empty());
}

TEST(Graph, SharedMemoryLeadsFromWhoMayWriteToWhoMayRead) {
  MadeSnapshot made = letters("abc");
  made.object(Kind::posix_shm)
      .named("shm:/x")
      .filled(0, 1 << 20)
      .mapped_in(1, Access::read_write)
      .mapped_in(2, Access::read_write)
      .mapped_in(3, Access::read);
  EXPECT_EQ(edges_of(graph(made.take())),
            (Texts{"a -> c shm:/x 1 MiB", "a <-> b shm:/x 1 MiB", "b -> c shm:/x 1 MiB"}));
}

TEST(Graph, AnObjectIsANodeWhereThatTakesFewerLines) {
  MadeSnapshot made = letters("abcd");
  MadeObject& memory = made.object(Kind::memfd).named("arena");
  for (const pid_t pid : {1, 2, 3}) memory.mapped_in(pid, Access::read_write);
  EXPECT_EQ(graph(made.take()).nodes.size(), 3U) << "three lines either way";

  memory.mapped_in(4, Access::read);
  const Graph drawn = graph(made.take());
  ASSERT_EQ(drawn.nodes.size(), 5U);
  EXPECT_FALSE(drawn.nodes.back().is_process());
  EXPECT_EQ(drawn.nodes.back().object, memory.id());
  EXPECT_EQ(edges_of(drawn),
            (Texts{"a <-> memfd:arena", "b <-> memfd:arena", "c <-> memfd:arena", "memfd:arena -> d"}));
}

TEST(Graph, WhatIsWaitedForAloneIsANode) {
  MadeSnapshot made = letters("ab");
  made.object(Kind::fifo).named("fifo:/f").awaited_by(1, Wait::open);
  made.pipe(2, 2).awaited_by(2, Wait::write);
  const Graph drawn = graph(made.take());
  EXPECT_EQ(edges_of(drawn), (Texts{"a -> fifo:/f", "b -> pipe"}));
  for (const GraphEdge& edge : drawn.edges) EXPECT_EQ(edge.state, EdgeState::blocked);
}

TEST(Graph, OnlyTheEdgesOfTheWaiterAreBlocked) {
  MadeSnapshot made = letters("abc");
  made.pipe(1, 3).open_in(2, Access::write).awaited_by(1, Wait::write);
  const Graph drawn = graph(made.take());
  ASSERT_EQ(drawn.edges.size(), 2U);
  for (const GraphEdge& edge : drawn.edges)
    EXPECT_EQ(edge.state, drawn.nodes[edge.from].pid == 1 ? EdgeState::blocked : EdgeState::quiet);
}

TEST(Graph, AReaderIsIdleUnlessItIsInADeadlock) {
  MadeSnapshot made = letters("ab");
  made.pipe(1, 2).awaited_by(2, Wait::read);
  EXPECT_EQ(graph(made.take()).edges[0].state, EdgeState::awaited);

  made.pipe(2, 1).awaited_by(1, Wait::read);
  for (const GraphEdge& edge : graph(made.take()).edges) EXPECT_EQ(edge.state, EdgeState::blocked);
}

TEST(Graph, AListenerThatAcceptsIsAtRest) {
  MadeSnapshot made = letters("a");
  made.object(Kind::unix_socket).named("unix:/s").open_in(1, Access::read_write).awaited_by(1, Wait::accept);
  EXPECT_TRUE(graph(made.take()).nodes.empty());
}

TEST(Graph, WhoConnectsToAFullBacklogPointsAtTheListener) {
  MadeSnapshot made = letters("ab");
  made.object(Kind::unix_socket).named("unix:/s").open_in(2, Access::read_write).awaited_by(1, Wait::connect);
  EXPECT_EQ(edges_of(graph(made.take())), Texts{"a -> b unix:/s"});
}

TEST(Graph, OfSystemVTheLastUserIsKnown) {
  MadeSnapshot made = letters("ab");
  made.object(Kind::sysv_semaphore).named("sysv-sem:0x1").with("last-user", "alive 2 b").awaited_by(1, Wait::semaphore);
  EXPECT_EQ(edges_of(graph(made.take())), Texts{"b -> a sysv-sem:0x1"});
}

TEST(Graph, OfOneProcessShowsWhatItIsConnectedWithAndNoMore) {
  MadeSnapshot made = letters("abcde");
  made.pipe(1, 2);
  made.pipe(3, 2);
  made.pipe(4, 5);
  EXPECT_EQ(edges_of(graph(made.take(), {.pid = 3})), (Texts{"a -> b pipe", "c -> b pipe"}));
}

TEST(Graph, OfOneProcessIsNeverWithoutIt) {
  MadeSnapshot made = letters("ab");
  const Graph alone = graph(made.take(), {.pid = 2});
  ASSERT_EQ(alone.nodes.size(), 1U);
  EXPECT_EQ(alone.nodes[0].title, "b");
  EXPECT_TRUE(graph(made.take(), {.pid = 99}).nodes.empty());
}

TEST(Graph, OfSomeKindsOnly) {
  MadeSnapshot made = letters("ab");
  made.pipe(1, 2);
  made.lock(1).awaited_by(2, Wait::lock);
  made.object(Kind::epoll).open_in(1, Access::read_write).open_in(2, Access::read_write);
  EXPECT_EQ(edges_of(graph(made.take(), {.kinds = {Kind::pipe}})), Texts{"a -> b pipe"});
  EXPECT_EQ(edges_of(graph(made.take(), {.kinds = {Kind::epoll}})), Texts{"a <-> b epoll"});
  EXPECT_EQ(graph(made.take()).edges.size(), 2U) << "a shared epoll carries nothing";
}

TEST(Graph, ProcessesComeFirstAndByPid) {
  MadeSnapshot made = letters("abcde");
  MadeObject& memory = made.object(Kind::memfd).named("m");
  for (const pid_t pid : {5, 4, 3, 2, 1}) memory.mapped_in(pid, Access::read_write);
  const Graph drawn = graph(made.take());
  for (std::size_t place = 0; place < 5; ++place) EXPECT_EQ(drawn.nodes[place].pid, static_cast<pid_t>(place + 1));
  EXPECT_FALSE(drawn.nodes[5].is_process());
}

}  // namespace
}  // namespace ginnel::inventory
