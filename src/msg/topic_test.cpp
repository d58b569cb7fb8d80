#include "ginnel/msg/topic.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <numeric>

#include "ginnel/sys/file_lock.hpp"
#include "ginnel/sys/shared_folder.hpp"
#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/messaging_test.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

struct Pose {
  double x = 0;
  double y = 0;
  double heading = 0;
};
struct NewPose {
  static constexpr std::uint32_t message_version = 2;
  double x = 0;
};

using TopicTest = test::MessagingTest;

template <class T>
Publisher<T> publisher(const std::string& name, const PublisherOptions& options = {}) {
  auto made = Publisher<T>::create(name, options);
  if (!made) throw std::runtime_error{made.error().message()};
  return std::move(*made);
}
template <class T>
Subscriber<T> subscriber(const std::string& name, const SubscriberOptions& options = {}) {
  auto opened = Subscriber<T>::open(name, options);
  if (!opened) throw std::runtime_error{opened.error().message()};
  return std::move(*opened);
}

template <class T>
void publish(Publisher<T>& to, const T& message) {
  const auto published = to.publish(message, Deadline::after(30s));
  ASSERT_TRUE(published.has_value()) << published.error().message();
  ASSERT_TRUE(published->template is<Done>());
}
template <class T>
std::optional<T> receive(Subscriber<T>& from, Deadline deadline = Deadline::after(30s)) {
  auto got = from.receive(deadline);
  if (!got) throw std::runtime_error{got.error().message()};
  auto* const sample = got->template get_if<Sample<T>>();
  if (sample == nullptr) return std::nullopt;
  return **sample;
}
template <class T>
std::optional<WriterGone> wait_for_end(Subscriber<T>& from) {
  auto got = from.receive(Deadline::after(30s));
  if (!got) throw std::runtime_error{got.error().message()};
  const auto* const gone = got->template get_if<WriterGone>();
  if (gone == nullptr) return std::nullopt;
  return *gone;
}

TEST_F(TopicTest, OneLineToPublishAndOneToReceive) {
  auto pub = publisher<Pose>("robot/pose");
  auto sub = subscriber<Pose>("robot/pose");
  publish(pub, {3, 4, 0.5});
  const auto pose = receive(sub);
  ASSERT_TRUE(pose.has_value());
  EXPECT_TRUE(pose->x == 3 && pose->y == 4 && pose->heading == 0.5);
  EXPECT_TRUE(sub.receive(Deadline::immediately())->is<TimedOut>());
}

TEST_F(TopicTest, ALoanIsSeenOnlyWhenItIsPublished) {
  auto pub = publisher<Pose>("pose");
  auto sub = subscriber<Pose>("pose");
  {
    auto dropped = pub.loan();
    ASSERT_TRUE(dropped.has_value());
    dropped->as<Loan<Pose>>()->x = 1;
  }
  EXPECT_TRUE(sub.receive(Deadline::immediately())->is<TimedOut>());
  auto loan = pub.loan();
  ASSERT_TRUE(loan.has_value());
  *loan->as<Loan<Pose>>() = {.x = 2, .y = 0, .heading = 0};
  std::move(loan->as<Loan<Pose>>()).publish();
  EXPECT_EQ(receive(sub)->x, 2);
}

TEST_F(TopicTest, SequencesKeepTheirBoundariesFromEmptyToAQuarterOfTheRing) {
  auto pub = publisher<std::byte[]>("frames", {.capacity = Bytes::kib(64)});
  auto sub = subscriber<std::byte[]>("frames");
  const std::vector<std::byte> pattern = test::test_pattern(pub.largest());
  EXPECT_GE(pub.largest(), Bytes::kib(16).count() - 64);
  for (int lap = 0; lap < 50; ++lap)
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{8}, std::size_t{1000}, pub.largest()}) {
      ASSERT_TRUE(pub.publish(std::span{pattern}.first(size), Deadline::immediately())->is<Done>());
      auto got = sub.receive(Deadline::immediately());
      ASSERT_TRUE(got.has_value() && got->is<Sample<std::byte[]>>()) << lap << ' ' << size;
      const std::span<const std::byte> bytes = *got->as<Sample<std::byte[]>>();
      ASSERT_TRUE(std::ranges::equal(bytes, std::span{pattern}.first(size)));
    }
}

