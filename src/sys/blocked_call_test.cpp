#include "ginnel/sys/blocked_call.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>

#include "support/blocked_in.hpp"
#include "support/child_process.hpp"

namespace ginnel {
namespace {

TEST(BlockedCall, OfARealReaderHasItsDescriptor) {
  auto child = test::fork_child([](test::Ready ready) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    ASSERT_EQ(::dup2(ends[0], 77), 77);
    ready.say();
    char byte = 0;
    static_cast<void>(::read(77, &byte, 1));
  });
  child.wait_until_ready();
  test::wait_until_blocked_in(child.pid(), SYS_read);
  std::ifstream file{"/proc/" + std::to_string(child.pid()) + "/syscall"};
  const std::string text{std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}};
  const auto blocked = parse_blocked_call(text);
  ASSERT_TRUE(blocked.has_value()) << text;
  EXPECT_EQ(blocked->call, BlockingCall::read);
  EXPECT_EQ(blocked->arguments[0], 77U);
  EXPECT_EQ(blocked->arguments[2], 1U);
}

TEST(BlockedCall, OfARealPollerHasItsEpollSet) {
  auto child = test::fork_child([](test::Ready ready) {
    const int set = ::epoll_create1(EPOLL_CLOEXEC);
    ASSERT_EQ(::dup2(set, 78), 78);
    ready.say();
    epoll_event event{};
    static_cast<void>(::epoll_pwait(78, &event, 1, -1, nullptr));
  });
  child.wait_until_ready();
  test::wait_until_blocked_in(child.pid(), SYS_epoll_pwait);
  std::ifstream file{"/proc/" + std::to_string(child.pid()) + "/syscall"};
  const std::string text{std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}};
  const auto blocked = parse_blocked_call(text);
  ASSERT_TRUE(blocked.has_value()) << text;
  EXPECT_EQ(blocked->call, BlockingCall::epoll_wait);
  EXPECT_EQ(blocked->arguments[0], 78U);
  EXPECT_EQ(static_cast<std::int32_t>(blocked->arguments[3]), -1);
}

TEST(BlockedCall, ARunningThreadAndOtherCallsAreNone) {
  const std::string sleeping = std::to_string(SYS_clock_nanosleep) + " 0x1 0x0 0x7f 0x0 0x0 0x0 0x7f 0x7f";
  for (const std::string& text : {std::string{"running"}, std::string{"-1 0x7ffc 0x7f00"}, std::string{}, sleeping})
    EXPECT_FALSE(parse_blocked_call(text).has_value()) << text;
}

TEST(BlockedCall, WhatIsCutOffIsNone) {
  const std::string whole = std::to_string(SYS_read) + " 0x3 0x7ffc 0x1 0x0 0x0 0x0";
  ASSERT_TRUE(parse_blocked_call(whole).has_value());
  for (std::size_t length = 0; length + 3 < whole.size(); ++length)
    EXPECT_FALSE(parse_blocked_call(whole.substr(0, length)).has_value()) << whole.substr(0, length);
}

}  // namespace
}  // namespace ginnel
