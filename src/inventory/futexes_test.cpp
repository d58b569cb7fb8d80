#include "futexes.hpp"

#include <gtest/gtest.h>

namespace ginnel::inventory {
namespace {

constexpr std::uint32_t waiters = 0x8000'0000;

TEST(MutexOwner, OfAnOrdinaryMutexStandsEightBytesAfterTheWord) {
  EXPECT_EQ(owner_of(2, 1234, false), 1234);
  EXPECT_FALSE(owner_of(0, 1234, false).has_value()) << "free";
  EXPECT_FALSE(owner_of(1, 1234, false).has_value()) << "nobody can be waiting for a mutex that is not contended";
  EXPECT_FALSE(owner_of(2, 0, false).has_value()) << "a counter that happens to be 2";
}

TEST(MutexOwner, OfARobustOneIsInTheWordItself) {
  EXPECT_EQ(owner_of(waiters | 1234, 0, false), 1234);
  EXPECT_EQ(owner_of(waiters | 0x4000'0000 | 1234, 0, false), 1234) << "its last owner died";
  EXPECT_EQ(owner_of(1234, 0, true), 1234) << "priority inheriting, before the kernel has marked it";
}

TEST(MutexOwner, ANumberThatIsNoThreadIsNoOwner) {
  EXPECT_FALSE(owner_of(0xffff'ffff, 5, false).has_value());
  EXPECT_FALSE(owner_of(waiters, 5, false).has_value());
}

}  // namespace
}  // namespace ginnel::inventory