TEST_F(TopicTest, WhatIsLargerThanAQuarterIsRefusedWithBothNumbers) {
  auto pub = publisher<std::byte[]>("frames", {.capacity = Bytes::kib(64)});
  const std::vector<std::byte> bytes(pub.largest() + 1);
  const auto refused = pub.publish(bytes);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), EMSGSIZE);
  EXPECT_NE(refused.error().hint().find(std::to_string(bytes.size())), std::string::npos);
  EXPECT_NE(refused.error().hint().find(std::to_string(pub.largest())), std::string::npos);
}

TEST_F(TopicTest, AMessageLargerThanTheRingMakesTheRingLarger) {
  struct Large {
    std::array<std::byte, 100'000> bytes;
  };
  auto pub = publisher<Large>("large", {.capacity = Bytes::kib(64)});
  auto sub = subscriber<Large>("large");
  publish(pub, Large{.bytes = {std::byte{7}}});
  EXPECT_EQ(receive(sub)->bytes[0], std::byte{7});
}

TEST_F(TopicTest, OverAlignedMessagesLieAligned) {
  struct alignas(64) Vector {
    std::array<float, 16> lanes{};
  };
  for (const Delivery delivery : {Delivery::reliable, Delivery::best_effort}) {
    auto pub = publisher<Vector>("lanes");
    auto sub = subscriber<Vector>("lanes", {.delivery = delivery});
    for (int i = 0; i < 3; ++i) {
      publish(pub, Vector{.lanes = {float(i)}});
      auto got = sub.receive(Deadline::immediately());
      ASSERT_TRUE(got.has_value() && got->is<Sample<Vector>>());
      const Vector& vector = *got->as<Sample<Vector>>();
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&vector) % 64, 0U);
      EXPECT_EQ(vector.lanes[0], float(i));
    }
  }
}

/// Another process publishes numbers; all arrive, in order.
void receive_numbers_of_a_child(Waiting waiting) {
  constexpr std::uint64_t messages = 200'000;
  auto sub = subscriber<std::uint64_t>("numbers", {.waiting = waiting});
  auto child = test::fork_child([](test::Ready) {
    auto pub = publisher<std::uint64_t>("numbers", {.capacity = Bytes::kib(64)});
    for (std::uint64_t i = 0; i < messages; ++i) publish(pub, i);
  });
  for (std::uint64_t i = 0; i < messages; ++i) ASSERT_EQ(receive(sub), i);
  const auto gone = wait_for_end(sub);
  ASSERT_TRUE(gone.has_value());
  EXPECT_FALSE(gone->died);
  EXPECT_TRUE(child.wait().success());
}
TEST_F(TopicTest, AdaptiveReadersGetEverythingInOrder) { receive_numbers_of_a_child(Waiting::adaptive); }
TEST_F(TopicTest, SleepingReadersGetEverythingInOrder) { receive_numbers_of_a_child(Waiting::sleeping); }
TEST_F(TopicTest, PollingReadersGetEverythingInOrder) { receive_numbers_of_a_child(Waiting::polling); }

TEST_F(TopicTest, AReaderAsleepIsWokenByAMessage) {
  auto child = test::fork_child([](test::Ready ready) {
    auto sub = subscriber<int>("wake", {.waiting = Waiting::sleeping});
    ready.say();
    EXPECT_EQ(receive(sub), 7);
  });
  auto pub = publisher<int>("wake");
  child.wait_until_ready();
  test::wait_until_blocked_in(child.pid(), SYS_futex);
  publish(pub, 7);
  EXPECT_TRUE(child.wait().success());
}

TEST_F(TopicTest, SleepersAreWokenAndDoNotWaitForTheNextLook) {
  const SubscriberOptions asleep{.waiting = Waiting::sleeping};
  auto answers = subscriber<int>("answers", asleep);
  auto child = test::fork_child([&](test::Ready ready) {
    auto questions = subscriber<int>("questions", asleep);
    auto out = publisher<int>("answers");
    ready.say();
    for (int i = 0; i < test::more_than_the_watchdog_bears; ++i) publish(out, receive(questions).value_or(-1));
  });
  child.wait_until_ready();
  auto out = publisher<int>("questions");
  for (int i = 0; i < test::more_than_the_watchdog_bears; ++i) {
    publish(out, i);
    ASSERT_EQ(receive(answers), i);
  }
  EXPECT_TRUE(child.wait().success());
}

TEST_F(TopicTest, WritersThatWaitForRoomAreWokenAndDoNotWaitForTheNextLook) {
  auto sub = subscriber<std::byte[]>("lumps", {.waiting = Waiting::sleeping});
  auto child = test::fork_child([](test::Ready) {
    auto pub = publisher<std::byte[]>("lumps", {.capacity = Bytes::kib(64)});
    const std::vector<std::byte> lump(pub.largest());
    for (int i = 0; i < 4 * test::more_than_the_watchdog_bears; ++i) ASSERT_TRUE(pub.publish(lump)->is<Done>());
  });
  for (int i = 0; i < 4 * test::more_than_the_watchdog_bears; ++i)
    ASSERT_TRUE(sub.receive(Deadline::after(30s))->is<Sample<std::byte[]>>()) << i;
  EXPECT_TRUE(child.wait().success());
}

