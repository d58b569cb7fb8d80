#include "ginnel/msg/latest.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <vector>

#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/messaging_test.hpp"
#include "support/scratch.hpp"
#include "support/single_step.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

struct State {
  double x = 0;
  double y = 0;
};
struct NewState {
  static constexpr std::uint32_t message_version = 2;
  double x = 0;
};
/// All its words are equal, so that a mixed one shows.
using Picture = std::array<std::uint64_t, 2048>;

using LatestTest = test::MessagingTest;

template <class T>
LatestWriter<T> writer(const std::string& name, const LatestWriterOptions& options = {}) {
  auto made = LatestWriter<T>::create(name, options);
  if (!made) throw std::runtime_error{made.error().message()};
  return std::move(*made);
}
template <class T>
LatestReader<T> reader(const std::string& name, const LatestReaderOptions& options = {}) {
  auto opened = LatestReader<T>::open(name, options);
  if (!opened) throw std::runtime_error{opened.error().message()};
  return std::move(*opened);
}
template <class T>
std::optional<T> get(LatestReader<T>& from) {
  auto got = from.get();
  if (!got) throw std::runtime_error{got.error().message()};
  const auto* const sample = got->template get_if<Sample<T>>();
  if (sample == nullptr) return std::nullopt;
  return **sample;
}
template <class T>
std::optional<T> wait_for_newer(LatestReader<T>& from, Deadline deadline = Deadline::after(30s)) {
  auto got = from.wait_for_newer(deadline);
  if (!got) throw std::runtime_error{got.error().message()};
  const auto* const sample = got->template get_if<Sample<T>>();
  if (sample == nullptr) return std::nullopt;
  return **sample;
}
template <class T>
std::optional<WriterGone> wait_for_end(LatestReader<T>& from) {
  auto got = from.wait_for_newer(Deadline::after(30s));
  if (!got) throw std::runtime_error{got.error().message()};
  const auto* const gone = got->template get_if<WriterGone>();
  if (gone == nullptr) return std::nullopt;
  return *gone;
}

TEST_F(LatestTest, OneLineToSetAndOneToGet) {
  auto in = reader<State>("state");
  EXPECT_FALSE(get(in).has_value());
  auto out = writer<State>("state");
  EXPECT_FALSE(get(in).has_value());
  ASSERT_TRUE(out.set({3, 4}));
  const auto state = get(in);
  ASSERT_TRUE(state.has_value());
  EXPECT_TRUE(state->x == 3 && state->y == 4);
  EXPECT_TRUE(get(in).has_value()) << "it stays";
}

TEST_F(LatestTest, OnlyTheNewestCounts) {
  auto out = writer<int>("newest");
  auto in = reader<int>("newest");
  for (int i = 1; i <= 100; ++i) ASSERT_TRUE(out.set(i));
  EXPECT_EQ(wait_for_newer(in), 100);
  EXPECT_EQ(in.version(), 100U);
  EXPECT_EQ(wait_for_newer(in, Deadline::immediately()), std::nullopt);
  EXPECT_EQ(get(in), 100);
  ASSERT_TRUE(out.set(7));
  EXPECT_EQ(wait_for_newer(in), 7);
  EXPECT_EQ(in.version(), 101U);
}

TEST_F(LatestTest, ALoanIsSeenOnlyWhenItIsSet) {
  auto out = writer<State>("lent");
  auto in = reader<State>("lent");
  {
    auto dropped = out.loan();
    ASSERT_TRUE(dropped.has_value());
    (*dropped)->x = 1;
  }
  EXPECT_FALSE(get(in).has_value());
  auto loan = out.loan();
  **loan = {.x = 2, .y = 0};
  std::move(*loan).set();
  EXPECT_EQ(get(in)->x, 2);
}

TEST_F(LatestTest, SequencesOfAnyLengthUpToTheLargest) {
  auto out = writer<std::uint16_t[]>("words", {.value_size = Bytes{1001}});
  auto in = reader<std::uint16_t[]>("words");
  EXPECT_EQ(out.largest(), 500U);
  std::vector<std::uint16_t> words(500);
  std::iota(words.begin(), words.end(), std::uint16_t{1});
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{77}, std::size_t{500}}) {
    ASSERT_TRUE(out.set(std::span{words}.first(count)));
    auto got = in.get();
    ASSERT_TRUE(got.has_value() && got->is<Sample<std::uint16_t[]>>());
    EXPECT_TRUE(std::ranges::equal(*got->as<Sample<std::uint16_t[]>>(), std::span{words}.first(count))) << count;
  }
  words.resize(501);
  const auto refused = out.set(words);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), EMSGSIZE);
  EXPECT_NE(refused.error().hint().find("1002 bytes"), std::string::npos) << refused.error().hint();
  EXPECT_NE(refused.error().hint().find("1001"), std::string::npos);
}

