#include "bench/numbers.hpp"

#include <gtest/gtest.h>

namespace ginnel::cli::bench {
namespace {

TEST(BenchNumbers, HaveThreeFiguresAndAUnit) {
  EXPECT_EQ(duration_text(0), "0.00 ns");
  EXPECT_EQ(duration_text(7.4), "7.40 ns");
  EXPECT_EQ(duration_text(182.4), "182 ns");
  EXPECT_EQ(duration_text(999.4), "999 ns");
  EXPECT_EQ(duration_text(999.6), "1.00 µs");
  EXPECT_EQ(duration_text(5312), "5.31 µs");
  EXPECT_EQ(duration_text(99'960), "100 µs");
  EXPECT_EQ(duration_text(4e12), "4000 s");
  EXPECT_EQ(count_text(12), "12");
  EXPECT_EQ(count_text(187'000'000), "187M");
  EXPECT_EQ(count_text(6'400'000), "6.40M");
  EXPECT_EQ(speed_text(11.2e9), "11.2 GB/s");
  EXPECT_EQ(speed_text(64), "64 B/s");
}

TEST(BenchNumbers, WhatIsUnknownIsADash) {
  EXPECT_EQ(ratio_text(0), "-");
  EXPECT_EQ(ratio_text(1.564), "1.56");
  EXPECT_EQ(ratio_text(310), "310");
}

TEST(BenchNumbers, ASpreadIsPlusOrMinus) {
  EXPECT_EQ(spread_text(0.041), "±4 %");
  EXPECT_EQ(spread_text(0.003), "±0.3 %");
}

}  // namespace
}  // namespace ginnel::cli::bench