TEST_F(TopicTest, EachWriterKeepsItsOrderAndEachReaderGetsAll) {
  constexpr std::uint32_t writers = 4;
  constexpr std::uint32_t messages = 5'000;
  struct Numbered {
    std::uint32_t writer;
    std::uint32_t number;
  };
  std::vector<test::ChildProcess> readers;
  for (int r = 0; r < 3; ++r)
    readers.push_back(test::fork_child([](test::Ready ready) {
      auto sub = subscriber<Numbered>("many");
      ready.say();
      std::array<std::uint32_t, writers> next{};
      for (std::uint32_t i = 0; i < writers * messages; ++i) {
        const auto got = receive(sub);
        ASSERT_TRUE(got.has_value());
        ASSERT_EQ(got->number, next[got->writer]++);
      }
    }));
  for (auto& reader : readers) reader.wait_until_ready();
  std::vector<test::ChildProcess> senders;
  for (std::uint32_t w = 0; w < writers; ++w)
    senders.push_back(test::fork_child([w](test::Ready ready) {
      auto pub = publisher<Numbered>("many", {.capacity = Bytes::kib(64)});
      ready.say();
      ready.wait_for_release();
      for (std::uint32_t i = 0; i < messages; ++i) publish(pub, Numbered{w, i});
    }));
  for (auto& sender : senders) sender.wait_until_ready();
  for (auto& sender : senders) sender.release();
  for (auto& sender : senders) EXPECT_TRUE(sender.wait().success());
  for (auto& reader : readers) EXPECT_TRUE(reader.wait().success());
}

/// Publishes until it would block.
std::uint64_t fill(Publisher<std::uint64_t>& pub) {
  std::uint64_t count = 0;
  while (pub.publish(count, Deadline::immediately())->is<Done>()) ++count;
  return count;
}

TEST_F(TopicTest, AReliableReaderHoldsTheWriterBackAndLosesNothing) {
  auto pub = publisher<std::uint64_t>("held", {.capacity = Bytes::kib(64)});
  auto sub = subscriber<std::uint64_t>("held");
  const std::uint64_t published = fill(pub);
  EXPECT_GT(published, 3000U);
  EXPECT_TRUE(pub.publish(0, Deadline::after(20ms))->is<TimedOut>());
  for (std::uint64_t i = 0; i < published; ++i) ASSERT_EQ(receive(sub, Deadline::immediately()), i);
  EXPECT_TRUE(sub.receive(Deadline::immediately())->is<TimedOut>());
  publish(pub, published);
  EXPECT_EQ(receive(sub), published);
}

TEST_F(TopicTest, AWriterThatWaitsForRoomIsWokenByTheReader) {
  auto sub = subscriber<std::uint64_t>("room");
  auto child = test::fork_child([](test::Ready ready) {
    auto pub = publisher<std::uint64_t>("room", {.capacity = Bytes::kib(64)});
    const std::uint64_t count = fill(pub);
    ready.say(std::to_string(count));
    publish(pub, count);
  });
  const std::uint64_t count = std::stoull(child.next_line());
  test::wait_until_blocked_in(child.pid(), SYS_futex);
  for (std::uint64_t i = 0; i <= count; ++i) ASSERT_EQ(receive(sub), i);
  EXPECT_TRUE(child.wait().success());
}

TEST_F(TopicTest, ABestEffortReaderHoldsNobodyAndIsToldExactlyWhatItLost) {
  auto pub = publisher<std::uint64_t>("lossy", {.capacity = Bytes::kib(64)});
  auto sub = subscriber<std::uint64_t>("lossy", {.delivery = Delivery::best_effort});
  publish(pub, std::uint64_t{0});
  ASSERT_EQ(receive(sub), 0U);
  constexpr std::uint64_t messages = 100'000;
  for (std::uint64_t i = 1; i < messages; ++i) publish(pub, i);
  std::uint64_t received = 1;
  std::uint64_t latest = 0;
  while (const auto got = receive(sub, Deadline::immediately())) {
    ASSERT_GT(*got, latest);
    latest = *got;
    ++received;
  }
  EXPECT_EQ(latest, messages - 1);
  EXPECT_GT(received, 500U);
  EXPECT_GT(sub.lost(), 0U);
  EXPECT_EQ(received + sub.lost(), messages);
}

