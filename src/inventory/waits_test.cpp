#include "ginnel/inventory/waits.hpp"

#include <gtest/gtest.h>

#include <cerrno>

#include "made_snapshot.hpp"

namespace ginnel::inventory {
namespace {

/// The chain of a process of which one thread waits.
WaitChain only_chain(const Snapshot& snapshot, pid_t pid) {
  const auto chains = why(snapshot, pid);
  if (!chains || chains->size() != 1) {
    ADD_FAILURE() << "expected one chain of " << pid;
    return {};
  }
  return chains->front();
}

std::vector<pid_t> pids(const WaitChain& chain) {
  std::vector<pid_t> order;
  for (const WaitStep& step : chain.steps) order.push_back(step.pid);
  return order;
}

using Pids = std::vector<pid_t>;

TEST(Why, LeadsDownAPipelineToWhoDoesNotRead) {
  MadeSnapshot made;
  made.process(1, "make").process(2, "filter").process(3, "viewer");
  made.pipe(1, 2).filled(65536, 65536).awaited_by(1, Wait::write);
  made.pipe(2, 3).filled(65536, 65536).awaited_by(2, Wait::write);

  const WaitChain chain = only_chain(made.take(), 1);
  EXPECT_EQ(pids(chain), (Pids{1, 2}));
  EXPECT_EQ(chain.steps[0].culprits, Pids{2});
  EXPECT_EQ(chain.steps[0].text, "writes to a pipe, which is full (65536 of 65536 bytes)");
  EXPECT_EQ(chain.end, ChainEnd::running);
  EXPECT_EQ(chain.last, 3);
}

TEST(Why, NamesTheStoppedOne) {
  MadeSnapshot made;
  made.process(1, "writer").process(2, "less", 1, 'T').process(3, "shell");
  made.pipe(1, 2).open_in(3, Access::read).awaited_by(1, Wait::write);

  const WaitChain chain = only_chain(made.take(), 1);
  EXPECT_EQ(chain.end, ChainEnd::stopped);
  EXPECT_EQ(chain.last, 2) << "the shell that inherited the pipe explains less";
}

TEST(Why, PrefersWhoWaitsToWhoMerelyInheritedTheEnd) {
  MadeSnapshot made;
  made.process(1, "writer").process(2, "shell").process(3, "reader").process(4, "holder");
  made.object(Kind::pipe)
      .open_in(1, Access::write)
      .open_in(2, Access::read)
      .open_in(3, Access::read)
      .awaited_by(1, Wait::write);
  made.lock(4).awaited_by(3, Wait::lock);

  const WaitChain chain = only_chain(made.take(), 1);
  EXPECT_EQ(pids(chain), (Pids{1, 3}));
  EXPECT_EQ(chain.last, 4);
  EXPECT_EQ(chain.steps[0].culprits, (Pids{2, 3}));
}

// Reader 3 is in a deadlock of its own, but reader 2 may read at any time.
TEST(Why, OneWhoIsInADeadlockDoesNotHideAnotherWhoIsNot) {
  for (const char state : {'S', 'R', 'T'}) {
    MadeSnapshot made;
    made.process(1, "writer").process(2, "healthy", 1, state).process(3, "stuck").process(4, "other");
    made.object(Kind::pipe)
        .open_in(1, Access::write)
        .open_in(2, Access::read)
        .open_in(3, Access::read)
        .awaited_by(1, Wait::write);
    made.lock(3).awaited_by(4, Wait::lock);
    made.lock(4).awaited_by(3, Wait::lock);

    const WaitChain chain = only_chain(made.take(), 1);
    EXPECT_EQ(chain.end, state == 'T' ? ChainEnd::stopped : ChainEnd::running);
    EXPECT_EQ(chain.last, 2);
    EXPECT_EQ(chain.steps[0].culprits, (Pids{2, 3}));
    EXPECT_EQ(chain.text, state == 'T'
                              ? "healthy(2) or 1 other could end it; healthy(2) is stopped"
                              : "healthy(2) or 1 other could end it; healthy(2) waits for no IPC object itself");
    EXPECT_EQ(deadlocks(made.take()).size(), 1U);
  }
}

// A child that kept the server's socket, and waits for itself on a pair of its own.
TEST(Why, AStuckChildWithACopyOfTheSocketIsNotTheServer) {
  MadeSnapshot made;
  made.process(1, "sender").process(2, "server").process(3, "child");
  MadeObject& server = made.object(Kind::unix_socket).named("unix-dgram:@x");
  server.open_in(2, Access::read_write).open_in(3, Access::read_write);
  made.object(Kind::unix_socket).open_in(1, Access::read_write).peer(server).awaited_by(1, Wait::send);
  auto [one, other] = made.sockets(3, 3);
  one.awaited_by(3, Wait::receive);

  const WaitChain chain = only_chain(made.take(), 1);
  EXPECT_EQ(chain.end, ChainEnd::running);
  EXPECT_EQ(chain.last, 2);
  EXPECT_EQ(only_chain(made.take(), 3).end, ChainEnd::deadlock);
}

TEST(Why, WhereNobodyButTheStuckIsKnownTheChainDoesNotCallItADeadlock) {
  MadeSnapshot made;
  made.process(1, "writer").process(2, "opens").process(3, "stuck").process(4, "other");
  made.object(Kind::pipe)
      .open_in(1, Access::write)
      .open_in(2, Access::read)
      .open_in(3, Access::read)
      .awaited_by(1, Wait::write);
  made.object(Kind::fifo).named("fifo:/f").awaited_by(2, Wait::open);
  made.lock(3).awaited_by(4, Wait::lock);
  made.lock(4).awaited_by(3, Wait::lock);
  EXPECT_EQ(only_chain(made.take(), 1).end, ChainEnd::nobody) << "somebody may open the FIFO";
}

TEST(Why, IsNoDeadlockWhileOneWhoCouldHelpRuns) {
  MadeSnapshot made;
  made.process(1, "parent").process(2, "worker").process(3, "worker");
  MadeObject& jobs = made.object(Kind::pipe).open_in(1, Access::write);
  for (const pid_t worker : {2, 3}) jobs.open_in(worker, Access::read_write).awaited_by(worker, Wait::read);

  const WaitChain chain = only_chain(made.take(), 2);
  EXPECT_EQ(pids(chain), Pids{2}) << "another reader of the same pipe cannot help";
  EXPECT_EQ(chain.end, ChainEnd::running);
  EXPECT_EQ(chain.last, 1);
  EXPECT_TRUE(deadlocks(made.take()).empty());
}

TEST(Why, GoesBackFromACircleThatSomebodyCanStillBreak) {
  MadeSnapshot made;
  made.process(1, "a").process(2, "b").process(3, "free");
  made.pipe(1, 2).awaited_by(2, Wait::read);
  made.pipe(2, 1).open_in(3, Access::write).awaited_by(1, Wait::read);

  for (const pid_t pid : {1, 2}) {
    const WaitChain chain = only_chain(made.take(), pid);
    EXPECT_EQ(chain.end, ChainEnd::running) << pid;
    EXPECT_EQ(chain.last, 3) << pid;
  }
  EXPECT_TRUE(deadlocks(made.take()).empty());
}

TEST(Why, PrefersWhoCanBeNamedToADeadEnd) {
  MadeSnapshot made;
  made.process(1, "reader").process(2, "sibling").process(3, "parent");
  made.pipe(3, 1).open_in(2, Access::write).awaited_by(1, Wait::read);
  made.object(Kind::fifo).named("fifo:/f").awaited_by(2, Wait::open);
  const WaitChain chain = only_chain(made.take(), 1);
  EXPECT_EQ(pids(chain), Pids{1}) << "the sibling waits for nobody, and inherited the end only";
  EXPECT_EQ(chain.last, 3);
}

TEST(Why, FollowsToADeadEndWhereThatIsAll) {
  MadeSnapshot made;
  made.process(1, "reader").process(2, "writer");
  made.pipe(2, 1).awaited_by(1, Wait::read);
  made.object(Kind::fifo).named("fifo:/f").awaited_by(2, Wait::open);
  const WaitChain chain = only_chain(made.take(), 1);
  EXPECT_EQ(pids(chain), (Pids{1, 2}));
  EXPECT_EQ(chain.end, ChainEnd::nobody);
}

TEST(Why, TellsWhatCannotBeKnown) {
  MadeSnapshot made;
  made.process(1, "waiter").process(2, "poster");
  made.object(Kind::sysv_semaphore)
      .named("sysv-sem:0x1")
      .with("last-user", "alive 2 poster")
      .awaited_by(1, Wait::semaphore);

  const WaitChain chain = only_chain(made.take(), 1);
  EXPECT_EQ(chain.end, ChainEnd::unknown);
  EXPECT_EQ(chain.last, 0);
  EXPECT_EQ(chain.steps[0].culprits, Pids{2});
  EXPECT_EQ(chain.text, "the kernel does not tell who uses it; it may be poster(2)");
}

TEST(Why, NamesThoseWhoShareTheSemaphoreAsCandidates) {
  MadeSnapshot made;
  made.process(1, "waiter").process(2, "other");
  MadeObject& semaphore = made.object(Kind::posix_semaphore).named("sem:/s");
  semaphore.mapped_in(1, Access::read_write).mapped_in(2, Access::read_write);
  Snapshot snapshot = made.take();
  Object word;
  word.id = {.kind = Kind::futex, .space = 0, .device = 1, .number = semaphore.id().number, .generation = 0};
  word.details = {{"scope", "shared"}, {"in", "sem:/s"}};
  word.waiters.push_back({.pid = 1, .tid = 1, .wait = Wait::futex, .since = {}});
  snapshot.objects.push_back(word);

  const WaitChain chain = only_chain(snapshot, 1);
  EXPECT_EQ(chain.end, ChainEnd::unknown);
  EXPECT_EQ(chain.steps[0].culprits, Pids{2});
  EXPECT_EQ(chain.steps[0].text, "waits for semaphore sem:/s");
}

TEST(Why, NobodyIsThereYet) {
  struct Awaited {
    Kind kind;
    Wait wait;
    std::string_view text;
  };
  for (const Awaited& one :
       {Awaited{Kind::fifo, Wait::open, "nobody has opened the other side yet"},
        Awaited{Kind::unix_socket, Wait::accept, "it waits for a connection, which anybody may make"},
        Awaited{Kind::posix_queue, Wait::receive, "nobody has the queue open for sending"}}) {
    MadeSnapshot made;
    made.process(1, "waiter");
    made.object(one.kind).named("x").open_in(1, Access::read).awaited_by(1, one.wait);
    const WaitChain chain = only_chain(made.take(), 1);
    EXPECT_EQ(chain.end, ChainEnd::nobody) << to_string(one.kind);
    EXPECT_EQ(chain.text, one.text);
    EXPECT_EQ(chain.last, 0);
  }
}

TEST(Why, AReaderThatHoldsItsOwnNamedFifoOpenWaitsForNewcomers) {
  for (const Kind kind : {Kind::fifo, Kind::posix_queue}) {
    MadeSnapshot made;
    made.process(1, "daemon");
    made.object(kind).named("x").open_in(1, Access::read_write).awaited_by(1, Wait::read);
    EXPECT_EQ(only_chain(made.take(), 1).end, ChainEnd::nobody) << to_string(kind);
    EXPECT_TRUE(deadlocks(made.take()).empty());
  }
  MadeSnapshot made;
  made.process(1, "daemon");
  made.object(Kind::fifo).named("x").deleted().open_in(1, Access::read_write).awaited_by(1, Wait::read);
  EXPECT_EQ(only_chain(made.take(), 1).end, ChainEnd::deadlock) << "nobody can open what has lost its name";
}

TEST(Why, AnEndThatIsNotSeenIsUnknown) {
  MadeSnapshot made;
  made.process(1, "reader");
  made.object(Kind::pipe).open_in(1, Access::read).awaited_by(1, Wait::read);
  EXPECT_EQ(only_chain(made.take(), 1).end, ChainEnd::unknown);
}

TEST(Why, FollowsSocketsToTheHoldersOfTheOtherEnd) {
  MadeSnapshot made;
  made.process(1, "client").process(2, "server").process(3, "child");
  auto [client, server] = made.sockets(1, 2);
  client.awaited_by(1, Wait::receive);
  server.open_in(3, Access::read_write);

  const WaitChain chain = only_chain(made.take(), 1);
  EXPECT_EQ(chain.steps[0].culprits, (Pids{2, 3}));
  EXPECT_EQ(chain.end, ChainEnd::running);
}

TEST(Why, ASenderIsToldWhatOfItsOwnWaitsToBeRead) {
  MadeSnapshot made;
  made.process(1, "client").process(2, "server");
  auto [client, server] = made.sockets(1, 2);
  client.filled(0, 212992).with("send-buffer", "214016 of 212992 bytes, the kernel's own included");
  client.awaited_by(1, Wait::send);
  EXPECT_EQ(only_chain(made.take(), 1).steps[0].text,
            "sends to a Unix socket, which takes no more (214016 of 212992 bytes of its buffer wait to be read)");
}

TEST(Why, AFullBacklogIsTheListenersFault) {
  MadeSnapshot made;
  made.process(1, "client").process(2, "server", 1, 'T');
  made.object(Kind::unix_socket).named("unix:/s").open_in(2, Access::read_write).awaited_by(1, Wait::connect);
  const WaitChain chain = only_chain(made.take(), 1);
  EXPECT_EQ(chain.end, ChainEnd::stopped);
  EXPECT_EQ(chain.last, 2);
}

TEST(Why, NamesAllWhoInheritedALock) {
  MadeSnapshot made;
  made.process(1, "waiter").process(2, "parent").process(3, "child");
  made.lock(2).locked_by(3).awaited_by(1, Wait::lock);
  EXPECT_EQ(only_chain(made.take(), 1).steps[0].culprits, (Pids{2, 3}));
}

TEST(Why, ALockWhoseHolderMayNotBeLookedIntoIsKnownByItsTaker) {
  MadeSnapshot made;
  made.process(1, "waiter").process(2, "root's");
  made.object(Kind::lock).created_by(2).awaited_by(1, Wait::lock);
  EXPECT_EQ(only_chain(made.take(), 1).last, 2);
}

TEST(Why, APeerWithOneThreadThatRunsIsNotStuck) {
  MadeSnapshot made;
  made.process(1, "a").process(2, "b", 2);
  auto [first, second] = made.sockets(1, 2);
  first.awaited_by(1, Wait::receive);
  second.awaited_by(2, 20, Wait::receive);
  EXPECT_EQ(only_chain(made.take(), 1).end, ChainEnd::running);
  EXPECT_TRUE(deadlocks(made.take()).empty());
}

TEST(Why, AMutexIsWaitedForByThreadAndNotByProcess) {
  MadeSnapshot made;
  made.process(1, "app", 3).process(2, "holder");
  made.object(Kind::futex).owned_by(1, 11).awaited_by(1, 10, Wait::futex);
  made.lock(2).awaited_by(1, 11, Wait::lock);

  const auto chains = why(made.take(), 1);
  ASSERT_TRUE(chains.has_value());
  ASSERT_EQ(chains->size(), 2U);
  EXPECT_EQ(chains->front().steps.size(), 2U) << "a third thread runs, but it does not own the mutex";
  EXPECT_EQ(chains->front().steps[1].tid, 11);
  EXPECT_EQ(chains->front().last, 2);
}

TEST(Why, ADeadOwnerIsNobody) {
  MadeSnapshot made;
  made.process(1, "app");
  made.object(Kind::futex).with("owner", "77, which is dead").awaited_by(1, Wait::futex);
  const WaitChain chain = only_chain(made.take(), 1);
  EXPECT_EQ(chain.end, ChainEnd::nobody);
  EXPECT_EQ(chain.text, "the owner of the mutex is dead");
}

TEST(Why, AnOwnerThatIsNotKnownIsNotSaidToBeDead) {
  struct Owner {
    std::string_view detail;
    std::string_view text;
  };
  for (const Owner& owner :
       {Owner{"2, as several call themselves that have the memory",
              "the owner of the mutex is one of several that have its number, each in its own pid namespace"},
        Owner{"2, which may not be looked into", "who has the number of the mutex's owner may not be looked into"},
        Owner{"2, which is not seen from here, or dead",
              "the owner of the mutex is dead, or in a pid namespace that is not seen from here"}}) {
    MadeSnapshot made;
    made.process(1, "app");
    made.object(Kind::futex).with("owner", owner.detail).awaited_by(1, Wait::futex);
    const WaitChain chain = only_chain(made.take(), 1);
    EXPECT_EQ(chain.end, ChainEnd::unknown) << owner.detail;
    EXPECT_EQ(chain.text, owner.text);
  }
}

TEST(Why, KnowsNoProcessThatIsNotThere) {
  const auto chains = why(Snapshot{}, 1);
  ASSERT_FALSE(chains.has_value());
  EXPECT_EQ(chains.error().code(), ESRCH);
}

TEST(Deadlocks, EachIsToldOnceWithoutThoseWhoOnlyWaitForIt) {
  MadeSnapshot made;
  made.process(1, "bystander").process(2, "a").process(3, "b").process(8, "c").process(9, "d");
  made.pipe(2, 3).awaited_by(2, Wait::write);
  made.pipe(3, 2).awaited_by(3, Wait::write);
  made.lock(2).awaited_by(1, Wait::lock);
  made.lock(8).awaited_by(9, Wait::lock);
  made.lock(9).awaited_by(8, Wait::lock);

  const auto found = deadlocks(made.take());
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(pids(found[0]), (Pids{2, 3}));
  EXPECT_EQ(found[0].text, "deadlock: a(2) and b(3) wait for each other");
  EXPECT_EQ(pids(found[1]), (Pids{8, 9}));

  const WaitChain chain = only_chain(made.take(), 1);
  EXPECT_EQ(chain.end, ChainEnd::deadlock);
  EXPECT_EQ(pids(chain), (Pids{1, 2, 3}));
  EXPECT_EQ(chain.cycle, 1U) << "the bystander only leads there";
}

TEST(Deadlocks, AProcessThatHoldsBothEndsWaitsForItself) {
  MadeSnapshot made;
  made.process(1, "selfish");
  made.pipe(1, 1).awaited_by(1, Wait::write);
  const auto found = deadlocks(made.take());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].last, 1);
  EXPECT_EQ(found[0].steps[0].culprits, Pids{1});
  EXPECT_EQ(found[0].text, "deadlock: selfish(1) waits for itself");
}

