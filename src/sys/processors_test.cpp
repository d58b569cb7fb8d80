#include "ginnel/sys/processors.hpp"

#include <gtest/gtest.h>

#include <sched.h>

#include <algorithm>

#include "ginnel/sys/child.hpp"

namespace ginnel {
namespace {

TEST(Processors, ThoseThatAreAllowedAreToldOnceAndInOrder) {
  const auto allowed = allowed_processors();
  ASSERT_TRUE(allowed) << allowed.error().message();
  ASSERT_FALSE(allowed->empty());
  EXPECT_TRUE(std::ranges::is_sorted(*allowed, std::ranges::less_equal{}, &Processor::number));
  EXPECT_EQ(std::ranges::adjacent_find(*allowed, {}, &Processor::number), allowed->end());
}

TEST(Processors, WhoIsPinnedRunsThereAndMayRunNowhereElse) {
  const auto allowed = allowed_processors();
  ASSERT_TRUE(allowed);
  const int last = allowed->back().number;
  auto child = start_child([&] {
    if (!pin_to_processor(last)) return 1;
    const auto left = allowed_processors();
    return left && left->size() == 1 && left->front().number == last && ::sched_getcpu() == last ? 0 : 2;
  });
  ASSERT_TRUE(child) << child.error().message();
  const auto ended = child->collect();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->as<ExitStatus>().to_string(), "exit 0");
}

TEST(Processors, OneThatIsNotThereIsRefused) {
  for (const int number : {-1, 8191, 8192}) {
    const auto pinned = pin_to_processor(number);
    ASSERT_FALSE(pinned);
    EXPECT_EQ(pinned.error().code(), EINVAL);
  }
}

}  // namespace
}  // namespace ginnel