TEST_F(TopicTest, ABestEffortReaderOfARunningWriterGetsWholeMessages) {
  struct Doubled {
    std::array<std::uint64_t, 16> copies;
  };
  auto sub = subscriber<Doubled>("torn", {.delivery = Delivery::best_effort});
  constexpr std::uint64_t messages = 300'000;
  auto child = test::fork_child([](test::Ready) {
    auto pub = publisher<Doubled>("torn", {.capacity = Bytes::kib(64)});
    Doubled message{};
    for (std::uint64_t i = 0; i < messages; ++i) {
      message.copies.fill(i);
      publish(pub, message);
    }
  });
  std::uint64_t received = 0;
  std::uint64_t last = 0;
  while (const auto got = receive(sub)) {
    for (const std::uint64_t copy : got->copies) ASSERT_EQ(copy, got->copies[0]);
    ++received;
    last = got->copies[0];
  }
  EXPECT_EQ(last, messages - 1);
  EXPECT_EQ(received + sub.lost(), messages) << "it was there before the writer";
  EXPECT_TRUE(child.wait().success());
}

TEST_F(TopicTest, ALateJoinerGetsWhatIsPublishedFromThenOn) {
  auto pub = publisher<std::uint64_t>("late", {.capacity = Bytes::kib(64)});
  for (std::uint64_t i = 0; i < 10'000; ++i) publish(pub, i);
  auto sub = subscriber<std::uint64_t>("late");
  EXPECT_TRUE(sub.receive(Deadline::immediately())->is<TimedOut>());
  publish(pub, std::uint64_t{77});
  EXPECT_EQ(receive(sub), 77U);
}

TEST_F(TopicTest, ALateJoinerMayAskForTheLastOnes) {
  auto pub = publisher<std::uint64_t>("late", {.capacity = Bytes::kib(64)});
  for (const std::uint64_t published : {5U, 100U, 10'000U, 50'000U}) {
    for (std::uint64_t i = 0; i < published; ++i) publish(pub, i);
    for (const std::uint64_t last : {1U, 3U, 200U}) {
      auto sub = subscriber<std::uint64_t>("late", {.last = last});
      std::vector<std::uint64_t> got;
      while (const auto value = receive(sub, Deadline::immediately())) got.push_back(*value);
      ASSERT_LE(got.size(), last);
      if (published >= 10'000) {
        ASSERT_EQ(got.size(), last);
      }
      ASSERT_FALSE(got.empty());
      EXPECT_EQ(got.back(), published - 1);
    }
  }
}

TEST_F(TopicTest, TheDeathOfAReaderLetsTheWriterGoOn) {
  auto pub = publisher<std::uint64_t>("dead", {.capacity = Bytes::kib(64)});
  auto child = test::fork_child([](test::Ready ready) {
    auto sub = subscriber<std::uint64_t>("dead");
    ready.say();
    ready.stay();
  });
  child.wait_until_ready();
  fill(pub);
  EXPECT_TRUE(pub.publish(0, Deadline::after(150ms))->is<TimedOut>());
  child.kill_and_reap(SIGKILL);
  publish(pub, std::uint64_t{1});
  EXPECT_EQ(files("topic:dead"), (std::vector<std::string>{"bell", "w.00"}));
}

/// Whoever was stopped when it was about to remove the page of a dead one keeps it there, and nobody waits for that.
TEST_F(TopicTest, ADeadReaderHoldsNobodyBackThoughItsPageStays) {
  auto pub = publisher<std::uint64_t>("kept", {.capacity = Bytes::kib(64)});
  auto child = test::fork_child([](test::Ready ready) {
    auto sub = subscriber<std::uint64_t>("kept");
    ready.say();
    ready.stay();
  });
  child.wait_until_ready();
  const auto there = files("topic:kept");
  const auto page = std::ranges::find_if(there, [](const std::string& name) { return name.starts_with("r."); });
  ASSERT_NE(page, there.end());
  auto stopped_remover =
      FileLock::acquire(home_ + "/topic:kept/" + *page, LockMode::exclusive, Deadline::immediately());
  ASSERT_TRUE(stopped_remover && stopped_remover->is<FileLock>());
  child.kill_and_reap(SIGKILL);
  for (std::uint64_t i = 0; i < 10'000; ++i) publish(pub, i);
  EXPECT_EQ(files("topic:kept"), there);
}

TEST_F(TopicTest, AStoppedReaderIsNotTakenForDead) {
  auto pub = publisher<std::uint64_t>("stopped", {.capacity = Bytes::kib(64)});
  auto child = test::fork_child([](test::Ready ready) {
    auto sub = subscriber<std::uint64_t>("stopped");
    ready.say();
    ready.wait_for_release();
    for (std::uint64_t i = 0; i < 3000; ++i) ASSERT_EQ(receive(sub), i);
  });
  child.wait_until_ready();
  child.stop();
  fill(pub);
  EXPECT_TRUE(pub.publish(0, Deadline::after(300ms))->is<TimedOut>());
  child.resume();
  child.release();
  EXPECT_TRUE(child.wait().success());
}

TEST_F(TopicTest, TheDeathOfAWriterIsToldAfterItsLastMessage) {
  auto sub = subscriber<std::uint64_t>("last");
  auto child = test::fork_child([](test::Ready ready) {
    auto pub = publisher<std::uint64_t>("last");
    for (std::uint64_t i = 0; i < 1000; ++i) publish(pub, i);
    ready.say();
    ready.stay();
  });
  child.wait_until_ready();
  child.kill_and_reap(SIGKILL);
  for (std::uint64_t i = 0; i < 1000; ++i) ASSERT_EQ(receive(sub), i);
  const auto gone = wait_for_end(sub);
  ASSERT_TRUE(gone.has_value());
  EXPECT_TRUE(gone->died);
  EXPECT_TRUE(sub.receive(Deadline::after(120ms))->is<TimedOut>()) << "it is told once";
}

TEST_F(TopicTest, AWriterThatComesBackGoesOn) {
  auto sub = subscriber<int>("again");
  for (int life = 0; life < 3; ++life) {
    auto child = test::fork_child([life](test::Ready ready) {
      auto pub = publisher<int>("again");
      publish(pub, life);
      ready.say();
      ready.stay();
    });
    child.wait_until_ready();
    EXPECT_EQ(receive(sub), life);
    child.kill_and_reap(SIGKILL);
  }
  EXPECT_TRUE(wait_for_end(sub)->died);
}

// The ring of the first is never found empty, which is not to be the only reason to look for others.
TEST_F(TopicTest, ANewWriterIsFoundWhileAnotherPublishesWithoutEnd) {
  auto busy = publisher<Pose>("t");
  auto reader = subscriber<Pose>("t");
  publish(busy, Pose{.x = 1});
  ASSERT_TRUE(receive(reader).has_value());
  auto late = publisher<Pose>("t");
  publish(late, Pose{.x = 2});
  bool found = false;
  for (int i = 0; i < 10'000 && !found; ++i) {
    publish(busy, Pose{.x = 1});
    const auto pose = receive(reader);
    ASSERT_TRUE(pose.has_value());
    found = pose->x == 2;
  }
  EXPECT_TRUE(found);
}

TEST_F(TopicTest, WritersThatComeAndGoBeforeTheyAreReadLoseNothing) {
  constexpr std::uint64_t lives = 100;
  constexpr std::uint64_t messages = 200;
  auto sub = subscriber<std::uint64_t>("short");
  auto child = test::fork_child([](test::Ready) {
    for (std::uint64_t life = 0; life < lives;) {
      auto pub = Publisher<std::uint64_t>::create("short", {.capacity = Bytes::kib(64)});
      if (!pub && pub.error().code() == ENOSPC) continue;  // the reader is 56 writers behind
      ASSERT_TRUE(pub.has_value()) << pub.error().message();
      for (std::uint64_t i = 0; i < messages; ++i) publish(*pub, life * messages + i);
      ++life;
    }
  });
  std::vector<std::uint64_t> next(lives, 0);
  for (std::uint64_t received = 0; received < lives * messages;) {
    const auto got = receive(sub);
    if (!got) continue;  // all writers so far have gone
    ASSERT_EQ(*got % messages, next[*got / messages]++);
    ++received;
  }
  EXPECT_TRUE(child.wait().success());
}

TEST_F(TopicTest, ARingThatIsStillReadKeepsItsNumber) {
  auto sub = subscriber<int>("number");
  {
    auto first = publisher<int>("number");
    publish(first, 1);
    ASSERT_EQ(receive(sub), 1);
    publish(first, 2);
  }
  auto second = publisher<int>("number");
  const auto there = files("topic:number");
  EXPECT_TRUE(std::ranges::count(there, "w.00") == 1 && std::ranges::count(there, "w.01") == 1);
  EXPECT_EQ(receive(sub), 2);
  publish(second, 3);
  EXPECT_EQ(receive(sub), 3);
}

/// Another reader keeps the ring of the dead there, and what comes and goes makes everybody look at it once more.
TEST_F(TopicTest, WhatADeadWriterHasPublishedIsReadOnce) {
  auto keeper = subscriber<int>("once");
  for (const Delivery delivery : {Delivery::reliable, Delivery::best_effort}) {
    auto sub = subscriber<int>("once", {.delivery = delivery});
    auto child = test::fork_child([](test::Ready ready) {
      auto pub = publisher<int>("once");
      for (int i = 0; i < 3; ++i) publish(pub, i);
      ready.say();
      ready.stay();
    });
    child.wait_until_ready();
    child.kill_and_reap(SIGKILL);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(receive(sub), i);
    EXPECT_TRUE(wait_for_end(sub)->died);
    for (int i = 10; i < 13; ++i) {
      auto other = publisher<int>("once");
      publish(other, i);
      EXPECT_EQ(receive(sub), i);
      EXPECT_EQ(receive(sub, Deadline::immediately()), std::nullopt);
    }
  }
  for (const int expected : {0, 1, 2}) EXPECT_EQ(receive(keeper), expected);
}

TEST_F(TopicTest, AWriterMayWaitForItsFirstReader) {
  auto pub = publisher<int>("first");
  EXPECT_TRUE(pub.wait_for_reader(Deadline::after(20ms))->is<TimedOut>());
  auto child = test::fork_child([](test::Ready ready) {
    ready.wait_for_release();
    auto sub = subscriber<int>("first");
    EXPECT_EQ(receive(sub), 9);
  });
  child.release();
  ASSERT_TRUE(pub.wait_for_reader(Deadline::after(30s))->is<Done>());
  publish(pub, 9);
  EXPECT_TRUE(child.wait().success());
}

TEST_F(TopicTest, ATopicIsRemovedWhenNobodyUsesIt) {
  EXPECT_TRUE(remove_topic("unused")->is<NotFound>());
  {
    auto pub = publisher<int>("unused");
    const auto refused = remove_topic("unused");
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), EBUSY);
    EXPECT_NE(refused.error().hint().find("1 writer"), std::string::npos) << refused.error().hint();
  }
  EXPECT_TRUE(remove_topic("unused")->is<Done>());
  EXPECT_FALSE(std::filesystem::exists(home_ + "/topic:unused"));
}

