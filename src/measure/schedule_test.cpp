#include "ginnel/measure/schedule.hpp"

#include <gtest/gtest.h>

#include <memory>

// The recorder on a clock of the test's own, with stalls of known length: what the percentiles must be can be computed.

namespace ginnel::measure {
namespace {

using namespace std::chrono_literals;
using TimePoint = Schedule::TimePoint;

/// Time that passes only when somebody works or waits.
struct Simulation {
  TimePoint now{};
  Histogram latencies{};
  std::uint64_t sent = 0;

  /// At 10,000 messages a second for 10 s, each of which takes 1 µs, but for message `stalled`, which takes `stall`.
  void open_loop(std::uint64_t stalled, std::chrono::nanoseconds stall) {
    const Schedule schedule{now, 10'000};
    sent = send_on_schedule(
        schedule, now + 10s, [&] { return now; }, [&](TimePoint moment) { now = moment; },
        [&](std::uint64_t index) {
          now += index == stalled ? stall : 1us;
          schedule.record(latencies, index, now);
          return true;
        });
  }
  /// The same work one after the other, each message timed from its own start.
  void closed_loop(std::uint64_t messages, std::uint64_t stalled, std::chrono::nanoseconds stall) {
    for (; sent < messages; ++sent) {
      const TimePoint begun = now;
      now += sent == stalled ? stall : 1us;
      latencies.record(static_cast<std::uint64_t>(std::chrono::nanoseconds{now - begun}.count()));
      now += 99us;
    }
  }
};

void expect_within_a_128th(std::uint64_t told, std::uint64_t exact) {
  EXPECT_GE(told, exact);
  EXPECT_LE(told, exact + exact / 128 + 1);
}

TEST(Schedule, WithoutAStallEveryMessageTakesItsOwnTime) {
  const auto run = std::make_unique<Simulation>();
  run->open_loop(~std::uint64_t{0}, 0ns);
  EXPECT_EQ(run->sent, 100'000U);
  EXPECT_EQ(run->latencies.total(), 100'000U);
  EXPECT_EQ(run->latencies.smallest(), 1000U);
  EXPECT_EQ(run->latencies.largest(), 1000U);
}

TEST(Schedule, AStallOfOneSecondIsFeltByEveryMessageThatWasDueMeanwhile) {
  // Message 20,000 takes 1 s. Message 20,000 + k was due 100 k µs later and is done k + 1 µs after the stall's end: it is
  // 1 s - 99 k µs late, while that is more than the 1 µs of an undisturbed one: k up to 10,100.
  const auto run = std::make_unique<Simulation>();
  run->open_loop(20'000, 1s);
  EXPECT_EQ(run->latencies.total(), 100'000U) << "nothing that was due is left out";
  EXPECT_EQ(run->latencies.largest(), 1'000'000'000U);
  expect_within_a_128th(run->latencies.at_percentile(50), 1000);
  // 10,101 of 100,000 are late: the p-th percentile is the (100 - p) % latest of them.
  expect_within_a_128th(run->latencies.at_percentile(99.9), 1'000'000'000 - 99'000 * 100);
  expect_within_a_128th(run->latencies.at_percentile(99), 1'000'000'000 - 99'000 * 1000);
  expect_within_a_128th(run->latencies.at_percentile(95), 1'000'000'000 - 99'000ULL * 5000);
  expect_within_a_128th(run->latencies.at_percentile(89), 1000);
}

TEST(Schedule, AClosedLoopWouldHideThatStall) {
  const auto run = std::make_unique<Simulation>();
  run->closed_loop(100'000, 20'000, 1s);
  EXPECT_EQ(run->latencies.largest(), 1'000'000'000U);
  // One slow message of 100,000, where 10,000 would have waited.
  expect_within_a_128th(run->latencies.at_percentile(99.99), 1000);
}

TEST(Schedule, AStallOfTenMillisecondsShowsInTheTopThousandth) {
  const auto run = std::make_unique<Simulation>();
  run->open_loop(50'000, 10ms);
  EXPECT_EQ(run->latencies.largest(), 10'000'000U);
  expect_within_a_128th(run->latencies.at_percentile(99), 1000);
  // 102 are late, by 99 µs less each.
  expect_within_a_128th(run->latencies.at_percentile(99.95), 10'000'000 - 99'000 * 50);
}

TEST(Schedule, ARateThatCannotBeKeptUpGrowsLateWithoutEnd) {
  // 2,000,000 a second where each takes 1 µs: after 1 s of schedule the last one is 1 s late.
  const auto run = std::make_unique<Simulation>();
  const Schedule schedule{run->now, 2'000'000};
  run->sent = send_on_schedule(
      schedule, run->now + 1s, [&] { return run->now; }, [&](TimePoint moment) { run->now = moment; },
      [&](std::uint64_t index) {
        run->now += 1us;
        schedule.record(run->latencies, index, run->now);
        return true;
      });
  EXPECT_EQ(run->sent, 2'000'000U);
  expect_within_a_128th(run->latencies.at_percentile(50), 500'000'500);
  EXPECT_EQ(run->latencies.largest(), 1'000'000'500U);
}

TEST(Schedule, WhoCannotGoOnSaysSo) {
  const Schedule schedule{{}, 1000};
  TimePoint now{};
  const auto sent = send_on_schedule(
      schedule, now + 1s, [&] { return now; }, [&](TimePoint moment) { now = moment; },
      [](std::uint64_t index) { return index < 5; });
  EXPECT_EQ(sent, 5U);
}

TEST(Schedule, DoneBeforeItWasDueIsAtOnce) {
  const auto histogram = std::make_unique<Histogram>();
  Schedule{TimePoint{1s}, 10}.record(*histogram, 0, TimePoint{999ms});
  EXPECT_EQ(histogram->largest(), 0U);
}

}  // namespace
}  // namespace ginnel::measure