TEST(Deadlocks, ThreadsOfOneProcessThatTookTwoMutexesInAnotherOrder) {
  MadeSnapshot made;
  made.process(1, "app", 4);
  made.object(Kind::futex).owned_by(1, 11).awaited_by(1, 10, Wait::futex);
  made.object(Kind::futex).owned_by(1, 10).awaited_by(1, 11, Wait::futex);
  const auto found = deadlocks(made.take());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].steps.size(), 2U);
  EXPECT_EQ(found[0].text, "deadlock: threads of app(1) wait for each other");
}

TEST(Deadlocks, IdleThreadsOfAPoolDoNotHideOne) {
  MadeSnapshot made;
  made.process(1, "a", 2).process(2, "b");
  auto [first, second] = made.sockets(1, 2);
  first.awaited_by(1, Wait::send);
  second.awaited_by(2, Wait::send);
  made.object(Kind::futex).with("scope", "private").awaited_by(1, 11, Wait::futex);
  EXPECT_EQ(deadlocks(made.take()).size(), 1U);
}

TEST(Deadlocks, AProcessOfIdleThreadsIsNone) {
  MadeSnapshot made;
  made.process(1, "a", 2).process(2, "b");
  made.pipe(1, 2).awaited_by(2, Wait::read);
  for (const pid_t tid : {1, 11}) made.object(Kind::futex).with("scope", "private").awaited_by(1, tid, Wait::futex);
  EXPECT_TRUE(deadlocks(made.take()).empty());
  EXPECT_EQ(only_chain(made.take(), 2).end, ChainEnd::unknown);
}