/// A writer that has come while somebody removes the topic is known to whoever comes later: they share one bell.
TEST_F(TopicTest, WhoComesWhileTheTopicIsRemovedIsNotCutOff) {
  auto child = test::fork_child([](test::Ready) {
    for (int come = 0; come < 200;) {
      auto pub = Publisher<int>::create("moment");
      ASSERT_TRUE(pub.has_value()) << pub.error().message();
      ASSERT_TRUE(pub->wait_for_reader(Deadline::immediately())->is<TimedOut>());
      auto sub = Subscriber<int>::open("moment");
      ASSERT_TRUE(sub.has_value()) << sub.error().message();
      ASSERT_TRUE(pub->wait_for_reader(Deadline::after(30s))->is<Done>()) << "the writer that came as number " << come;
      publish(*pub, ++come);
      EXPECT_EQ(receive(*sub), come);
    }
  });
  while (child.process().alive()) static_cast<void>(remove_topic("moment"));
  EXPECT_TRUE(child.wait().success());
}

TEST_F(TopicTest, BytesOfAnyTypeCanBeLookedAt) {
  auto pub = publisher<Pose>("any");
  auto sub = subscriber<AnyBytes>("any");
  publish(pub, {1, 2, 3});
  auto got = sub.receive(Deadline::immediately());
  ASSERT_TRUE(got.has_value() && got->is<Sample<AnyBytes>>());
  EXPECT_EQ((*got->as<Sample<AnyBytes>>()).size(), sizeof(Pose));
}

