#include "ginnel/measure/noise.hpp"

#include <gtest/gtest.h>

namespace ginnel::measure {
namespace {

TEST(Noise, TheFirstLineOfProcStatIsRead) {
  const auto times = parse_processor_times("cpu  1000 20 300 5000 400 50 6 70 8 9");
  EXPECT_EQ(times.busy, 1376U);
  EXPECT_EQ(times.idle, 5400U);
  EXPECT_EQ(times.stolen, 70U);
  EXPECT_EQ(times.all(), 6846U);
}

TEST(Noise, WhatIsNoSuchLineIsNothing) {
  for (const char* const line : {"", "cpu", "cpu0 1 2 3 4 5 6 7 8", "intr 1 2 3 4 5 6 7 8", "cpu a b"})
    EXPECT_EQ(parse_processor_times(line).all(), 0U) << line;
}

TEST(Noise, AQuietMachineIsNotWarnedOf) {
  EXPECT_TRUE((Noise{.stolen = 0.005, .others = 0.03, .governor = "", .frequency_change = 0.02}).warnings().empty());
  EXPECT_TRUE((Noise{.stolen = 0, .others = 0, .governor = "performance", .frequency_change = 0}).warnings().empty());
}

TEST(Noise, EachDisturbanceIsWarnedOfInWords) {
  const auto told = Noise{.stolen = 0.02, .others = 0.31, .governor = "schedutil", .frequency_change = 0.25}.warnings();
  ASSERT_EQ(told.size(), 4U);
  EXPECT_EQ(told[0], "2.0 % of the processors' time went to other machines of this host (steal)");
  EXPECT_EQ(told[1], "31.0 % of the processors' time went to other processes");
  EXPECT_NE(told[2].find("schedutil"), std::string::npos);
  EXPECT_NE(told[3].find("25.0 %"), std::string::npos);
}

TEST(Noise, AWatchTellsPartsOfAWhole) {
  const Noise noise = NoiseWatch{}.so_far();
  for (const double part : {noise.stolen, noise.others}) {
    EXPECT_GE(part, 0);
    EXPECT_LE(part, 1);
  }
}

}  // namespace
}  // namespace ginnel::measure
