#include "ginnel/sys/resource_use.hpp"

#include <gtest/gtest.h>

#include "ginnel/sys/child.hpp"
#include "ginnel/sys/io.hpp"
#include "ginnel/sys/pipe.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

TEST(ResourceUse, WorkIsCountedAsTimeAndAWaitAsASwitch) {
  auto pipe = Pipe::create();
  ASSERT_TRUE(pipe);
  const ResourceUse before = own_resource_use();
  ResourceUse used{};
  do {
    for (int i = 0; i < 1000; ++i) enter_kernel();
    used = own_resource_use().since(before);
  } while (used.user + used.system < 20ms);
  const ResourceUse before_wait = own_resource_use();
  std::byte nothing{};
  ASSERT_TRUE(read_some(pipe->read_end.get(), {&nothing, 1}, Deadline::after(1ms)));
  EXPECT_GE(own_resource_use().since(before_wait).voluntary_switches, 1U);
}

TEST(ResourceUse, WhatAChildUsedIsToldOnceItIsCollected) {
  const ResourceUse before = children_resource_use();
  auto child = start_child([] {
    const ResourceUse begun = own_resource_use();
    while (own_resource_use().since(begun).user + own_resource_use().since(begun).system < 20ms) enter_kernel();
    return 0;
  });
  ASSERT_TRUE(child);
  ASSERT_TRUE(child->collect());
  const ResourceUse used = children_resource_use().since(before);
  EXPECT_GE(used.user + used.system, 20ms);
}

}  // namespace
}  // namespace ginnel