TEST_F(TopicTest, NothingIsLeftOfWriterAndReaderButTheTopicItself) {
  {
    auto pub = publisher<int>("left");
    auto sub = subscriber<int>("left");
    EXPECT_EQ(files("topic:left").size(), 3U);
  }
  EXPECT_EQ(files("topic:left"), std::vector<std::string>{"bell"});
  for (int i = 0; i < 3; ++i) {
    auto child = test::fork_child([](test::Ready ready) {
      auto pub = publisher<int>("left");
      auto sub = subscriber<int>("left");
      ready.say();
      ready.stay();
    });
    child.wait_until_ready();
    child.kill_and_reap(SIGKILL);
  }
  {
    auto sub = subscriber<int>("left");
  }
  EXPECT_EQ(files("topic:left"), std::vector<std::string>{"bell"});
}

TEST_F(TopicTest, AChildOfForkIsRefusedAndDoesNoHarm) {
  auto pub = publisher<int>("forked");
  auto sub = subscriber<int>("forked");
  auto child = test::fork_child([&](test::Ready) {
    const auto published = pub.publish(1);
    ASSERT_FALSE(published.has_value());
    EXPECT_EQ(published.error().code(), ECHILD);
    const auto received = sub.receive(Deadline::immediately());
    ASSERT_FALSE(received.has_value());
    EXPECT_EQ(received.error().code(), ECHILD);
    const auto polled = sub.pollable();
    ASSERT_FALSE(polled.has_value());
    EXPECT_EQ(polled.error().code(), ECHILD);
    auto own = std::move(sub);  // its end removes nothing of the parent's
  });
  EXPECT_TRUE(child.wait().success());
  EXPECT_EQ(files("topic:forked").size(), 3U);
  publish(pub, 5);
  EXPECT_EQ(receive(sub), 5);
}

