#include "mutex_owner.hpp"

#include <gtest/gtest.h>

namespace ginnel::inventory {
namespace {

TEST(OwnNumber, IsTheInnermostOfItsPidNamespaces) {
  EXPECT_EQ(innermost_number("Name:\tapp\nNStgid:\t4711\t9\t1\nNSpid:\t4712\t10\t2\nNSpgid:\t4711\t9\t1\n"), 2);
  EXPECT_EQ(innermost_number("Name:\tapp\nNSpid:\t4712\n"), 4712);
  EXPECT_FALSE(innermost_number("Name:\tapp\n").has_value()) << "told from Linux 4.1";
  EXPECT_FALSE(innermost_number("NSpid:\tx\n").has_value());
}

}  // namespace
}  // namespace ginnel::inventory
