#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include "ginnel/msg/topic.hpp"
#include "home.hpp"
#include "own_page.hpp"
#include "ring_file.hpp"
#include "support/messaging_test.hpp"
#include "support/single_step.hpp"
#include "topic_folder.hpp"

// What a reader that joins is promised (docs/FORMAT.md, "Room"). tests/model/ring.pml has all ways in which the two can meet; these are
// the ones that it found.

namespace ginnel {
namespace {

using namespace detail;
using Block = std::array<std::byte, 4'000>;
constexpr Bytes capacity = Bytes::kib(64);

using TopicJoinTest = test::MessagingTest;

template <class T>
T taken(Result<T> made) {
  if (!made) throw std::runtime_error{made.error().message()};
  return std::move(*made);
}

TopicFolder folder_of(const std::string& topic) {
  auto held = taken(hold_object("topic", topic, {}, Purpose::attach));
  return taken(TopicFolder::open(std::move(held.folder), held.address));
}

/// A reader that was there before its writer, and has not looked yet, begins at the beginning when it does. So at no moment may more be promised
/// than that leaves: the reader could look just then.
TEST_F(TopicJoinTest, NoMoreIsPromisedThanThoseLeaveWhoAreKnown) {
  constexpr long apart = 12;          // fewer instructions than a look at the cursors takes
  constexpr long first_look = 1'200;  // is over by then
  std::uint64_t most = 0;
  for (long steps = 0; steps < first_look; steps += apart) {
    const std::string topic = "early." + std::to_string(steps);
    const auto prepare = [&topic]() -> std::function<bool()> {
      auto early = std::make_shared<Subscriber<Block>>(taken(Subscriber<Block>::open(topic)));
      auto pub = std::make_shared<Publisher<Block>>(taken(Publisher<Block>::create(topic, {.capacity = capacity})));
      while (pub->publish({}, Deadline::immediately())->is<Done>()) continue;
      return [early, pub] { return pub->publish({}, Deadline::immediately())->is<TimedOut>(); };
    };
    const auto stand = test::stand_after_steps(steps, prepare, [&] {
      const RingFile ring = taken(attach_ring(folder_of(topic), "w.00", nullptr));
      most = std::max(most, ring.header().promised.load());
    });
    if (!stand) GTEST_SKIP() << "tracing is forbidden here";
    ASSERT_TRUE(stand->success) << "after " << steps << " instructions";
    ASSERT_LE(most, capacity.count()) << "after " << steps << " instructions";
    ASSERT_FALSE(stand->ended_before);
  }
  EXPECT_EQ(most, capacity.count());
}

/// Who joins tells its cursor first and looks at the promise then. In between the writer may see the cursor, when what it stands for has long been
/// overwritten: the promise that allowed that has to stay.
TEST_F(TopicJoinTest, WhatWasUsedOfAPromiseIsNotTakenBack) {
  auto pub = Publisher<Block>::create("late", {.capacity = capacity});
  ASSERT_TRUE(pub.has_value()) << pub.error().message();
  const TopicFolder folder = folder_of("late");
  const RingFile ring = taken(attach_ring(folder, "w.00", nullptr));
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(pub->publish({})->is<Done>());

  const OwnPage reader = taken(make_page(folder, true, [](const OwnerStamp&, unsigned) { return "r.1.1"; }));
  folder.announce();
  reader.page().cursors[0].position.store(0);  // the tail that it read before it was stopped for a while
  reader.page().cursors[0].incarnation.store(ring.header().incarnation);
  while (pub->publish({}, Deadline::immediately())->is<Done>()) continue;
  EXPECT_GT(ring.header().tail.load(), capacity.count());
  EXPECT_GT(ring.header().promised.load(), capacity.count()) << "the reader would begin where it was overwritten";
}

}  // namespace
}  // namespace ginnel