TEST_F(TopicTest, TheDeathOfAWriterIsNotedThoughItsChildLivesOn) {
  auto sub = subscriber<int>("orphan");
  auto parent = test::fork_child([](test::Ready ready) {
    auto pub = publisher<int>("orphan");
    publish(pub, 1);
    ready.stay_with_a_child();
  });
  const pid_t grandchild = std::stoi(parent.next_line());
  parent.kill_and_reap(SIGKILL);
  EXPECT_EQ(receive(sub), 1);
  const auto gone = wait_for_end(sub);
  ::kill(grandchild, SIGKILL);
  ASSERT_TRUE(gone.has_value());
  EXPECT_TRUE(gone->died);
}

TEST_F(TopicTest, AnotherTypeIsRefusedAndBothAreShown) {
  auto pub = publisher<Pose>("typed");
  const auto refused = Subscriber<NewPose>::open("typed");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), EPROTOTYPE);
  EXPECT_NE(refused.error().hint().find("Pose (24 bytes)"), std::string::npos) << refused.error().hint();
  EXPECT_NE(refused.error().hint().find("NewPose (8 bytes, version 2)"), std::string::npos);
  EXPECT_FALSE(Subscriber<Pose[]>::open("typed").has_value());
  EXPECT_EQ(files("topic:typed").size(), 2U) << "the refused reader leaves nothing";
}

TEST_F(TopicTest, ADamagedOrForeignFileIsRefusedByName) {
  {
    auto pub = publisher<int>("bad");
  }
  const std::string folder = home_ + "/topic:bad";
  const auto refusal_with = [&](const std::string& content) {
    std::filesystem::remove(folder + "/w.00");
    auto maker = test::fork_child([&](test::Ready) {
      const int fd = ::open((folder + "/w.00").c_str(), O_CREAT | O_WRONLY, 0600);
      ASSERT_EQ(::write(fd, content.data(), content.size()), static_cast<ssize_t>(content.size()));
    });
    EXPECT_TRUE(maker.wait().success());
    const auto refused = Subscriber<int>::open("bad");
    return refused ? std::string{"accepted"} : refused.error().message();
  };
  EXPECT_NE(refusal_with("short").find("w.00: EBADMSG"), std::string::npos);
  EXPECT_NE(refusal_with(std::string(70000, 'x')).find("no such file of ginnel's"), std::string::npos);
  std::string other_version(70000, '\0');
  std::memcpy(other_version.data(), "GINRING1\x09", 9);
  EXPECT_NE(refusal_with(other_version).find("version 9"), std::string::npos);
}

TEST_F(TopicTest, AHomeThatIsNotOnesOwnIsRefused) {
  std::filesystem::permissions(home_, std::filesystem::perms::all);
  auto refused = Publisher<int>::create("x");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), EPERM);
  EXPECT_NE(refused.error().message().find("chmod 700"), std::string::npos);
  std::filesystem::permissions(home_, std::filesystem::perms::owner_all);

  GINNEL_REQUIRE_ROOT();
  ASSERT_EQ(::chown(home_.c_str(), test::other_uid, test::other_uid), 0);
  refused = Publisher<int>::create("x");
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message().find("somebody else took the name"), std::string::npos);
  ASSERT_EQ(::chown(home_.c_str(), 0, 0), 0);
}

TEST_F(TopicTest, ASymbolicLinkInTheWayIsNotFollowed) {
  std::filesystem::create_directory_symlink("/tmp", home_ + "/topic:link");
  const auto refused = Publisher<int>::create("link");
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().code() == ELOOP || refused.error().code() == ENOTDIR);
}

