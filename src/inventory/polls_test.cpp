#include <gtest/gtest.h>

#include "ginnel/inventory/waits.hpp"
#include "made_snapshot.hpp"

// Chains through threads that poll.

namespace ginnel::inventory {
namespace {

using Pids = std::vector<pid_t>;

WaitChain only_chain(const Snapshot& snapshot, pid_t pid) {
  const auto chains = why(snapshot, pid);
  if (!chains || chains->size() != 1) {
    ADD_FAILURE() << "expected one chain of " << pid;
    return {};
  }
  return chains->front();
}

Pids pids(const WaitChain& chain) {
  Pids order;
  for (const WaitStep& step : chain.steps) order.push_back(step.pid);
  return order;
}

TEST(Polls, OfOnePipeLeadToItsOnlyWriter) {
  MadeSnapshot made;
  made.process(1, "poller").process(2, "writer");
  const MadeObject& pipe = made.pipe(2, 1);
  made.poll(1, {&pipe});
  const WaitChain chain = only_chain(made.take(), 1);
  EXPECT_EQ(chain.end, ChainEnd::running);
  EXPECT_EQ(chain.last, 2);
  ASSERT_EQ(chain.steps.size(), 1U);
  EXPECT_EQ(chain.steps[0].wait, Wait::poll);
  EXPECT_EQ(chain.steps[0].object, pipe.id());
  EXPECT_EQ(chain.steps[0].text, "polls by poll: a pipe (data)");
  ASSERT_EQ(chain.steps[0].watches.size(), 1U);
  EXPECT_EQ(chain.steps[0].watches[0].wait, Wait::read);
  EXPECT_EQ(chain.steps[0].watches[0].culprits, Pids{2});
}

TEST(Polls, ForRoomLeadToTheReaderOfAFullPipeOnly) {
  for (const std::uint64_t used : {65536U, 5U}) {
    MadeSnapshot made;
    made.process(1, "poller").process(2, "reader").process(3, "writer");
    const MadeObject& full = made.pipe(1, 2).filled(used, 65536);
    const MadeObject& input = made.pipe(3, 1);
    Poll& poll = made.poll(1, {&input});
    poll.watched.push_back({.object = full.id(), .reading = false, .writing = true, .edge_triggered = true});
    const auto culprits = only_chain(made.take(), 1).steps[0].culprits;
    EXPECT_EQ(culprits, used == 5 ? Pids{3} : (Pids{3, 2})) << "there is room: nobody waits for it";
  }
}

TEST(Polls, AServerThatWaitsForItsStoppedBackendIsFollowedAndItsClientsAreNot) {
  MadeSnapshot made;
  made.process(1, "client").process(2, "proxy").process(3, "backend", 1, 'T').process(4, "psql", 1, 'T');
  auto [client, accepted] = made.sockets(1, 2);
  auto [other, also_accepted] = made.sockets(4, 2);
  auto [asked, backend] = made.sockets(2, 3);
  MadeObject& listener = made.object(Kind::unix_socket).named("unix:/s").with("state", "listening");
  listener.open_in(2, Access::read_write);
  for (MadeObject* end : {&accepted, &also_accepted}) end->named("unix:/s").with("state", "established");
  asked.with("state", "established");
  client.awaited_by(1, Wait::receive);
  made.poll(2, {&also_accepted, &listener, &accepted, &asked}, PollBy::epoll);

  const WaitChain chain = only_chain(made.take(), 1);
  EXPECT_EQ(pids(chain), (Pids{1, 2}));
  EXPECT_EQ(chain.end, ChainEnd::stopped);
  EXPECT_EQ(chain.last, 3) << "a stopped client of the server's is not what it works for";
  EXPECT_EQ(chain.steps[1].text, "polls by epoll: 2 × unix:/s (data), unix:/s (a connection) and a Unix socket (data)");
}

TEST(Polls, AnIdleServerIsWhereTheChainEnds) {
  MadeSnapshot made;
  made.process(1, "client").process(2, "server").process(3, "other").process(4, "third");
  auto [client, accepted] = made.sockets(1, 2);
  auto [other, also_accepted] = made.sockets(3, 2);
  auto [third, accepted_too] = made.sockets(4, 2);
  for (MadeObject* end : {&accepted, &also_accepted, &accepted_too}) end->named("unix:/s").with("state", "established");
  client.awaited_by(1, Wait::receive);
  made.poll(2, {&accepted, &also_accepted, &accepted_too});

  const WaitChain chain = only_chain(made.take(), 1);
  EXPECT_EQ(chain.end, ChainEnd::polling);
  EXPECT_EQ(chain.last, 2);
  EXPECT_EQ(pids(chain), (Pids{1, 2}));
  EXPECT_EQ(chain.steps[1].culprits, (Pids{1, 3, 4}));
  EXPECT_EQ(
      chain.text,
      "server(2) goes on as soon as one of these is ready; it may be made so by client(1), other(3) and third(4)");
  EXPECT_TRUE(deadlocks(made.take()).empty()) << "the others may ask for something";
}

TEST(Polls, AnIdleBackendSaysLessThanTheServerThatWaitsForAnything) {
  MadeSnapshot made;
  made.process(1, "client").process(2, "server").process(3, "backend");
  auto [client, accepted] = made.sockets(1, 2);
  auto [asked, backend] = made.sockets(2, 3);
  accepted.named("unix:/s").with("state", "established");
  client.awaited_by(1, Wait::receive);
  made.poll(2, {&accepted, &asked});
  made.poll(3, {&backend}).others = 1;
  const WaitChain chain = only_chain(made.take(), 1);
  EXPECT_EQ(chain.end, ChainEnd::polling);
  EXPECT_EQ(chain.last, 2);
}

TEST(Polls, WhatIsNoIpcObjectMayEndThem) {
  MadeSnapshot made;
  made.process(1, "shell").process(2, "child");
  const MadeObject& pipe = made.pipe(2, 1);
  made.poll(1, {&pipe}).others = 2;
  const WaitChain chain = only_chain(made.take(), 1);
  EXPECT_EQ(chain.end, ChainEnd::polling);
  EXPECT_EQ(chain.steps[0].text, "polls by poll: a pipe (data); and 2 that are no IPC objects");
  EXPECT_EQ(chain.steps[0].object, std::nullopt);

  MadeSnapshot others_only;
  others_only.process(1, "getty");
  others_only.poll(1, {}).others = 1;
  EXPECT_TRUE(why(others_only.take(), 1)->empty()) << "it waits for no IPC object";
}

TEST(Polls, TwoWhoPollEachOtherAreADeadlock) {
  MadeSnapshot made;
  made.process(1, "a").process(2, "b");
  auto [first, second] = made.sockets(1, 2);
  made.poll(1, {&first}, PollBy::epoll);
  made.poll(2, {&second}, PollBy::select);
  const auto found = deadlocks(made.take());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].text, "deadlock: a(1) and b(2) wait for each other");
}

