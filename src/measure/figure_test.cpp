#include "ginnel/measure/figure.hpp"

#include <gtest/gtest.h>

namespace ginnel::measure {
namespace {

MachineLimits some_limits() {
  return {.pairs = {{.placement = "two cores", .cache_line_ns = 100, .futex_ns = 4000},
                    {.placement = "one processor", .cache_line_ns = 0, .futex_ns = 2000}},
          .copies = {{.bytes = 64, .ns = 2}, {.bytes = 4096, .ns = 50}}};
}

Figure figure_of(Manner manner, What what, std::size_t size, const char* placement, double value) {
  Figure figure;
  figure.subject = {.manner = manner, .what = what, .size = size, .placement = placement};
  figure.value = {.low = value, .middle = value, .high = value};
  return figure;
}

TEST(Spread, HasTheMedianAndTheExtremes) {
  const Spread odd = Spread::of({5, 1, 3});
  EXPECT_EQ(odd.low, 1);
  EXPECT_EQ(odd.middle, 3);
  EXPECT_EQ(odd.high, 5);
  EXPECT_DOUBLE_EQ(odd.relative(), 2.0 / 3);
  EXPECT_EQ(Spread::of({1, 2, 4, 8}).middle, 3);
  EXPECT_EQ(Spread::of({}).relative(), 0);
}

TEST(FigureLimit, OfARoundTripIsTheBareWaitAndTwoCopies) {
  EXPECT_EQ(limit_of(figure_of(Manner::polling, What::round_trip, 4096, "two cores", 1), some_limits()), 200);
  EXPECT_EQ(limit_of(figure_of(Manner::sleeping, What::round_trip, 64, "two cores", 1), some_limits()), 4004);
  EXPECT_EQ(limit_of(figure_of(Manner::adaptive, What::round_trip, 64, "one processor", 1), some_limits()), 2004);
  EXPECT_EQ(limit_of(figure_of(Manner::polling, What::open_loop, 64, "two cores", 1), some_limits()), 52);
}

TEST(FigureLimit, InPlaceNothingIsCopied) {
  Figure figure = figure_of(Manner::polling, What::round_trip, 4096, "two cores", 1);
  figure.subject.in_place = true;
  EXPECT_EQ(limit_of(figure, some_limits()), 100);
  figure.subject.what = What::one_way;
  EXPECT_EQ(limit_of(figure, some_limits()), 0);
  EXPECT_EQ(ratio_to_limit(figure, some_limits()), 0);
}

TEST(FigureLimit, TheRatioSaysHowManyTimesWorse) {
  EXPECT_EQ(ratio_to_limit(figure_of(Manner::polling, What::round_trip, 4096, "two cores", 300), some_limits()), 1.5);
  // 50 ns a copy are 20 million a second.
  EXPECT_EQ(ratio_to_limit(figure_of(Manner::polling, What::one_way, 4096, "two cores", 5e6), some_limits()), 4);
  EXPECT_EQ(ratio_to_limit(figure_of(Manner::polling, What::round_trip, 64, "elsewhere", 5), some_limits()), 0);
}

TEST(FigureChange, IsBeyondNoiseOnlyWhereTheRepeatsDoNotMeet) {
  Figure now = figure_of(Manner::sleeping, What::round_trip, 64, "two cores", 0);
  now.value = {.low = 95, .middle = 100, .high = 105};
  EXPECT_FALSE(compare(now, {.low = 104, .middle = 110, .high = 115}).beyond_noise);
  const Change better = compare(now, {.low = 180, .middle = 200, .high = 220});
  EXPECT_TRUE(better.beyond_noise);
  EXPECT_EQ(better.factor, 2) << "a latency of half is twice as good";
  const Change worse = compare(now, {.low = 45, .middle = 50, .high = 55});
  EXPECT_TRUE(worse.beyond_noise);
  EXPECT_EQ(worse.factor, 0.5);
}

TEST(FigureChange, MoreMessagesASecondAreBetter) {
  Figure now = figure_of(Manner::sleeping, What::one_way, 64, "two cores", 200);
  EXPECT_EQ(compare(now, {.low = 100, .middle = 100, .high = 100}).factor, 2);
}

TEST(FigureChange, AHundredthIsNoChangeHoweverStillTheMachineWas) {
  const Figure now = figure_of(Manner::sleeping, What::one_way, 64, "two cores", 101);
  EXPECT_FALSE(compare(now, {.low = 100, .middle = 100, .high = 100}).beyond_noise);
}

TEST(Subject, IsToldInWords) {
  const Subject subject{.carrier = "pipe",
                        .mechanism = "pipe",
                        .manner = Manner::sleeping,
                        .what = What::open_loop,
                        .size = 64,
                        .placement = "two cores",
                        .rate = 10'000};
  EXPECT_EQ(subject.to_string(), "pipe sleeping open loop at 10000/s 64 B two cores");
}

}  // namespace
}  // namespace ginnel::measure