TEST_F(LatestTest, OverAlignedValuesLieAligned) {
  struct alignas(128) Vector {
    std::array<float, 32> lanes{};
  };
  auto out = writer<Vector>("lanes");
  auto in = reader<Vector>("lanes");
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(out.set(Vector{.lanes = {float(i)}}));
    auto got = in.get();
    const Vector& vector = *got->as<Sample<Vector>>();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&vector) % 128, 0U);
    EXPECT_EQ(vector.lanes[0], float(i));
  }
}

TEST_F(LatestTest, WhatIsReadStaysAsItIsWhileTheWriterGoesOn) {
  auto out = writer<std::uint64_t>("held", {.readers = 3});
  std::vector<LatestReader<std::uint64_t>> readers;
  std::vector<const std::uint64_t*> held;
  std::uint64_t number = 0;
  for (int i = 0; i < 3; ++i) {
    readers.push_back(reader<std::uint64_t>("held"));
    ASSERT_TRUE(out.set(++number));
    auto got = readers.back().get();
    held.push_back(&*got->as<Sample<std::uint64_t>>());
  }
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(out.set(++number));
  for (std::size_t i = 0; i < held.size(); ++i) EXPECT_EQ(*held[i], i + 1);
  for (auto& one : readers) EXPECT_EQ(get(one), number);
}

TEST_F(LatestTest, NobodyEverReadsAMixedOrAnOlderValue) {
  const LatestWriterOptions narrow{.readers = 3};
  auto out = writer<Picture>("pictures", narrow);
  std::vector<test::ChildProcess> children;
  for (const Waiting waiting : {Waiting::adaptive, Waiting::polling, Waiting::sleeping})
    children.push_back(test::fork_child([=](test::Ready ready) {
      auto in = reader<Picture>("pictures", {.waiting = waiting});
      ready.say();
      std::uint64_t last = 0;
      for (int i = 0; i < 3000 && last < 1'000'000; ++i) {
        auto got = waiting == Waiting::polling ? in.wait_for_newer(Deadline::after(30s)) : in.wait_for_newer();
        ASSERT_TRUE(got.has_value() && got->is<Sample<Picture>>());
        const Picture& picture = *got->as<Sample<Picture>>();
        ASSERT_GT(picture[0], last);
        last = picture[0];
        ASSERT_TRUE(std::ranges::all_of(picture, [&](std::uint64_t word) { return word == last; })) << last;
      }
    }));
  for (auto& child : children) child.wait_until_ready();
  Picture picture{};
  std::uint64_t number = 0;
  const auto is_over = [&] {
    return std::ranges::none_of(children, [](const auto& child) { return child.process().alive(); });
  };
  while (number < 1'000'000 && (number % 64 != 0 || !is_over())) {
    picture.fill(++number);
    ASSERT_TRUE(out.set(picture));
  }
  picture.fill(1'000'000);
  ASSERT_TRUE(out.set(picture));
  for (auto& child : children) EXPECT_TRUE(child.wait().success());
}

/// With as few slots as there can be, so that the writer looks for a free one each time, right beside the reader's announcement.
TEST_F(LatestTest, AReaderAtFullSpeedHoldsWhatItReads) {
  using Words = std::array<std::uint64_t, 8>;
  auto child = test::fork_child([](test::Ready ready) {
    auto out = writer<Words>("small", {.readers = 1});
    Words words{};
    ASSERT_TRUE(out.set(words));
    ready.say();
    for (std::uint64_t i = 1; i <= 3'000'000; ++i) {
      words.fill(i);
      ASSERT_TRUE(out.set(words));
    }
  });
  child.wait_until_ready();
  auto in = reader<Words>("small");
  std::uint64_t last = 0;
  while (last < 3'000'000) {
    auto got = in.get();
    ASSERT_TRUE(got.has_value() && got->is<Sample<Words>>());
    const volatile std::uint64_t* const words = got->as<Sample<Words>>()->data();
    const std::uint64_t first = words[0];
    for (std::size_t i = 0; i < 64; ++i) ASSERT_EQ(words[i % 8], first);
    ASSERT_GE(first, last);
    last = first;
  }
  EXPECT_TRUE(child.wait().success());
}

