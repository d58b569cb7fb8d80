#include "ginnel/measure/choice.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

// Twenty needs of real programs, with the choice that an experienced engineer would defend, and why.

namespace ginnel::measure {
namespace {

struct Case {
  const char* story;
  Needs needs;
  const char* choice;  ///< empty: nothing fits
  const char* why;
};

/// Figures as a common machine has them, so that needs of speed can be told apart. In round trips.
const std::vector<KnownCost>& common_costs() {
  static const std::vector<KnownCost> costs = [] {
    std::vector<KnownCost> all;
    const auto add = [&](const char* carrier, Manner manner, double round_trip_ns, double rate) {
      all.push_back(
          {.carrier = carrier, .manner = manner, .what = What::round_trip, .size = 64, .value = round_trip_ns});
      all.push_back({.carrier = carrier, .manner = manner, .what = What::one_way, .size = 64, .value = rate});
    };
    for (const char* const carrier : {"pipe", "fifo", "pipe-packets"}) add(carrier, Manner::sleeping, 11'000, 1.5e6);
    for (const char* const carrier : {"unix-stream", "unix-seqpacket", "unix-datagram"})
      add(carrier, Manner::sleeping, 12'000, 1.2e6);
    for (const char* const carrier : {"posix-queue", "sysv-queue"}) add(carrier, Manner::sleeping, 12'500, 1.4e6);
    add("shm+futex", Manner::sleeping, 8'000, 5e6);
    add("shm+condition", Manner::sleeping, 14'000, 1e6);
    add("shm+eventfd", Manner::sleeping, 12'000, 1e6);
    for (const char* const carrier : {"topic", "latest", "queue", "channel", "service"}) {
      add(carrier, Manner::sleeping, 8'500, 2e7);
      add(carrier, Manner::polling, 250, 1e8);
    }
    return all;
  }();
  return costs;
}

// clang-format off: a list to be read
const std::array cases{
    Case{"a shell pipeline", {.purpose = Purpose::bytes, .receivers = Receivers::one}, "pipe",
         "relatives, a stream, an end: nothing is simpler, and the kernel cleans up"},
    Case{"a trading feed", {.purpose = Purpose::messages, .unrelated = true, .receivers = Receivers::each_gets_all, .order = true,
          .size = 64, .rate = 1e6, .latency_ns = 1000, .manner = Manner::polling, .never_wait = true}, "topic",
         "all readers get all, in order, below a microsecond; a slow one is told what it lost and holds nobody up"},
    Case{"camera frames to three viewers", {.purpose = Purpose::value, .unrelated = true, .receivers = Receivers::each_gets_all,
          .size = 6 << 20, .rate = 30, .never_wait = true, .in_place = true}, "latest",
         "only the newest frame counts, and six megabytes are not copied thirty times a second for each viewer"},
    Case{"a privileged helper that opens files for a sandbox", {.purpose = Purpose::calls, .unrelated = true,
          .trust = Trust::hostile, .descriptors = true, .credentials = true}, "unix-seqpacket",
         "the kernel passes the descriptor and says who asks; calls are rare, so nothing needs to be shared"},
    Case{"a worker pool", {.purpose = Purpose::jobs, .unrelated = true, .many_senders = true, .receivers = Receivers::each_gets_one,
          .survives = true, .redelivers = true}, "queue",
         "a killed worker's job is done by another: no queue of the kernel knows acknowledgement"},
    Case{"configuration broadcast", {.purpose = Purpose::value, .unrelated = true, .receivers = Receivers::each_gets_all,
          .outlives = true}, "latest", "who comes late gets what holds now, also when its writer has ended"},
    Case{"a plug-in that may crash, called often", {.purpose = Purpose::calls, .latency_ns = 5000, .trust = Trust::hostile,
          .told_of_death = true, .survives = true}, "service",
         "a call ends with whether it may have been carried out; a socket would be too slow"},
    Case{"a container sidecar", {.purpose = Purpose::bytes, .unrelated = true, .both_ways = true, .trust = Trust::container,
          .told_of_death = true}, "unix-stream", "a socket on a shared volume is all that the two containers have in common"},
    Case{"a single-instance lock", {.purpose = Purpose::lock, .unrelated = true, .survives = true}, "flock",
         "the kernel frees it however the holder ends, and there is no pid file to go stale"},
    Case{"a daemon that is told to reload", {.purpose = Purpose::event, .unrelated = true, .pollable = true}, "signals",
         "no arrangement is needed beforehand, and a signalfd brings it into the event loop"},
    Case{"a child that wakes its parent's event loop", {.purpose = Purpose::event, .pollable = true}, "eventfd",
         "one descriptor handed down by fork, eight bytes, no names"},
    Case{"log lines of many scripts for one collector", {.purpose = Purpose::messages, .unrelated = true, .many_senders = true,
          .receivers = Receivers::one, .size = 200, .posix = true}, "fifo",
         "a script writes to it with echo, and lines below 4,096 bytes do not mix"},
    Case{"commands with priorities, on any POSIX system", {.purpose = Purpose::messages, .unrelated = true, .priorities = true,
          .pollable = true, .posix = true}, "posix-queue", "it is the one that orders by priority and can be polled"},
    Case{"at most four builds at a time, some of which are killed", {.purpose = Purpose::count, .unrelated = true,
          .survives = true}, "sysv-semaphore", "SEM_UNDO gives back what a killed holder had; a POSIX semaphore loses it for ever"},
    Case{"a hash table in shared memory whose writers get killed", {.purpose = Purpose::lock, .unrelated = true, .survives = true,
          .in_place = true}, "robust-mutex", "without a system call while it is free, and the next owner learns that it has to repair"},
    Case{"a table in shared memory that is read all the time", {.purpose = Purpose::lock, .unrelated = true,
          .receivers = Receivers::each_gets_all, .survives = true, .in_place = true}, "rwlock",
         "readers do not wait for one another, and a dead reader blocks nobody"},
    Case{"a data set for a sandbox that may not change it", {.purpose = Purpose::memory, .trust = Trust::hostile}, "memfd",
         "seals that nobody can take back, no name, nothing to clean up"},
    Case{"a profiler that looks into a process which does not know of it", {.purpose = Purpose::memory, .unrelated = true,
          .survives = true}, "cross-memory", "the other side does nothing, and nothing is left in it"},
    Case{"a flag beside shared data, with the least delay and asleep", {.purpose = Purpose::event, .latency_ns = 5000,
          .in_place = true}, "futex", "the kernel's own wait for a word; a condition takes a mutex as well"},
    Case{"notes of programs of any user to one service", {.purpose = Purpose::messages, .unrelated = true, .many_senders = true,
          .trust = Trust::other_user, .credentials = true}, "unix-datagram",
         "one socket for all senders, whole messages, and the kernel says whose they are, as with /dev/log"},
    Case{"the same service on another machine", {.purpose = Purpose::messages, .other_machine = true}, "",
         "nothing between processes of one machine reaches another: TCP"},
};
// clang-format on

class Choice : public ::testing::TestWithParam<Case> {};

TEST_P(Choice, IsTheOneThatAnEngineerWouldDefend) {
  const auto ranking = choose(GetParam().needs, common_costs());
  ASSERT_EQ(ranking.size(), knowledge().size()) << "every mechanism is ranked";
  if (*GetParam().choice == '\0') {
    EXPECT_FALSE(ranking.front().fits());
    return;
  }
  EXPECT_EQ(ranking.front().mechanism->name, GetParam().choice)
      << GetParam().why << "\nit says: " << ranking.front().reason;
  EXPECT_TRUE(ranking.front().fits()) << ranking.front().reason;
  EXPECT_FALSE(ranking.front().too_slow) << ranking.front().reason;
}

INSTANTIATE_TEST_SUITE_P(Golden, Choice, ::testing::ValuesIn(cases), [](const auto& tested) {
  std::string name;
  bool begins = true;
  for (const char c : std::string{tested.param.story}) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0)
      name += begins ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    begins = std::isalnum(static_cast<unsigned char>(c)) == 0;
  }
  return name;
});

TEST(ChoiceRanking, WhoeverFitsComesBeforeWhoeverDoesNotAndEachSaysWhy) {
  const auto ranking = choose({.purpose = Purpose::messages, .unrelated = true, .descriptors = true}, common_costs());
  EXPECT_TRUE(std::ranges::is_sorted(ranking, std::ranges::greater{}, &Candidate::fits));
  for (const Candidate& candidate : ranking) {
    EXPECT_FALSE(candidate.reason.empty()) << candidate.mechanism->name;
    EXPECT_EQ(candidate.reason.find('\n'), std::string::npos) << candidate.mechanism->name;
    for (const Missing& missing : candidate.missing) EXPECT_FALSE(missing.source.empty());
  }
  const auto pipe = std::ranges::find(ranking, "pipe", [](const Candidate& c) { return c.mechanism->name; });
  EXPECT_NE(pipe->reason.find("passes no descriptors [unix(7), SCM_RIGHTS]"), std::string::npos) << pipe->reason;
}

TEST(ChoiceRanking, WithoutFiguresTheSimplestComesFirstAndIsCalledUnmeasured) {
  const auto ranking = choose({.purpose = Purpose::bytes}, {});
  EXPECT_EQ(ranking.front().mechanism->name, "pipe");
  EXPECT_NE(ranking.front().reason.find("unmeasured"), std::string::npos);
}

TEST(ChoiceRanking, WhatWasMeasuredToBeTooSlowStandsBehindWhatWasNot) {
  const std::vector<KnownCost> costs{
      {.carrier = "unix-seqpacket", .manner = Manner::sleeping, .what = What::round_trip, .size = 64, .value = 20'000},
      {.carrier = "service", .manner = Manner::sleeping, .what = What::round_trip, .size = 64, .value = 9000}};
  EXPECT_EQ(choose({.purpose = Purpose::calls, .latency_ns = 11'000}, costs).front().mechanism->name, "unix-seqpacket");
  const auto quick = choose({.purpose = Purpose::calls, .latency_ns = 5000}, costs);
  EXPECT_EQ(quick.front().mechanism->name, "service");
  EXPECT_TRUE(quick[1].too_slow);
  // Where nothing is quick enough, the quickest.
  EXPECT_EQ(choose({.purpose = Purpose::calls, .latency_ns = 10}, costs).front().mechanism->name, "service");
}

TEST(ChoiceRanking, CostsAreThoseOfTheMannerAndTheNearestSize) {
  std::vector<KnownCost> costs;
  for (const std::uint64_t size : {64U, 4096U, 65'536U})
    for (const Manner manner : {Manner::sleeping, Manner::polling})
      costs.push_back({.carrier = "topic",
                       .manner = manner,
                       .what = What::round_trip,
                       .size = size,
                       .value = static_cast<double>(size) + (manner == Manner::polling ? 1 : 0)});
  const auto ranking = choose({.purpose = Purpose::messages, .size = 3000, .manner = Manner::polling}, costs);
  const auto topic = std::ranges::find(ranking, "topic", [](const Candidate& c) { return c.mechanism->name; });
  ASSERT_TRUE(topic->cost);
  EXPECT_EQ(topic->cost->size, 4096U);
  EXPECT_EQ(topic->cost->manner, Manner::polling);
  EXPECT_EQ(topic->cost->one_way_ns, 4097 / 2.0);
}

TEST(Knowledge, EachClaimHasASourceAndEachCarrierExists) {
  for (const Mechanism& m : knowledge()) {
    for (const std::string_view source :
         {m.purposes.source,       m.unrelated.source,   m.many_senders.source, m.receivers.source,
          m.boundaries.source,     m.both_ways.source,   m.order.source,        m.largest.source,
          m.trust.source,          m.descriptors.source, m.priorities.source,   m.pollable.source,
          m.on_full.source,        m.outlives.source,    m.portability.source,  m.tells_sender.source,
          m.tells_receiver.source, m.survives.source,    m.redelivers.source,   m.credentials.source,
          m.in_place.source,       m.effort.source})
      EXPECT_FALSE(source.empty()) << m.name;
    EXPECT_FALSE(m.risks.empty() || m.clean_up.empty() || m.what.empty()) << m.name;
    EXPECT_GE(m.effort.is, 1);
    EXPECT_LE(m.effort.is, 5);
    EXPECT_EQ(find_mechanism(m.name), &m) << "a name comes once";
    EXPECT_TRUE(m.carrier.empty() ||
                std::ranges::find(all_carriers(), m.carrier, &CarrierKind::name) != all_carriers().end())
        << m.carrier;
  }
  for (const CarrierKind& kind : all_carriers()) EXPECT_NE(find_mechanism(kind.mechanism), nullptr) << kind.name;
}

TEST(ChoiceWords, AreReadBackAsTheyAreWritten) {
  for (const Purpose purpose : all_purposes) EXPECT_EQ(parse_purpose(to_string(purpose)), purpose);
  for (const Receivers receivers : {Receivers::one, Receivers::each_gets_one, Receivers::each_gets_all})
    EXPECT_EQ(parse_receivers(to_string(receivers)), receivers);
  for (const Trust trust : {Trust::same_user, Trust::other_user, Trust::container, Trust::hostile})
    EXPECT_EQ(parse_trust(to_string(trust)), trust);
  EXPECT_FALSE(parse_purpose("byte") || parse_receivers("") || parse_trust("user"));
}

}  // namespace
}  // namespace ginnel::measure
