#include "ginnel/inventory/verdict.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "hand_made.hpp"

namespace ginnel::inventory {
namespace {

using namespace std::chrono_literals;

/// One line of the table of verdicts: how an object and its machine differ from the quiet case, and what comes of it.
struct Case {
  std::string_view promise;
  Object object;
  std::function<void(Snapshot&, Object&)> change;
  Verdict verdict;
  std::string_view because;  ///< the reason that comes first holds this
};

void change_nothing(Snapshot&, Object&) {}

Verdict verdict_of(const Case& one, Judgement& judgement) {
  Snapshot snapshot = hand_made::quiet_machine();
  Object object = one.object;
  one.change(snapshot, object);
  hand_made::add(snapshot, object);
  judgement = Judge{snapshot}(object);
  return judgement.verdict;
}

Judgement judged_when_quiet(const Object& object) {
  const Snapshot snapshot = hand_made::quiet_machine();
  return Judge{snapshot}(object);
}

void expect(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    SCOPED_TRACE(std::string{to_string(one.object.id.kind)} + ", " + std::string{one.promise});
    Judgement judgement;
    EXPECT_EQ(to_string(verdict_of(one, judgement)), to_string(one.verdict));
    ASSERT_FALSE(judgement.reasons.empty());
    EXPECT_NE(judgement.reasons.front().find(one.because), std::string::npos) << judgement.reasons.front();
  }
}

auto detail(std::string_view key, const std::string& value) {
  return [=](Snapshot&, Object& object) { hand_made::set_detail(object, key, value); };
}
auto held_by(pid_t pid, How how) {
  return [=](Snapshot& snapshot, Object& object) {
    hand_made::add(snapshot, hand_made::process(pid, "holder"));
    object.holders.push_back({.pid = pid, .tid = pid, .how = how});
  };
}
void wait_for_it(Snapshot& snapshot, Object& object) {
  hand_made::add(snapshot, hand_made::process(30, "waiter"));
  object.waiters.push_back({.pid = 30, .tid = 30, .wait = Wait::open, .since = {}});
}
auto closed(pid_t pid) {
  return [=](Snapshot& snapshot, Object&) { hand_made::add_closed(snapshot, pid); };
}
auto unvisited(NamespaceKind kind, std::uint64_t inode = 999) {
  return [=](Snapshot& snapshot, Object&) { hand_made::add_unvisited(snapshot, kind, inode); };
}
void be_young(Snapshot&, Object& object) { object.changed = hand_made::now - 10s; }
void have_no_time(Snapshot&, Object& object) { object.changed = Fact<Time>::missing("needs a capability"); }
void owner_runs(Snapshot& snapshot, Object&) {
  hand_made::add(snapshot, hand_made::process(40, "shell", hand_made::some_user));
}

TEST(Verdict, OfSysvSegments) {
  const Object left = hand_made::left_segment();
  const auto creator = [](Life life) {
    return [=](Snapshot& snapshot, Object& object) {
      hand_made::add(snapshot, hand_made::process(812, "maker"));
      object.creator->life = life;
    };
  };
  expect({
      {"left by the dead", left, change_nothing, Verdict::safe, "nobody is attached"},
      {"the creator's pid is another's now", left, creator(Life::reused), Verdict::safe, "nobody is attached"},
      {"the last user's pid is another's now", left, detail("last-user", "reused 812"), Verdict::safe, "nobody"},
      {"attached, by the kernel's count", left, detail("nattch", "2"), Verdict::in_use, "2 attached"},
      {"attached, by a mapping seen", left, held_by(30, How::mapping), Verdict::in_use, "holder(30) has it: mapping"},
      {"the count is not told", left, detail("nattch", ""), Verdict::unknown, "not told"},
      {"the creator lives", left, creator(Life::alive), Verdict::unknown, "maker(812) lives"},
      {"the creator is of an unseen pid namespace", left,
       [](Snapshot&, Object& object) { object.creator = Fact<Creator>::missing("not seen"); }, Verdict::likely,
       "creator is not known: not seen"},
      {"the last user lives", left, detail("last-user", "alive 9 tail"), Verdict::unknown, "last user lives: 9 tail"},
      {"the last user is not told", left, detail("last-user", ""), Verdict::unknown, "may not be read"},
      {"the last user is of an unseen pid namespace", left, detail("lpid", "0"), Verdict::likely, "pid namespace"},
      {"changed just now", left, be_young, Verdict::unknown, "within the last 60 s"},
      {"detached just now", left, detail("dtime", hand_made::seconds_text(hand_made::now - 1s)), Verdict::unknown,
       "last 60 s"},
      {"dated in the future", left, detail("atime", hand_made::seconds_text(hand_made::now + 1h)), Verdict::unknown,
       "60 s"},
      {"a closed process cannot be attached unseen", left, closed(50), Verdict::safe, "nobody is attached"},
      {"another IPC namespace cannot see it", left, unvisited(NamespaceKind::ipc), Verdict::safe, "nobody is attached"},
      {"its own IPC namespace was not visited", left, unvisited(NamespaceKind::ipc, hand_made::own_ipc),
       Verdict::unknown, "not visited"},
  });
}

TEST(Verdict, OfSysvQueues) {
  const Object left = hand_made::left_sysv_queue();
  expect({
      {"left by the dead, and never more than likely", left, change_nothing, Verdict::likely, "keeps no count"},
      {"a receiver sleeps in it", left, wait_for_it, Verdict::in_use, "waiter(30) waits"},
      {"messages are unread", left, detail("qnum", "3"), Verdict::unknown, "3 unread messages"},
      {"the messages are not counted", left, detail("qnum", ""), Verdict::unknown, "not told"},
      {"the owner has processes", left, owner_runs, Verdict::unknown, "uid 1000, has processes"},
      {"the owner is not known", left,
       [](Snapshot&, Object& object) { object.owner = Fact<std::uint32_t>::missing("x"); }, Verdict::unknown, "owner"},
      {"the last user lives", left, detail("last-user", "alive 9 tail"), Verdict::unknown, "last user lives"},
      {"a message came just now", left, detail("rtime", hand_made::seconds_text(hand_made::now)), Verdict::unknown,
       "60 s"},
  });
}

TEST(Verdict, OfSysvSemaphores) {
  const Object left = hand_made::left_sysv_semaphores();
  expect({
      {"left by the dead, and never more than likely", left, change_nothing, Verdict::likely, "keeps no count"},
      {"the kernel counts a waiter", left, detail("waiting", "1"), Verdict::in_use, "1 thread waits"},
      {"the waiters may not be read", left, detail("waiting", ""), Verdict::unknown, "may not be read"},
      {"the last user may not be read", left, detail("last-user", "unknown"), Verdict::unknown, "may not be read"},
      {"the owner has processes", left, owner_runs, Verdict::unknown, "has processes"},
      {"operated on just now", left, detail("otime", hand_made::seconds_text(hand_made::now)), Verdict::unknown,
       "60 s"},
  });
}

TEST(Verdict, OfPosixQueues) {
  const Object left = hand_made::left_posix_queue();
  expect({
      {"empty and closed", left, change_nothing, Verdict::safe, "nobody has it open"},
      {"open", left, held_by(30, How::descriptor), Verdict::in_use, "holder(30) has it: descriptor"},
      {"a receiver sleeps in it", left, wait_for_it, Verdict::in_use, "waits"},
      {"messages are unread", left,
       [](Snapshot&, Object& object) { object.fill = hand_made::fill(2, 10, Unit::messages); }, Verdict::unknown,
       "2 unread"},
      {"the messages may not be counted", left,
       [](Snapshot&, Object& object) { object.fill = Fact<Fill>::missing("may not be read"); }, Verdict::unknown,
       "may not be read"},
      {"the count alone is missing", left,
       [](Snapshot&, Object& object) { object.fill->used = Fact<std::uint64_t>::missing("x"); }, Verdict::unknown,
       "may not be read"},
      {"its own IPC namespace was not visited", left, unvisited(NamespaceKind::ipc, hand_made::own_ipc),
       Verdict::unknown, "not visited"},
      {"another IPC namespace cannot see it", left, unvisited(NamespaceKind::ipc), Verdict::safe, "nobody"},
      {"a process with readable descriptors cannot hide it", left,
       [](Snapshot& snapshot, Object&) {
         hand_made::add_closed(snapshot, 50);
         std::ranges::find(snapshot.processes, 50, &ProcessInfo::pid)->descriptors_readable = true;
       },
       Verdict::safe, "nobody has it open"},
  });
}

TEST(Verdict, OfFilesOfMemory) {
  for (const Object& left : {hand_made::left_shm(), hand_made::left_posix_semaphore()})
    expect({
        {"neither open nor mapped", left, change_nothing, Verdict::safe, "no descriptor and no mapping"},
        {"open", left, held_by(30, How::descriptor), Verdict::in_use, "descriptor"},
        {"mapped", left, held_by(30, How::mapping), Verdict::in_use, "mapping"},
        {"on its way through a socket", left, held_by(30, How::in_flight), Verdict::in_use, "in-flight"},
        {"a mount namespace was not visited", left, unvisited(NamespaceKind::mount), Verdict::unknown,
         "a mnt namespace"},
        {"a network namespace cannot see it", left, unvisited(NamespaceKind::network), Verdict::safe, "no descriptor"},
        {"changed just now", left, be_young, Verdict::unknown, "60 s"},
        {"its age is not known", left, have_no_time, Verdict::unknown, "not known: needs a capability"},
        {"its name is gone already", left, [](Snapshot&, Object& object) { object.deleted = true; }, Verdict::in_use,
         "goes with its last holder"},
    });
}

// Who has it is found by the numbers of the file, and overlayfs may show others than the kernel keeps.
TEST(Verdict, OfAFileSystemWhoseNumbersMayDifferIsNeverSafe) {
  const auto on_an_overlay = [](Snapshot&, Object& object) {
    hand_made::set_detail(object, "file-numbers", "may differ from the kernel's");
  };
  for (const Object& left : {hand_made::left_shm(), hand_made::left_posix_semaphore(), hand_made::left_socket_path()})
    expect({{"on an overlay", left, on_an_overlay, Verdict::likely, "may show other numbers"}});
}

// What counts descriptors has to have seen them all.
TEST(Verdict, OfWhatDescriptorsTellIsOnlyAsGoodAsTheView) {
  for (const Object& left : {hand_made::left_shm(), hand_made::left_posix_semaphore(), hand_made::left_posix_queue()})
    expect({
        {"a process is closed", left, closed(50), Verdict::unknown, "1 process could not be looked into"},
        {"init is closed", left, closed(1), Verdict::likely, "init could not be looked into"},
        {"a process is closed and gone since", left,
         [](Snapshot& snapshot, Object&) { snapshot.coverage.unreadable.push_back(51); }, Verdict::unknown,
         "1 process could"},
        {"descriptors are under way", left, [](Snapshot& snapshot, Object&) { snapshot.coverage.in_flight = 2; },
         Verdict::unknown, "2 descriptors wait in sockets"},
        {"a connection with data is not accepted yet", left,
         [](Snapshot& snapshot, Object&) {
           Object connection = hand_made::object(Kind::unix_socket, "", 88);
           connection.fill = hand_made::fill(1, 0, Unit::bytes);
           hand_made::add(snapshot, connection);
         },
         Verdict::likely, "nobody has accepted"},
        {"the caller is in a container", left, unvisited(NamespaceKind::pid), Verdict::likely, "outside of this pid"},
    });
}

TEST(Verdict, OfFifos) {
  const Object left = hand_made::left_fifo();
  expect({
      {"not open, and never more than likely", left, change_nothing, Verdict::likely, "made to be found again"},
      {"open", left, held_by(30, How::descriptor), Verdict::in_use, "descriptor"},
      {"an opener waits for the other end", left, wait_for_it, Verdict::in_use, "waiter(30) waits"},
      {"a process is closed", left, closed(50), Verdict::unknown, "could not be looked into"},
      {"a mount namespace was not visited", left, unvisited(NamespaceKind::mount), Verdict::unknown, "not visited"},
      {"changed just now", left, be_young, Verdict::unknown, "60 s"},
  });
}

TEST(Verdict, OfSocketPaths) {
  const Object left = hand_made::left_socket_path();
  expect({
      {"bound nowhere", left, change_nothing, Verdict::safe, "bound by no socket"},
      {"a network namespace was not visited", left, unvisited(NamespaceKind::network), Verdict::unknown, "a net name"},
      {"a mount namespace does not matter", left, unvisited(NamespaceKind::mount), Verdict::safe, "bound by no socket"},
      {"a process hides its network namespace", left, closed(50), Verdict::likely, "1 process does not tell"},
      {"a kernel thread has no sockets", left,
       [](Snapshot& snapshot, Object&) {
         hand_made::add_closed(snapshot, 50);
         std::ranges::find(snapshot.processes, 50, &ProcessInfo::pid)->kernel_thread = true;
       },
       Verdict::safe, "bound by no socket"},
      {"nor has a zombie", left,
       [](Snapshot& snapshot, Object&) {
         hand_made::add_closed(snapshot, 50);
         std::ranges::find(snapshot.processes, 50, &ProcessInfo::pid)->state = 'Z';
       },
       Verdict::safe, "bound by no socket"},
      {"changed just now", left, be_young, Verdict::unknown, "60 s"},
      {"the caller is in a container", left, unvisited(NamespaceKind::pid), Verdict::likely, "outside of this pid"},
      {"a socket that lives is no path", left, [](Snapshot&, Object& object) { object.details.clear(); },
       Verdict::unknown, "the kernel has it"},
      {"and one that is held even less", left, held_by(30, How::descriptor), Verdict::in_use, "descriptor"},
  });
}

TEST(Verdict, IsNeverThatItMayGoWhereProcessesAreHidden) {
  Snapshot snapshot = hand_made::quiet_machine();
  snapshot.coverage.processes_hidden = true;
  for (const Object& left : {hand_made::left_segment(), hand_made::left_sysv_queue(), hand_made::left_sysv_semaphores(),
                             hand_made::left_posix_queue(), hand_made::left_shm(), hand_made::left_posix_semaphore(),
                             hand_made::left_fifo(), hand_made::left_socket_path()}) {
    SCOPED_TRACE(to_string(left.id.kind));
    Snapshot here = snapshot;
    hand_made::add(here, left);
    EXPECT_LE(judged_when_quiet(left).verdict, Verdict::likely);
    EXPECT_EQ(Judge{here}(left).verdict, Verdict::unknown);
  }
}

TEST(Verdict, OfOurOwnGoesByTheOwnersLock) {
  for (const Kind kind : {Kind::topic, Kind::latest}) {
    const Object ours = hand_made::object(kind, "topic:news");
    expect({
        {"free", ours, detail("owner-lock", "free"), Verdict::safe, "nobody holds the lock of a member"},
        {"held", ours, detail("owner-lock", "held"), Verdict::in_use, "a member that lives holds its lock"},
        {"a file that is not understood", ours,
         [](Snapshot& snapshot, Object& object) {
           detail("owner-lock", "free")(snapshot, object);
           detail("not-understood", "notes.txt: it does not belong there")(snapshot, object);
         },
         Verdict::unknown, "notes.txt"},
        {"not asked", ours, change_nothing, Verdict::unknown, "could not be asked"},
        {"a reader is there still", ours,
         [](Snapshot& snapshot, Object& object) {
           detail("owner-lock", "free")(snapshot, object);
           held_by(30, How::mapping)(snapshot, object);
         },
         Verdict::in_use, "mapping"},
    });
  }
}

TEST(Verdict, OfWhatIsKeptForWhoeverComesNextIsNotSafe) {
  const auto unused = [](std::uint64_t messages) {
    return [=](Snapshot& snapshot, Object& object) {
      detail("owner-lock", "free")(snapshot, object);
      object.fill = hand_made::fill(messages, 8, Unit::messages);
    };
  };
  const Object queue = hand_made::object(Kind::queue, "queue:jobs");
  expect({
      {"an empty queue", queue, unused(0), Verdict::likely, "made to be found again"},
      {"one with messages", queue, unused(3), Verdict::unknown, "it holds 3 messages"},
      {"one that may not be read", queue, detail("owner-lock", "free"), Verdict::unknown, "may not be read"},
  });
  expect({{"a newest value", hand_made::object(Kind::latest, "latest:state"),
           [](Snapshot& snapshot, Object& object) {
             detail("owner-lock", "free")(snapshot, object);
             detail("version", "7")(snapshot, object);
           },
           Verdict::likely, "keeps its last value"}});
}

TEST(Verdict, OfALockNamesItsHolder) {
  expect(
      {{"held", hand_made::object(Kind::lock, "lock:/run/x"), held_by(30, How::lock), Verdict::in_use, "holder(30)"}});
  const Judgement judgement = judged_when_quiet(hand_made::object(Kind::lock, "lock:/run/x"));
  EXPECT_EQ(judgement.verdict, Verdict::in_use);
  EXPECT_NE(judgement.reasons.front().find("its file is never removed"), std::string::npos);
}

TEST(Verdict, OfWhatHasNoNameIsInUse) {
  for (const Kind kind : {Kind::pipe, Kind::memfd, Kind::eventfd, Kind::epoll, Kind::signalfd, Kind::timerfd,
                          Kind::futex, Kind::signal, Kind::channel})
    expect(
        {{"it goes by itself", hand_made::object(kind, ""), change_nothing, Verdict::in_use, "with its last holder"}});
}

TEST(Verdict, NamesTheProgramThatRecyclesIt) {
  Object segment = hand_made::left_segment();
  segment.fill = hand_made::fill(4096, 56, Unit::bytes);
  segment.mode = 0600;
  Object semaphores = hand_made::left_sysv_semaphores();
  hand_made::set_detail(semaphores, "nsems", "17");
  semaphores.mode = 0600;
  Object memory = hand_made::left_shm();
  memory.name = "shm:/PostgreSQL.1804289383";
  Object socket = hand_made::left_socket_path();
  socket.name = "unix:/run/postgresql/.s.PGSQL.5432";
  for (const Object& left : {segment, semaphores, memory, socket}) {
    SCOPED_TRACE(left.name);
    const Judgement judgement = judged_when_quiet(left);
    EXPECT_EQ(judgement.verdict, Verdict::likely);
    const auto told = std::ranges::find_if(judgement.reasons, [](const std::string& reason) {
      return reason.find("PostgreSQL") != std::string::npos && reason.find("next start") != std::string::npos;
    });
    EXPECT_NE(told, judgement.reasons.end());
    EXPECT_NE(std::ranges::find(judgement.evidence, "uid 1000 runs no PostgreSQL now"), judgement.evidence.end());
  }

  Object display = hand_made::left_socket_path();
  display.name = "unix:/tmp/.X11-unix/X99";
  expect({{"a display", display, change_nothing, Verdict::likely, "the X server, which replaces it"}});
}

TEST(Verdict, AProgramWhoseProcessHasEndedDoesNotRun) {
  Object memory = hand_made::left_shm();
  memory.name = "shm:/PostgreSQL.1804289383";
  for (const auto& [state, told] :
       {std::pair{'S', "uid 1000 runs postgres(40)"}, {'Z', "uid 1000 runs no PostgreSQL now"}}) {
    Snapshot snapshot = hand_made::quiet_machine();
    ProcessInfo server = hand_made::process(40, "postgres", hand_made::some_user);
    server.state = state;
    hand_made::add(snapshot, server);
    const Judgement judgement = Judge{snapshot, {}}(memory);
    EXPECT_NE(std::ranges::find(judgement.evidence, told), judgement.evidence.end()) << state;
  }
}

TEST(Verdict, DoesNotTakeEverySmallSegmentForPostgresql) {
  Object segment = hand_made::left_segment();
  segment.fill = hand_made::fill(4096, 56, Unit::bytes);  // of mode 0660
  expect({{"another mode", segment, change_nothing, Verdict::safe, "nobody is attached"}});
  segment.mode = 0600;
  segment.fill = hand_made::fill(4096, 57, Unit::bytes);
  expect({{"another size", segment, change_nothing, Verdict::safe, "nobody is attached"}});
}

TEST(Verdict, TellsWhatItRestsOn) {
  const Judgement judgement = judged_when_quiet(hand_made::left_segment());
  const std::vector<std::string> expected{"/proc/sysvipc/shm: nattch=0 cpid=812 lpid=812", "last user: dead",
                                          "last used or changed 86400 s ago"};
  EXPECT_EQ(judgement.evidence, expected);
}

TEST(Verdict, GraceIsTheCallersChoice) {
  Object left = hand_made::left_shm();
  left.changed = hand_made::now - 10s;
  const Snapshot snapshot = hand_made::quiet_machine();
  EXPECT_EQ((Judge{snapshot, {.grace = 11s}}(left).verdict), Verdict::unknown);
  EXPECT_EQ((Judge{snapshot, {.grace = 10s}}(left).verdict), Verdict::safe);
}

}  // namespace
}  // namespace ginnel::inventory