TEST_F(TopicTest, NamesMayHaveSlashesAndMustHaveSomething) {
  auto pub = publisher<int>("a/b%c");
  EXPECT_TRUE(std::filesystem::is_directory(home_ + "/topic:a%2Fb%25c"));
  for (const std::string& name : {std::string{}, std::string(81, 'x'), std::string{"a\nb"}})
    EXPECT_FALSE(Publisher<int>::create(name).has_value()) << name;
}

TEST_F(TopicTest, MoreWritersThanThereArePlacesAreRefused) {
  std::vector<Publisher<int>> writers;
  while (writers.size() < 100) {
    auto made = Publisher<int>::create("crowd");
    if (!made) {
      EXPECT_EQ(made.error().code(), ENOSPC);
      break;
    }
    writers.push_back(std::move(*made));
  }
  EXPECT_EQ(writers.size(), 56U);
}

TEST_F(TopicTest, ThePollableDescriptorTellsOfMessagesAndDeaths) {
  auto sub = subscriber<int>("polled");
  const auto fd = sub.pollable();
  ASSERT_TRUE(fd.has_value());
  const auto drain = [&] {
    std::vector<int> got;
    while (const auto value = receive(sub, Deadline::immediately())) got.push_back(*value);
    return got;
  };
  static_cast<void>(drain());
  EXPECT_FALSE(test::becomes_readable(*fd, 0));
  auto child = test::fork_child([](test::Ready ready) {
    auto pub = publisher<int>("polled");
    ready.say();
    ready.wait_for_release();
    publish(pub, 1);
    ready.stay();
  });
  child.wait_until_ready();
  EXPECT_TRUE(test::becomes_readable(*fd, 30'000)) << "a writer has come";
  EXPECT_TRUE(drain().empty());
  child.release();
  EXPECT_TRUE(test::becomes_readable(*fd, 30'000)) << "a message has come";
  EXPECT_EQ(drain(), std::vector<int>{1});
  child.kill_and_reap(SIGKILL);
  for (int looks = 0;; ++looks) {  // as an event loop does, which never waits in receive()
    ASSERT_LT(looks, 100);
    ASSERT_TRUE(test::becomes_readable(*fd, 30'000)) << "the writer has died";
    auto got = sub.receive(Deadline::immediately());
    ASSERT_TRUE(got.has_value());
    if (const auto* gone = got->get_if<WriterGone>()) {
      EXPECT_TRUE(gone->died);
      break;
    }
  }
}

TEST_F(TopicTest, ReadersComeAndGoWhileTheWriterPublishes) {
  auto child = test::fork_child([](test::Ready ready) {
    auto pub = publisher<std::uint64_t>("busy", {.capacity = Bytes::kib(64)});
    ready.say();
    for (std::uint64_t i = 0;; ++i) publish(pub, i);
  });
  child.wait_until_ready();
  for (int round = 0; round < 100; ++round) {
    auto sub = subscriber<std::uint64_t>("busy", {.last = round % 2 == 0 ? 0U : 50U});
    auto expected = receive(sub);
    ASSERT_TRUE(expected.has_value());
    for (int i = 0; i < 2000; ++i) ASSERT_EQ(receive(sub), ++*expected);
  }
  child.kill_and_reap(SIGKILL);
}

TEST_F(TopicTest, ReadersThatDieAnywhereHoldNobodyForLong) {
  auto pub = publisher<std::uint64_t>("storm", {.capacity = Bytes::kib(64)});
  auto witness = test::fork_child([](test::Ready ready) {
    auto sub = subscriber<std::uint64_t>("storm");
    ready.say();
    for (std::uint64_t i = 0; i < 400'000; ++i) ASSERT_EQ(receive(sub), i);
  });
  witness.wait_until_ready();
  std::uint64_t next = 0;
  for (int death = 0; death < 20; ++death) {
    auto victim = test::fork_child([death](test::Ready ready) {
      auto sub =
          subscriber<std::uint64_t>("storm", {.waiting = death % 2 == 0 ? Waiting::sleeping : Waiting::adaptive});
      ready.say();
      while (receive(sub)) {
      }
    });
    victim.wait_until_ready();
    for (int i = 0; i < 10'000; ++i) publish(pub, next++);
    victim.kill_and_reap(SIGKILL);
    for (int i = 0; i < 10'000; ++i) publish(pub, next++);
  }
  EXPECT_TRUE(witness.wait().success());
}

}  // namespace
}  // namespace ginnel
