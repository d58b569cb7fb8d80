#include "ginnel/sys/process_barrier.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace ginnel {
namespace {

TEST(ProcessBarrier, CanBeHadTwiceOnceRegistered) {
  const auto registered = register_for_process_barriers();
  if (!registered && (registered.error().code() == ENOSYS || registered.error().code() == EPERM))
    GTEST_SKIP() << "membarrier(2) is not to be had here";
  ASSERT_TRUE(registered.has_value()) << registered.error().message();
  EXPECT_TRUE(register_for_process_barriers().has_value());
  EXPECT_TRUE(process_barrier().has_value());
  EXPECT_TRUE(process_barrier().has_value());
}

}  // namespace
}  // namespace ginnel