TEST(Polls, NoDeadlockWithATimeoutOrWithWhatIsNotSeen) {
  for (const int way : {0, 1, 2, 3}) {
    MadeSnapshot made;
    made.process(1, "a").process(2, "b").process(3, "free");
    auto [first, second] = made.sockets(1, 2);
    const MadeObject& pipe = made.pipe(3, 1);
    Poll& poll = made.poll(1, {&first});
    if (way == 0) poll.timed = true;
    if (way == 1) poll.others = 1;
    if (way == 2) poll.complete = false;
    if (way == 3)
      poll.watched.push_back({.object = pipe.id(), .reading = true, .writing = false, .edge_triggered = false});
    made.poll(2, {&second});
    EXPECT_TRUE(deadlocks(made.take()).empty()) << way;
    EXPECT_NE(only_chain(made.take(), 2).end, ChainEnd::deadlock) << way;
  }
}

TEST(Polls, EveryThingThatIsPolledHasToBeHopeless) {
  MadeSnapshot made;
  made.process(1, "a").process(2, "b").process(3, "c");
  const MadeObject& from_b = made.pipe(2, 1);
  const MadeObject& from_c = made.pipe(3, 1);
  made.pipe(1, 2).awaited_by(2, Wait::read);
  made.lock(1).awaited_by(3, Wait::lock);
  made.poll(1, {&from_b, &from_c}, PollBy::epoll);
  ASSERT_EQ(deadlocks(made.take()).size(), 1U);
  EXPECT_EQ(only_chain(made.take(), 3).end, ChainEnd::deadlock);
  EXPECT_EQ(only_chain(made.take(), 1).end, ChainEnd::deadlock);
}

TEST(Polls, AStuckOneOfSeveralIsNoDeadlockOfWhoPolls) {
  for (const bool is_seen : {true, false}) {
    MadeSnapshot made;
    made.process(1, "poller").process(2, "healthy").process(3, "stuck").process(4, "other");
    const MadeObject& from_both = made.pipe(2, 1).open_in(3, Access::write);
    made.lock(3).awaited_by(4, Wait::lock);
    made.lock(4).awaited_by(3, Wait::lock);
    if (is_seen)
      made.poll(1, {&from_both});
    else
      made.poll(1, {&from_both}).others = 1;
    EXPECT_EQ(only_chain(made.take(), 1).end, is_seen ? ChainEnd::running : ChainEnd::polling);
  }
}

TEST(Polls, APipeOfItsOwnIsForItsSignalHandler) {
  MadeSnapshot made;
  made.process(1, "daemon").process(2, "child");
  const MadeObject& own = made.pipe(1, 1);
  auto [control, end] = made.sockets(1, 2);
  end.awaited_by(2, Wait::receive);
  made.poll(1, {&own, &control});
  EXPECT_TRUE(deadlocks(made.take()).empty());
  EXPECT_EQ(only_chain(made.take(), 2).end, ChainEnd::polling);
}

TEST(Polls, OfAnUnreadPipeAreNamedEdgeTriggered) {
  MadeSnapshot made;
  made.process(1, "reader").process(2, "writer");
  const MadeObject& pipe = made.pipe(2, 1).filled(5, 65536);
  made.poll(1, {&pipe}, PollBy::epoll).watched.front().edge_triggered = true;
  EXPECT_EQ(only_chain(made.take(), 1).steps[0].text,
            "polls by epoll: a pipe (more data: it is edge-triggered, and has not read all (5 of 65536 bytes))");
}

TEST(Polls, ManyThingsAreToldInALine) {
  MadeSnapshot made;
  made.process(1, "server").process(2, "clients");
  Poll& poll = made.poll(1, {}, PollBy::epoll);
  for (int number = 0; number < 50; ++number) {
    MadeObject& queue = made.object(Kind::posix_queue).named("mq:/" + std::to_string(number));
    queue.open_in(1, Access::read).open_in(2, Access::write);
    poll.watched.push_back({.object = queue.id(), .reading = true, .writing = false, .edge_triggered = false});
  }
  const WaitChain chain = only_chain(made.take(), 1);
  EXPECT_EQ(chain.steps[0].text,
            "polls by epoll: mq:/0 (data), mq:/1 (data), mq:/2 (data), mq:/3 (data), mq:/4 (data) and 45 more");
  EXPECT_EQ(chain.steps[0].watches.size(), 50U);
  EXPECT_EQ(chain.end, ChainEnd::running) << "all of them have one and the same writer";
}

}  // namespace
}  // namespace ginnel::inventory
