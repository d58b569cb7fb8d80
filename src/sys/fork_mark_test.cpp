#include "ginnel/sys/fork_mark.hpp"

#include <gtest/gtest.h>

#include "support/child_process.hpp"

namespace ginnel {
namespace {

TEST(ForkMark, TellsAChildFromTheProcessThatMadeIt) {
  const auto mark = ForkMark::create();
  ASSERT_TRUE(mark.has_value());
  EXPECT_TRUE(mark->same_process());
  auto child = test::fork_child([&](test::Ready) {
    EXPECT_FALSE(mark->same_process());
    const auto own = ForkMark::create();
    ASSERT_TRUE(own.has_value());
    EXPECT_TRUE(own->same_process());
  });
  EXPECT_TRUE(child.wait().success());
  EXPECT_TRUE(mark->same_process());
}

}  // namespace
}  // namespace ginnel
