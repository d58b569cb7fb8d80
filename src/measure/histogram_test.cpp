#include "ginnel/measure/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <random>

namespace ginnel::measure {
namespace {

constexpr std::uint64_t greatest = std::numeric_limits<std::uint64_t>::max();

TEST(Histogram, EveryValueHasABucketThatHoldsItAndIsNarrow) {
  std::vector<std::uint64_t> values{0, 1, 2, 127, 128, 129, 255, 256, 257, 1000, greatest - 1, greatest};
  for (unsigned bit = 8; bit < 64; ++bit)
    for (const std::uint64_t value :
         {(std::uint64_t{1} << bit) - 1, std::uint64_t{1} << bit, (std::uint64_t{1} << bit) + 1})
      values.push_back(value);
  for (const std::uint64_t value : values) {
    const auto histogram = std::make_unique<Histogram>();
    histogram->record(value);
    const auto buckets = histogram->buckets();
    ASSERT_EQ(buckets.size(), 1U) << value;
    EXPECT_LE(buckets[0].lowest, value);
    EXPECT_GE(buckets[0].highest, value);
    EXPECT_LE(buckets[0].highest - buckets[0].lowest, value / 128) << value;
    EXPECT_EQ(histogram->at_percentile(50), value) << "one value is every percentile";
    EXPECT_EQ(histogram->smallest(), value);
    EXPECT_EQ(histogram->largest(), value);
  }
}

TEST(Histogram, BucketsFollowOneAnotherWithoutGapOrOverlap) {
  const auto histogram = std::make_unique<Histogram>();
  for (unsigned bit = 0; bit < 64; ++bit)
    for (std::uint64_t step = 0; step < 256; ++step) {
      const std::uint64_t base = std::uint64_t{1} << bit;
      histogram->record(base + (bit < 8 ? step % base : step << (bit - 8)));
    }
  const auto buckets = histogram->buckets();
  for (std::size_t i = 1; i < buckets.size(); ++i) EXPECT_EQ(buckets[i].lowest, buckets[i - 1].highest + 1);
  EXPECT_EQ(buckets.back().highest, greatest);
}

TEST(Histogram, PercentilesAreThoseOfTheSortedValuesWithinOneInOneHundredAndTwentyEight) {
  std::mt19937_64 random{7};
  std::lognormal_distribution<double> distribution{8, 2};
  const auto histogram = std::make_unique<Histogram>();
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 100'000; ++i) {
    values.push_back(static_cast<std::uint64_t>(distribution(random)));
    histogram->record(values.back());
  }
  std::ranges::sort(values);
  for (const double percent : {0.0, 1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999, 100.0}) {
    const auto rank = static_cast<std::size_t>(std::max(1.0, std::ceil(percent / 100 * 100'000 - 1e-6)));
    const std::uint64_t exact = values[rank - 1];
    EXPECT_GE(histogram->at_percentile(percent), exact) << percent;
    EXPECT_LE(histogram->at_percentile(percent), exact + exact / 128 + 1) << percent;
  }
  EXPECT_EQ(histogram->at_percentile(100), values.back());
}

TEST(Histogram, OneSlowValueAmongAThousandIsTheTopAndNothingElse) {
  const auto histogram = std::make_unique<Histogram>();
  for (int i = 0; i < 999; ++i) histogram->record(100);
  histogram->record(3'600'000'000'000);  // an hour in nanoseconds
  EXPECT_EQ(histogram->at_percentile(99.9), 100U);
  EXPECT_EQ(histogram->at_percentile(99.91), 3'600'000'000'000U);
  EXPECT_EQ(histogram->largest(), 3'600'000'000'000U);
}

TEST(Histogram, MergedIsAsIfRecordedInOne) {
  const auto one = std::make_unique<Histogram>();
  const auto other = std::make_unique<Histogram>();
  const auto both = std::make_unique<Histogram>();
  for (std::uint64_t i = 0; i < 5000; ++i) {
    (i % 3 == 0 ? *one : *other).record(i * i);
    both->record(i * i);
  }
  one->merge(*other);
  EXPECT_EQ(one->buckets(), both->buckets());
  EXPECT_EQ(one->total(), both->total());
  EXPECT_EQ(one->smallest(), both->smallest());
  EXPECT_EQ(one->largest(), both->largest());
  EXPECT_DOUBLE_EQ(one->mean(), both->mean());
}

TEST(Histogram, AnEmptyOneSaysZeroAndMergesToNothing) {
  const auto empty = std::make_unique<Histogram>();
  const auto one = std::make_unique<Histogram>();
  one->record(5);
  one->merge(*empty);
  EXPECT_EQ(one->smallest(), 5U);
  EXPECT_EQ(one->largest(), 5U);
  EXPECT_EQ(empty->smallest(), 0U);
  EXPECT_EQ(empty->at_percentile(99), 0U);
  EXPECT_TRUE(empty->buckets().empty());
}

TEST(Histogram, CoarseBucketsHoldTheSameCounts) {
  const auto histogram = std::make_unique<Histogram>();
  for (std::uint64_t i = 1; i < 100'000; ++i) histogram->record(i);
  std::uint64_t counted = 0;
  std::uint64_t next = 0;
  for (const auto& bucket : histogram->coarse_buckets(8)) {
    EXPECT_EQ(bucket.lowest, next);
    next = bucket.highest + 1;
    counted += bucket.count;
  }
  EXPECT_EQ(counted, histogram->total());
}

}  // namespace
}  // namespace ginnel::measure