/// A reader stands still after each of its instructions, and once it has its value, while the writer goes on by a few.
TEST_F(LatestTest, AReaderThatStandsAnywhereHoldsWhatItReads) {
  using Words = std::array<std::uint64_t, 2>;
  auto out = writer<Words>("stands", {.readers = 2});
  std::uint64_t number = 0;
  const auto set = [&](long count) {
    for (; count > 0; --count, ++number) static_cast<void>(out.set({number, number}));
  };
  const auto prepare = []() -> std::function<bool()> {
    auto in = std::make_shared<LatestReader<Words>>(reader<Words>("stands"));
    return [in] {
      auto got = in->get();
      const volatile std::uint64_t* const words = got->as<Sample<Words>>()->data();
      const std::uint64_t first = words[0];
      ::raise(SIGSTOP);
      return words[0] == first && words[1] == first;
    };
  };
  set(1);
  for (long more = 1; more <= 5; ++more)
    for (long steps = 0;; steps += test::stride) {
      const auto stand = test::stand_after_steps(steps, prepare, [&] { set(more); });
      if (!stand) GTEST_SKIP() << "tracing is forbidden here";
      ASSERT_TRUE(stand->success) << more << " at a time, after " << steps << " instructions";
      if (stand->ended_before) break;
      ASSERT_LT(steps, 100'000);
    }
}

TEST_F(LatestTest, TheWriterNeverWaitsForStoppedReaders) {
  auto out = writer<int>("stopped", {.readers = 2});
  ASSERT_TRUE(out.set(1));
  std::vector<test::ChildProcess> children;
  for (int i = 0; i < 2; ++i) {
    children.push_back(test::fork_child([](test::Ready ready) {
      auto in = reader<int>("stopped");
      auto got = in.get();
      ready.say();
      ready.wait_for_release();
      EXPECT_EQ(*got->as<Sample<int>>(), 1);
      EXPECT_EQ(wait_for_newer(in), 1000);
    }));
    children.back().wait_until_ready();
    children.back().stop();
  }
  for (int i = 2; i <= 1000; ++i) ASSERT_TRUE(out.set(i));
  for (auto& child : children) {
    child.resume();
    child.release();
    EXPECT_TRUE(child.wait().success());
  }
}

TEST_F(LatestTest, SleepersAreWokenAndDoNotWaitForTheNextLook) {
  const LatestReaderOptions asleep{.waiting = Waiting::sleeping};
  auto answers = reader<int>("answers", asleep);
  auto child = test::fork_child([&](test::Ready ready) {
    auto questions = reader<int>("questions", asleep);
    auto out = writer<int>("answers");
    ready.say();
    for (int i = 1; i <= test::more_than_the_watchdog_bears; ++i)
      ASSERT_TRUE(out.set(wait_for_newer(questions).value_or(-1)));
    ready.wait_for_release();
  });
  child.wait_until_ready();
  auto out = writer<int>("questions");
  for (int i = 1; i <= test::more_than_the_watchdog_bears; ++i) {
    ASSERT_TRUE(out.set(i));
    ASSERT_EQ(wait_for_newer(answers), i);
  }
  child.release();
  EXPECT_TRUE(child.wait().success());
}

TEST_F(LatestTest, AReaderMayComeBeforeTheWriter) {
  auto child = test::fork_child([](test::Ready ready) {
    auto in = reader<int>("early", {.waiting = Waiting::sleeping});
    ready.say();
    EXPECT_EQ(wait_for_newer(in), 5);
  });
  child.wait_until_ready();
  test::wait_until_blocked_in(child.pid(), SYS_futex);
  auto out = writer<int>("early");
  ASSERT_TRUE(out.set(5));
  EXPECT_TRUE(child.wait().success());
}

TEST_F(LatestTest, TheValueOutlivesItsWriterAndTheNextOneGoesOn) {
  auto in = reader<int>("line", {.waiting = Waiting::sleeping});
  for (int round = 0; round < 3; ++round) {
    auto child = test::fork_child([&](test::Ready ready) {
      auto out = writer<int>("line");
      ASSERT_TRUE(out.set(round));
      ready.say();
      ready.stay();
    });
    child.wait_until_ready();
    EXPECT_EQ(wait_for_newer(in), round);
    EXPECT_EQ(in.version(), static_cast<std::uint64_t>(round) + 1);
    child.kill_and_reap(SIGKILL);
    const auto gone = wait_for_end(in);
    ASSERT_TRUE(gone.has_value());
    EXPECT_TRUE(gone->died);
    EXPECT_EQ(wait_for_newer(in, Deadline::after(120ms)), std::nullopt) << "it is told once";
    EXPECT_EQ(get(in), round);
    auto late = reader<int>("line");
    EXPECT_EQ(get(late), round);
  }
  {
    auto out = writer<int>("line");
    EXPECT_EQ(get(in), 2) << "before the new writer has set anything";
  }
  EXPECT_FALSE(wait_for_end(in)->died);
}

TEST_F(LatestTest, WritersThatAreKilledAnywhereNeverTakeTheValueAway) {
  {
    auto out = writer<Picture>("never gone");
    ASSERT_TRUE(out.set(Picture{}));
  }
  auto in = reader<Picture>("never gone");
  for (int round = 0; round < 100; ++round) {
    auto child = test::fork_child([](test::Ready ready) {
      ready.say();
      auto out = writer<Picture>("never gone");
      Picture picture{};
      for (std::uint64_t i = 1;; ++i) {
        picture.fill(i);
        static_cast<void>(out.set(picture));
      }
    });
    child.wait_until_ready();
    for (int i = 0; i < round * 20; ++i) {
      const auto picture = get(in);
      ASSERT_TRUE(picture.has_value());
      ASSERT_EQ(picture->front(), picture->back());
    }
    child.kill_and_reap(SIGKILL);
    auto late = reader<Picture>("never gone");
    ASSERT_TRUE(get(late).has_value());
  }
}

TEST_F(LatestTest, ThereIsOneWriter) {
  auto out = writer<int>("one");
  const auto refused = LatestWriter<int>::create("one");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), EBUSY);
  EXPECT_NE(refused.error().hint().find("process " + std::to_string(::getpid()) + " writes it"), std::string::npos);
}

