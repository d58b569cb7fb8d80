#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>

#include "ginnel/measure/run.hpp"

namespace ginnel::measure {
namespace {

const std::vector<Placement> two_places{{.name = "two cores", .first = 0, .second = 1},
                                        {.name = "one processor", .first = 0, .second = 0}};

const std::array made_up{
    CarrierKind{.name = "stream", .mechanism = "pipe", .make = {}},
    CarrierKind{.name = "small", .mechanism = "signals", .largest = 4, .make = {}},
    CarrierKind{.name = "asked", .mechanism = "service", .one_way = false, .make = {}},
    CarrierKind{.name = "stream, in place",
                .mechanism = "pipe",
                .in_place = true,
                .manners = {.sleeping = false, .polling = true},
                .make = {}},
};

RunOptions filled() {
  return {.sizes = {64, 1 << 20, 16 << 20},
          .manners = {Manner::sleeping, Manner::polling},
          .rates = {1000},
          .placements = {"two cores", "one processor"}};
}

bool has(const std::vector<PlannedCase>& cases, const Subject& subject) {
  return std::ranges::any_of(cases, [&](const PlannedCase& planned) { return planned.subject() == subject; });
}

TEST(Plan, HasEveryMannerSizeAndPlacementOfACarrierThatMakesSense) {
  const auto cases = plan(filled(), made_up, two_places);
  ASSERT_TRUE(cases) << cases.error().message();
  const Subject whole{.carrier = "stream", .mechanism = "pipe", .size = 64, .placement = "two cores"};
  EXPECT_TRUE(has(*cases, whole));
  auto other = whole;
  other.what = What::one_way;
  EXPECT_TRUE(has(*cases, other));
  other.placement = "one processor";
  EXPECT_TRUE(has(*cases, other));
  other.manner = Manner::polling;
  EXPECT_FALSE(has(*cases, other)) << "two that poll on one processor keep each other from it";
}

TEST(Plan, OnlyWhatIsReadInPlaceHasMessagesOverAMebibyte) {
  const auto cases = plan(filled(), made_up, two_places);
  ASSERT_TRUE(cases);
  for (const PlannedCase& planned : *cases)
    EXPECT_TRUE(planned.size <= 1 << 20 || planned.kind->in_place) << planned.subject().to_string();
  EXPECT_TRUE(std::ranges::any_of(*cases, [](const PlannedCase& planned) { return planned.size == 16 << 20; }));
}

TEST(Plan, ACarrierOfSmallMessagesIsMeasuredWithItsOwnSize) {
  const auto cases = plan(filled(), made_up, two_places);
  ASSERT_TRUE(cases);
  for (const PlannedCase& planned : *cases)
    EXPECT_TRUE(planned.kind->name != "small" || planned.size == 4) << planned.subject().to_string();
  EXPECT_TRUE(std::ranges::any_of(*cases, [](const PlannedCase& planned) { return planned.kind->name == "small"; }));
}

TEST(Plan, QuestionsAndAnswersHaveNoOneWay) {
  const auto cases = plan(filled(), made_up, two_places);
  ASSERT_TRUE(cases);
  for (const PlannedCase& planned : *cases)
    EXPECT_TRUE(planned.kind->one_way || planned.what == What::round_trip) << planned.subject().to_string();
}

TEST(Plan, OpenLoopsAreOfTheCommonSizeAndOnTwoProcessors) {
  const auto cases = plan(filled(), made_up, two_places);
  ASSERT_TRUE(cases);
  std::size_t count = 0;
  for (const PlannedCase& planned : *cases) {
    if (planned.what != What::open_loop) continue;
    ++count;
    EXPECT_LE(planned.size, 64U);
    EXPECT_FALSE(planned.placement.is_shared());
    EXPECT_EQ(planned.rate, 1000);
  }
  EXPECT_GT(count, 0U);
}

TEST(Plan, AMechanismStandsForAllItsCarriers) {
  auto options = filled();
  options.only = {"pipe"};
  const auto cases = plan(options, made_up, two_places);
  ASSERT_TRUE(cases);
  std::set<std::string_view> names;
  for (const PlannedCase& planned : *cases) names.insert(planned.kind->name);
  EXPECT_EQ(names, (std::set<std::string_view>{"stream", "stream, in place"}));
}

TEST(Plan, AWrongNameShowsAll) {
  auto options = filled();
  options.only = {"pipes"};
  auto cases = plan(options, made_up, two_places);
  ASSERT_FALSE(cases);
  EXPECT_NE(cases.error().message().find("stream; small; asked; stream, in place"), std::string::npos);
  options = filled();
  options.placements = {"three cores"};
  cases = plan(options, made_up, two_places);
  ASSERT_FALSE(cases);
  EXPECT_NE(cases.error().message().find("two cores; one processor"), std::string::npos);
}

TEST(Plan, NothingLeftToMeasureIsRefused) {
  auto options = filled();
  options.only = {"stream, in place"};
  options.manners = {Manner::sleeping};
  const auto cases = plan(options, made_up, two_places);
  ASSERT_FALSE(cases);
  EXPECT_EQ(cases.error().code(), EINVAL);
}

TEST(Order, EveryCaseComesOnceBeforeAnyComesAgainAndEachRoundInAnotherOrder) {
  const auto order = shuffled_order(100, 3, 7);
  ASSERT_EQ(order.size(), 300U);
  for (std::size_t round = 0; round < 3; ++round) {
    const std::set<std::size_t> seen{order.begin() + static_cast<std::ptrdiff_t>(100 * round),
                                     order.begin() + static_cast<std::ptrdiff_t>(100 * (round + 1))};
    EXPECT_EQ(seen.size(), 100U);
  }
  EXPECT_FALSE(std::equal(order.begin(), order.begin() + 100, order.begin() + 100));
}

TEST(Order, ASeedRepeatsIt) {
  EXPECT_EQ(shuffled_order(50, 2, 1), shuffled_order(50, 2, 1));
  EXPECT_NE(shuffled_order(50, 2, 1), shuffled_order(50, 2, 2));
}

}  // namespace
}  // namespace ginnel::measure
