#include <gtest/gtest.h>

#include <cerrno>
#include <optional>
#include <string>

#include "ginnel/msg/topic.hpp"
#include "home.hpp"
#include "ring_file.hpp"
#include "support/hand_made_peer.hpp"
#include "support/messaging_test.hpp"

// Those who share a topic trust each other, and yet one that writes what it may not cannot make another hang, or read where there is nothing.

namespace ginnel {
namespace {

using namespace std::chrono_literals;
using namespace ginnel::detail;
using namespace ginnel::hand_made;

class HostileTopicTest : public test::MessagingTest {
 protected:
  void SetUp() override {
    test::MessagingTest::SetUp();
    auto held = must(hold_object("topic", "one", {}, Purpose::make));
    topic_.emplace(must(TopicFolder::open(std::move(held.folder), held.address)));
    ring_.emplace(must(make_ring(*topic_, message_type<std::uint64_t[]>(), Bytes{capacity})));
    header().created_generation.store(topic_->announce());
  }
  void TearDown() override {
    ring_.reset();
    topic_.reset();
    test::MessagingTest::TearDown();
  }
  [[nodiscard]] RingHeader& header() const { return ring_->header(); }
  static void expect_named(const Error& error) {
    EXPECT_EQ(error.code(), EBADMSG) << error.message();
    EXPECT_NE(error.message().find("topic:one w.00"), std::string::npos) << error.message();
  }
  std::optional<TopicFolder> topic_;
  std::optional<RingFile> ring_;
};

TEST_F(HostileTopicTest, APromiseThatIsNeverKeptDoesNotKeepAReaderThatComes) {
  header().promised.store(~std::uint64_t{0});
  const auto reader = Subscriber<std::uint64_t[]>::open("one");
  ASSERT_FALSE(reader.has_value());
  expect_named(reader.error());
}

TEST_F(HostileTopicTest, ATailWhereNoRecordCanBeIsRefused) {
  header().tail.store(13);
  const auto reader = Subscriber<std::uint64_t[]>::open("one");
  ASSERT_FALSE(reader.has_value());
  expect_named(reader.error());
}

TEST_F(HostileTopicTest, WhoIsOvertakenDoesNotGoOnWhereNoRecordCanBe) {
  auto reader = must(Subscriber<std::uint64_t[]>::open("one", {.delivery = Delivery::best_effort}));
  header().reserved.store(10 * capacity);
  header().tail.store(10 * capacity - 3);
  const auto got = reader.receive(Deadline::after(30s));
  ASSERT_FALSE(got.has_value());
  expect_named(got.error());
  EXPECT_TRUE(must(reader.receive(Deadline::after(1ms))).is<TimedOut>()) << "it is left alone";
}

TEST_F(HostileTopicTest, ARingThatIsLeftAfterItWasReadIsNotReadAgain) {
  auto reader = must(Subscriber<std::uint64_t[]>::open("one"));
  word_at(ring_->mapping.body(), 16).store(~std::uint64_t{0});
  word_at(ring_->mapping.body(), 0).store(RecordWord::pack(8, 0));
  EXPECT_TRUE(must(reader.receive(Deadline::after(30s))).is<Sample<std::uint64_t[]>>());
  const auto got = reader.receive(Deadline::after(30s));
  ASSERT_FALSE(got.has_value());
  expect_named(got.error());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(must(reader.receive(Deadline::after(1ms))).is<TimedOut>());
}

TEST_F(HostileTopicTest, AMessageOfAnotherSizeNamesItsTopic) {
  auto reader = must(Subscriber<std::uint64_t[]>::open("one"));
  word_at(ring_->mapping.body(), 0).store(RecordWord::pack(5, 0));
  const auto got = reader.receive(Deadline::after(30s));
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code(), EBADMSG);
  EXPECT_NE(got.error().message().find("topic:one"), std::string::npos) << got.error().message();
}

}  // namespace
}  // namespace ginnel