TEST_F(LatestTest, NoMoreReadersThanTheWriterMadeRoomFor) {
  auto out = writer<int>("crowd", {.readers = 2});
  {
    auto first = reader<int>("crowd");
    auto dies = test::fork_child([](test::Ready ready) {
      auto in = reader<int>("crowd");
      ready.say();
      ready.stay();
    });
    dies.wait_until_ready();
    const auto refused = LatestReader<int>::open("crowd");
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), EUSERS);
    EXPECT_NE(refused.error().hint().find("2 readers"), std::string::npos) << refused.error().hint();
    dies.kill_and_reap(SIGKILL);
    EXPECT_TRUE(LatestReader<int>::open("crowd").has_value()) << "the dead make room";
  }
  for (int i = 0; i < 300; ++i) EXPECT_TRUE(LatestReader<int>::open("crowd").has_value());
  for (const std::uint32_t bad : {0U, 65U})
    EXPECT_EQ(LatestWriter<int>::create("bad", {.readers = bad}).error().code(), EINVAL);
}

TEST_F(LatestTest, AChildOfForkIsRefusedAndDoesNoHarm) {
  auto out = writer<int>("forked");
  auto in = reader<int>("forked");
  auto child = test::fork_child([&](test::Ready) {
    EXPECT_EQ(out.set(1).error().code(), ECHILD);
    EXPECT_EQ(in.get().error().code(), ECHILD);
    EXPECT_EQ(in.wait_for_newer(Deadline::immediately()).error().code(), ECHILD);
    EXPECT_EQ(in.pollable().error().code(), ECHILD);
    auto own = std::move(in);
    auto own_too = std::move(out);
  });
  EXPECT_TRUE(child.wait().success());
  EXPECT_EQ(files("latest:forked").size(), 3U);
  ASSERT_TRUE(out.set(5));
  EXPECT_EQ(get(in), 5);
}

TEST_F(LatestTest, AnotherTypeIsRefusedAndBothAreShown) {
  auto in = reader<State>("typed");
  {
    auto out = writer<State>("typed");
    ASSERT_TRUE(out.set({}));
    const auto refused = LatestReader<NewState>::open("typed");
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), EPROTOTYPE);
    EXPECT_NE(refused.error().hint().find("State (16 bytes)"), std::string::npos) << refused.error().hint();
    EXPECT_NE(refused.error().hint().find("NewState (8 bytes, version 2)"), std::string::npos);
    auto any = reader<AnyBytes>("typed");
    auto bytes = any.get();
    ASSERT_TRUE(bytes.has_value());
    EXPECT_EQ((*bytes->as<Sample<AnyBytes>>()).size(), sizeof(State));
  }
  auto changed = writer<NewState>("typed");
  EXPECT_EQ(in.get().error().code(), EPROTOTYPE);
  auto fresh = reader<NewState>("typed");
  EXPECT_FALSE(get(fresh).has_value()) << "a value of another type is none";
}