TEST(Deadlocks, EachOfThoseWhoShareALockHasToLetGo) {
  MadeSnapshot made;
  made.process(1, "writer").process(2, "stuck").process(3, "free");
  made.lock(2).locked_by(3).with("lock-mode", "shared").awaited_by(1, Wait::lock);
  made.pipe(1, 2).awaited_by(2, Wait::read);
  EXPECT_EQ(deadlocks(made.take()).size(), 1U) << "that the third may let go does not help";
}

// Another user's process: that it was not seen to wait says nothing.
TEST(Why, AHolderThatMayNotBeAskedIsTheCulpritAndNotSaidToRun) {
  MadeSnapshot made;
  made.process(1, "waiter").process(2, "holder");
  made.lock(2).awaited_by(1, Wait::lock);
  Snapshot snapshot = made.take();
  EXPECT_EQ(why(snapshot, 1)->front().end, ChainEnd::running);
  snapshot.processes[1].waits_readable = false;
  const WaitChain chain = why(snapshot, 1)->front();
  EXPECT_EQ(chain.end, ChainEnd::unknown);
  EXPECT_EQ(chain.last, 2);
  EXPECT_EQ(chain.text, "holder(2) could end it; what it waits for itself may not be asked");
  snapshot.processes[1].state = 'T';
  EXPECT_EQ(why(snapshot, 1)->front().end, ChainEnd::stopped);
}

}  // namespace
}  // namespace ginnel::inventory
