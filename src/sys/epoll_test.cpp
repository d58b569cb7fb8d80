#include "ginnel/sys/epoll.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>

#include "ginnel/sys/eventfd.hpp"
#include "ginnel/sys/unix_socket.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

std::vector<std::uint64_t> ready_in(Epoll& set, Deadline deadline) {
  std::array<std::uint64_t, 8> keys{};
  const auto waited = set.wait(keys, deadline);
  if (!waited || !waited->is<EpollReady>()) return {};
  return {keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(waited->as<EpollReady>().count)};
}

TEST(Epoll, TellsByItsKeyWhatIsReady) {
  auto set = Epoll::create();
  auto first = Eventfd::create();
  auto second = Eventfd::create();
  ASSERT_TRUE(set && first && second);
  ASSERT_TRUE(set->add(first->pollable(), 1).has_value());
  ASSERT_TRUE(set->add(second->pollable(), 2).has_value());
  EXPECT_TRUE(ready_in(*set, Deadline::immediately()).empty());
  EXPECT_TRUE(ready_in(*set, Deadline::after(1ms)).empty());
  ASSERT_TRUE(second->add().has_value());
  EXPECT_EQ(ready_in(*set, Deadline::never()), std::vector<std::uint64_t>{2});
  EXPECT_EQ(ready_in(*set, Deadline::after(30s)), std::vector<std::uint64_t>{2}) << "level-triggered";
  set->remove(second->pollable());
  EXPECT_TRUE(ready_in(*set, Deadline::immediately()).empty());
}

TEST(Epoll, IsReadableItselfWhileSomethingInItIs) {
  auto outer = Epoll::create();
  auto inner = Epoll::create();
  auto event = Eventfd::create();
  ASSERT_TRUE(outer && inner && event);
  ASSERT_TRUE(inner->add(event->pollable(), 1).has_value());
  ASSERT_TRUE(outer->add(inner->pollable(), 7).has_value());
  EXPECT_TRUE(ready_in(*outer, Deadline::immediately()).empty());
  ASSERT_TRUE(event->add().has_value());
  EXPECT_EQ(ready_in(*outer, Deadline::after(30s)), std::vector<std::uint64_t>{7});
}

TEST(Epoll, WhatHungUpIsReady) {
  auto sockets = UnixSeqpacket::pair();
  auto set = Epoll::create();
  ASSERT_TRUE(sockets && set);
  ASSERT_TRUE(set->add(sockets->first.pollable(), 3).has_value());
  EXPECT_FALSE(peer_has_closed(sockets->first.pollable()));
  {
    const auto closed = std::move(sockets->second);
  }
  EXPECT_EQ(ready_in(*set, Deadline::after(30s)), std::vector<std::uint64_t>{3});
  EXPECT_TRUE(peer_has_closed(sockets->first.pollable()));
}

TEST(Epoll, AConnectionThatIsEndedHasClosedForThePeer) {
  auto sockets = UnixSeqpacket::pair();
  ASSERT_TRUE(sockets.has_value());
  end_connection(sockets->first.pollable());
  EXPECT_TRUE(peer_has_closed(sockets->second.pollable()));
}

TEST(Epoll, ADescriptorIsInASetOnceAndMustBeOpen) {
  auto set = Epoll::create();
  auto event = Eventfd::create();
  ASSERT_TRUE(set && event);
  ASSERT_TRUE(set->add(event->pollable(), 1).has_value());
  EXPECT_EQ(set->add(event->pollable(), 2).error().code(), EEXIST);
  EXPECT_EQ(set->add(-1, 0).error().code(), EBADF);
}

}  // namespace
}  // namespace ginnel