TEST_F(LatestTest, ADamagedOrForeignFileIsRefusedByName) {
  {
    auto out = writer<int>("bad");
  }
  const std::string file = home_ + "/latest:bad/value";
  const auto refusal_with = [&](const std::string& content) {
    std::filesystem::remove(file);
    const int fd = ::open(file.c_str(), O_CREAT | O_WRONLY, 0600);
    EXPECT_EQ(::write(fd, content.data(), content.size()), static_cast<ssize_t>(content.size()));
    ::close(fd);
    const auto refused = LatestReader<AnyBytes>::open("bad");
    EXPECT_FALSE(LatestWriter<int>::create("bad").has_value());
    return refused ? std::string{"accepted"} : refused.error().message();
  };
  EXPECT_NE(refusal_with("short").find("value: EBADMSG"), std::string::npos);
  EXPECT_NE(refusal_with(std::string(70000, 'x')).find("no such file of ginnel's"), std::string::npos);
  std::string content(70000, '\0');
  std::memcpy(content.data(), "GINLAST1\x09", 9);
  EXPECT_NE(refusal_with(content).find("version 9"), std::string::npos);
  const std::array<std::uint32_t, 2> start{1, 4096};
  std::memcpy(content.data() + 8, start.data(), sizeof start);
  EXPECT_NE(refusal_with(content).find("no possible one"), std::string::npos);
  const std::array<std::uint64_t, 3> shape{1U << 20U, 8, 16};
  std::memcpy(content.data() + 16, shape.data(), sizeof shape);
  EXPECT_NE(refusal_with(content).find("shorter than it says"), std::string::npos);
}

TEST_F(LatestTest, WhatDoesNotFitInMemoryIsRefused) {
  const auto refused = LatestWriter<std::byte[]>::create("huge", {.readers = 60, .value_size = Bytes::gib(2)});
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().code() == ENOSPC || refused.error().code() == EFBIG) << refused.error().message();
}

TEST_F(LatestTest, ItIsRemovedWhenNobodyUsesIt) {
  EXPECT_TRUE(remove_latest("gone")->is<NotFound>());
  {
    auto out = writer<int>("gone");
    auto in = reader<int>("gone");
    const auto refused = remove_latest("gone");
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), EBUSY);
    EXPECT_NE(refused.error().hint().find("its writer and 1 reader use it"), std::string::npos)
        << refused.error().hint();
  }
  EXPECT_TRUE(remove_latest("gone")->is<Done>());
  EXPECT_FALSE(std::filesystem::exists(home_ + "/latest:gone"));
}

TEST_F(LatestTest, ThePollableDescriptorTellsOfValuesAndDeaths) {
  auto in = reader<int>("polled");
  const auto fd = in.pollable();
  ASSERT_TRUE(fd.has_value());
  /// As an event loop does, which never waits in the handle.
  const auto next = [&]() -> std::optional<LatestReader<int>::Newer> {
    for (int looks = 0; looks < 100; ++looks) {
      auto got = in.wait_for_newer(Deadline::immediately());
      if (!got) return std::nullopt;
      if (!got->is<TimedOut>()) return std::move(*got);
      if (!test::becomes_readable(*fd, 30'000)) return std::nullopt;
    }
    return std::nullopt;
  };
  auto child = test::fork_child([](test::Ready ready) {
    auto out = writer<int>("polled");
    for (int i = 1; i <= 3; ++i) {
      ASSERT_TRUE(out.set(i));
      ready.say();
      ready.wait_for_release();
    }
    ready.stay();
  });
  for (int i = 1; i <= 3; ++i) {
    const auto got = next();
    ASSERT_TRUE(got.has_value() && got->is<Sample<int>>());
    EXPECT_EQ(*got->as<Sample<int>>(), i);
    child.wait_until_ready();
    if (i < 3) child.release();
  }
  child.kill_and_reap(SIGKILL);
  const auto gone = next();
  ASSERT_TRUE(gone.has_value() && gone->is<WriterGone>());
  EXPECT_TRUE(gone->as<WriterGone>().died);
}

}  // namespace
}  // namespace ginnel
