#include "ginnel/msg/channel.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "ginnel/sys/io.hpp"
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
};
struct NewPose {
  static constexpr std::uint32_t message_version = 2;
  double x = 0;
};

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error{result.error().message()};
  return std::move(*result);
}

/// A path of the test's own; at the end no descriptor is left open.
class ChannelTest : public test::MessagingTest {
 protected:
  const std::string path_ = home_ + "/socket";

  template <class T>
  [[nodiscard]] ChannelListener<T> listen(const ChannelListenOptions& options = {}) const {
    return must(ChannelListener<T>::listen(path_, options));
  }
  template <class T>
  [[nodiscard]] Channel<T> connect(const ChannelOptions& options = {}) const {
    return must(Channel<T>::connect(path_, options));
  }
  template <class T>
  [[nodiscard]] static Channel<T> accept(ChannelListener<T>& listener) {
    auto accepted = must(listener.accept(Deadline::after(30s)));
    if (const auto* away = accepted.template get_if<TurnedAway>()) throw std::runtime_error{away->why.message()};
    return std::move(accepted.template as<Channel<T>>());
  }
  /// Somebody who lets one peer in and says nothing.
  [[nodiscard]] test::ChildProcess fork_listener() const {
    auto child = test::fork_child([&](test::Ready ready) {
      auto listener = listen<int>();
      ready.say();
      auto channel = accept(listener);
      ready.stay();
    });
    child.wait_until_ready();
    return child;
  }
  /// Both ends here: connecting waits for the listener, so it is done by a thread.
  template <class T>
  [[nodiscard]] std::pair<Channel<T>, Channel<T>> both(const ChannelOptions& options = {}) const {
    auto listener = listen<T>({.capacity = options.capacity, .waiting = options.waiting});
    std::optional<Channel<T>> mine;
    std::thread connecting{[&] { mine.emplace(connect<T>(options)); }};
    auto theirs = accept(listener);
    connecting.join();
    return {std::move(*mine), std::move(theirs)};
  }
};

template <class T>
void send(Channel<T>& to, const T& message) {
  const auto sent = to.send(message, Deadline::after(30s));
  ASSERT_TRUE(sent.has_value()) << sent.error().message();
  ASSERT_TRUE(sent->template is<Done>());
}
template <class T>
std::optional<T> receive(Channel<T>& from, Deadline deadline = Deadline::after(30s)) {
  auto got = must(from.receive(deadline));
  auto* const message = got.template get_if<Incoming<T>>();
  if (message == nullptr) return std::nullopt;
  return **message;
}
template <class T>
bool peer_is_gone(Channel<T>& channel) {
  const auto got = channel.receive(Deadline::after(30s));
  return got.has_value() && got->template is<PeerGone>();
}

TEST_F(ChannelTest, MessagesGoBothWaysInOrderThreads) {
  auto [left, right] = both<Pose>();
  for (int i = 0; i < 100; ++i) {
    send(left, {.x = i * 1.0, .y = 1});
    send(right, {.x = i * 2.0, .y = 2});
  }
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(receive(right)->x, i * 1.0);
    EXPECT_EQ(receive(left)->x, i * 2.0);
  }
  EXPECT_TRUE(left.receive(Deadline::immediately())->is<TimedOut>());
  EXPECT_TRUE(right.receive(Deadline::after(1ms))->is<TimedOut>());
}

TEST_F(ChannelTest, ALoanIsSeenOnlyWhenItIsSentThreads) {
  auto [left, right] = both<Pose>();
  {
    auto dropped = left.loan();
    ASSERT_TRUE(dropped.has_value());
    dropped->as<ChannelLoan<Pose>>()->x = 1;
  }
  EXPECT_TRUE(right.receive(Deadline::immediately())->is<TimedOut>());
  auto loan = left.loan();
  ASSERT_TRUE(loan.has_value());
  *loan->as<ChannelLoan<Pose>>() = {.x = 2, .y = 0};
  std::move(loan->as<ChannelLoan<Pose>>()).send();
  EXPECT_EQ(receive(right)->x, 2);
}

TEST_F(ChannelTest, SequencesKeepTheirBoundariesFromEmptyToAQuarterOfTheRingThreads) {
  auto [left, right] = both<std::byte[]>({.capacity = Bytes::kib(64)});
  const std::vector<std::byte> pattern = test::test_pattern(left.largest());
  EXPECT_GE(left.largest(), Bytes::kib(16).count() - 64);
  for (int lap = 0; lap < 50; ++lap)
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{8}, std::size_t{1000}, left.largest()}) {
      ASSERT_TRUE(left.send(std::span{pattern}.first(size), Deadline::immediately())->is<Done>());
      auto got = right.receive(Deadline::immediately());
      ASSERT_TRUE(got.has_value() && got->is<Incoming<std::byte[]>>()) << lap << ' ' << size;
      ASSERT_TRUE(std::ranges::equal(*got->as<Incoming<std::byte[]>>(), std::span{pattern}.first(size)));
    }
  const auto refused = left.send(std::vector<std::byte>(left.largest() + 1));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), EMSGSIZE);
  EXPECT_NE(refused.error().hint().find(std::to_string(left.largest() + 1)), std::string::npos);
  EXPECT_NE(refused.error().hint().find(std::to_string(left.largest())), std::string::npos);
}

TEST_F(ChannelTest, ALoanOfASequenceMayBeSentInPartThreads) {
  auto [left, right] = both<std::uint32_t[]>();
  auto loan = left.loan(10);
  ASSERT_TRUE(loan.has_value());
  auto& room = loan->as<ChannelLoan<std::uint32_t[]>>();
  for (std::uint32_t i = 0; i < 10; ++i) room.elements()[i] = i;
  std::move(room).send(3);
  auto got = right.receive();
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(*got->as<Incoming<std::uint32_t[]>>(), (std::vector<std::uint32_t>{0, 1, 2}));
}

TEST_F(ChannelTest, AMessageLargerThanTheRingMakesTheRingLargerAndOverAlignedOnesLieAlignedThreads) {
  struct alignas(64) Large {
    std::array<std::byte, 100'032> bytes;
  };
  auto [left, right] = both<Large>({.capacity = Bytes::kib(64)});
  const auto large = std::make_unique<Large>(Large{.bytes = {std::byte{7}}});
  for (int i = 0; i < 3; ++i) {
    send(left, *large);
    auto got = right.receive();
    ASSERT_TRUE(got.has_value());
    const Large& there = got->as<Incoming<Large>>().in_place();
    EXPECT_EQ(there.bytes[0], std::byte{7});
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&there) % 64, 0U);
  }
}

/// Another process sends numbers back; all arrive, in order.
void echo_numbers(Channel<std::uint64_t> channel, std::uint64_t messages) {
  for (std::uint64_t i = 0; i < messages; ++i) {
    const auto got = receive(channel);
    ASSERT_EQ(got, i);
    send(channel, *got);
  }
}

class ChannelWaitingTest : public ChannelTest, public ::testing::WithParamInterface<Waiting> {};
INSTANTIATE_TEST_SUITE_P(Each, ChannelWaitingTest,
                         ::testing::Values(Waiting::adaptive, Waiting::sleeping, Waiting::polling));

TEST_P(ChannelWaitingTest, EverythingComesBackInOrderFromAnotherProcess) {
  constexpr std::uint64_t messages = 20'000;
  auto listener = listen<std::uint64_t>({.capacity = Bytes::kib(64), .waiting = GetParam()});
  auto child = test::fork_child([&](test::Ready) {
    echo_numbers(connect<std::uint64_t>({.capacity = Bytes::kib(64), .waiting = GetParam()}), messages);
  });
  auto channel = accept(listener);
  std::uint64_t sent = 0;
  std::uint64_t back = 0;
  while (back < messages) {  // as many ahead as there is room for, at most a thousand
    while (sent < messages && sent - back < 1000 && channel.send(sent, Deadline::immediately())->is<Done>()) ++sent;
    ASSERT_EQ(receive(channel), back++);
  }
  EXPECT_TRUE(child.wait().success());
  EXPECT_TRUE(peer_is_gone(channel));
}

TEST_F(ChannelTest, SleepersAreWokenAndDoNotWaitForTheNextLook) {
  auto listener = listen<int>({.waiting = Waiting::sleeping});
  auto child = test::fork_child([&](test::Ready) {
    auto channel = connect<int>({.waiting = Waiting::sleeping});
    for (int i = 0; i < test::more_than_the_watchdog_bears; ++i) send(channel, receive(channel).value_or(-1));
  });
  auto channel = accept(listener);
  for (int i = 0; i < test::more_than_the_watchdog_bears; ++i) {
    send(channel, i);
    ASSERT_EQ(receive(channel), i);
  }
  EXPECT_TRUE(child.wait().success());
}

TEST_F(ChannelTest, SendersThatWaitForRoomAreWokenAndDoNotWaitForTheNextLook) {
  auto listener = listen<std::byte[]>({.waiting = Waiting::sleeping});
  auto child = test::fork_child([&](test::Ready) {
    auto channel = connect<std::byte[]>({.capacity = Bytes::kib(64)});
    const std::vector<std::byte> lump(channel.largest());
    for (int i = 0; i < 4 * test::more_than_the_watchdog_bears; ++i) ASSERT_TRUE(channel.send(lump)->is<Done>());
  });
  auto channel = accept(listener);
  for (int i = 0; i < 4 * test::more_than_the_watchdog_bears; ++i)
    ASSERT_TRUE(channel.receive(Deadline::after(30s))->is<Incoming<std::byte[]>>()) << i;
  EXPECT_TRUE(child.wait().success());
}

TEST_F(ChannelTest, WhoIsAWholeRingAheadWaitsThreads) {
  auto [left, right] = both<std::uint64_t>({.capacity = Bytes::kib(64)});
  std::uint64_t sent = 0;
  while (left.send(sent, Deadline::immediately())->is<Done>()) ++sent;
  EXPECT_EQ(sent, 4095U) << "16 bytes each, and the word after the last";
  EXPECT_TRUE(left.send(0, Deadline::after(1ms))->is<TimedOut>());
  for (std::uint64_t i = 0; i < sent; ++i) ASSERT_EQ(receive(right, Deadline::immediately()), i);
  EXPECT_TRUE(right.receive(Deadline::immediately())->is<TimedOut>());
  send(left, sent);
  EXPECT_EQ(receive(right), sent);
}

TEST_F(ChannelTest, OneThreadSendsWhileAnotherReceivesThreads) {
  constexpr std::uint64_t messages = 20'000;
  auto [left, right] = both<std::uint64_t>({.capacity = Bytes::kib(64)});
  const auto send_all = [](Channel<std::uint64_t>& channel) {
    for (std::uint64_t i = 0; i < messages; ++i) send(channel, i);
  };
  std::thread from_left{[&] { send_all(left); }};
  std::thread from_right{[&] { send_all(right); }};
  std::thread to_left{[&] {
    for (std::uint64_t i = 0; i < messages; ++i) ASSERT_EQ(receive(left), i);
  }};
  for (std::uint64_t i = 0; i < messages; ++i) EXPECT_EQ(receive(right), i);
  from_left.join();
  from_right.join();
  to_left.join();
}

// Death, stop, fork.

TEST_P(ChannelWaitingTest, TheDeathOfAPeerIsToldAfterItsLastMessage) {
  auto listener = listen<int>({.waiting = GetParam()});
  auto child = test::fork_child([&](test::Ready ready) {
    auto channel = connect<int>();
    for (int i = 0; i < 1000; ++i) send(channel, i);
    ready.say();
    ready.stay();
  });
  auto channel = accept(listener);
  child.wait_until_ready();
  child.kill_and_reap(SIGKILL);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(receive(channel), i);
  EXPECT_TRUE(peer_is_gone(channel));
  EXPECT_TRUE(peer_is_gone(channel)) << "and from then on";
  EXPECT_TRUE(channel.send(1)->is<PeerGone>());
}

TEST_P(ChannelWaitingTest, WhoWaitsIsToldOfTheDeath) {
  auto victim = fork_listener();
  auto child = test::fork_child([&](test::Ready ready) {
    auto channel = connect<int>({.waiting = GetParam()});
    ready.say();
    EXPECT_TRUE(peer_is_gone(channel));
  });
  child.wait_until_ready();
  if (GetParam() == Waiting::sleeping) test::wait_until_blocked_in(child.pid(), SYS_futex);
  victim.kill_and_reap(SIGKILL);
  EXPECT_TRUE(child.wait().success());
}

TEST_F(ChannelTest, WhoClosesInGoodOrderIsGoneAtOnceThreads) {
  for (int round = 0; round < 10; ++round) {
    auto [left, right] = both<int>({.waiting = Waiting::sleeping});
    send(left, 1);
    EXPECT_EQ(receive(right), 1);
    EXPECT_TRUE(right.receive(Deadline::immediately())->is<TimedOut>());
    send(left, 2);
    {
      const auto closed = std::move(left);
    }
    EXPECT_EQ(receive(right), 2);
    EXPECT_TRUE(right.receive(Deadline::immediately())->is<PeerGone>());
    EXPECT_TRUE(right.send(3)->is<PeerGone>());
  }
}

TEST_F(ChannelTest, WhatIsSentRightBeforeTheEndIsReceivedThreads) {
  for (int round = 0; round < 500; ++round) {
    auto [left, right] = both<int>({.waiting = Waiting::sleeping});
    std::thread leaving{[from = std::move(left), round]() mutable {
      for (int i = 0; i < round % 50; ++i) detail::relax();
      send(from, 7);
      const auto closed = std::move(from);
    }};
    auto got = must(right.receive(Deadline::immediately()));
    while (got.is<TimedOut>()) got = must(right.receive(Deadline::immediately()));
    leaving.join();
    ASSERT_TRUE(got.is<Incoming<int>>()) << round;
  }
}

TEST_F(ChannelTest, WhoWaitsForRoomIsToldOfTheDeath) {
  auto victim = fork_listener();
  auto child = test::fork_child([&](test::Ready ready) {
    auto channel = connect<int>({.capacity = Bytes::kib(64)});
    while (must(channel.send(1, Deadline::immediately())).is<Done>()) {
    }
    ready.say();
    EXPECT_TRUE(channel.send(1)->is<PeerGone>());
  });
  child.wait_until_ready();
  test::wait_until_blocked_in(child.pid(), SYS_futex);
  victim.kill_and_reap(SIGKILL);
  EXPECT_TRUE(child.wait().success());
}

TEST_F(ChannelTest, WhoOnlySendsIsToldOfTheDeathWithinAnEighthOfTheRing) {
  auto listener = listen<int>();
  auto child = test::fork_child([&](test::Ready ready) {
    auto channel = connect<int>();
    ready.say();
    ready.stay();
  });
  auto channel = accept(listener);
  child.wait_until_ready();
  child.kill_and_reap(SIGKILL);
  const auto look = Deadline::after(60ms);
  while (!look.passed()) {
  }
  std::uint64_t sent = 0;
  while (channel.send(1)->is<Done>()) ++sent;
  EXPECT_LE(sent, Bytes::kib(256).count() / 8 / 16 + 1);
}

TEST_F(ChannelTest, AStoppedPeerIsNotTakenForDead) {
  auto listener = listen<int>();
  auto child = test::fork_child([&](test::Ready ready) {
    auto channel = connect<int>();
    ready.say();
    for (int i = 0; i < 10; ++i) ASSERT_EQ(receive(channel), i);
  });
  auto channel = accept(listener);
  child.wait_until_ready();
  child.stop();
  for (int i = 0; i < 10; ++i) send(channel, i);
  EXPECT_TRUE(channel.receive(Deadline::after(200ms))->is<TimedOut>());
  child.resume();
  EXPECT_TRUE(child.wait().success());
}

TEST_F(ChannelTest, AChildOfForkIsRefusedAndDoesNoHarmThreads) {
  auto [left, right] = both<int>();
  send(right, 4);
  auto loan = left.loan();
  ASSERT_TRUE(loan.has_value());
  auto child = test::fork_child([&, &l = left, &r = right](test::Ready) {
    const auto sent = l.send(1);
    ASSERT_FALSE(sent.has_value());
    EXPECT_EQ(sent.error().code(), ECHILD);
    const auto received = l.receive(Deadline::immediately());
    ASSERT_FALSE(received.has_value());
    EXPECT_EQ(received.error().code(), ECHILD);
    EXPECT_EQ(l.pollable().error().code(), ECHILD);
    EXPECT_EQ(r.send_with(std::array{0}, 1).error().code(), ECHILD);
    std::move(loan->as<ChannelLoan<int>>()).send();
    auto own = std::move(l);  // its end closes nothing of the parent's
  });
  EXPECT_TRUE(child.wait().success());
  EXPECT_EQ(receive(left), 4);
  send(left, 5);
  EXPECT_EQ(receive(right), 5);
}

TEST_F(ChannelTest, TheDeathOfAPeerIsNotedThoughItsChildLivesOn) {
  auto listener = listen<int>();
  auto parent = test::fork_child([&](test::Ready ready) {
    auto channel = connect<int>();
    ready.stay_with_a_child();
  });
  auto channel = accept(listener);
  const pid_t grandchild = std::stoi(parent.next_line());
  const int fd = must(channel.pollable());
  EXPECT_TRUE(channel.receive(Deadline::immediately())->is<TimedOut>());
  EXPECT_FALSE(test::becomes_readable(fd, 0));
  parent.kill_and_reap(SIGKILL);
  EXPECT_TRUE(test::becomes_readable(fd, 30'000));
  EXPECT_TRUE(peer_is_gone(channel));
  ::kill(grandchild, SIGKILL);
}

TEST_F(ChannelTest, APeerThatIsKilledAnywhereHangsNobodyAndLeavesNothing) {
  auto listener = listen<std::uint64_t>({.capacity = Bytes::kib(64)});
  const auto before = test::open_descriptor_count();
  for (int death = 0; death < 30; ++death) {
    auto child = test::fork_child([&](test::Ready) {
      auto channel = connect<std::uint64_t>(
          {.capacity = Bytes::kib(64), .waiting = death % 2 == 0 ? Waiting::sleeping : Waiting::adaptive});
      for (std::uint64_t i = 0;; ++i) {
        send(channel, i);
        static_cast<void>(receive(channel));
      }
    });
    auto channel = accept(listener);
    for (std::uint64_t i = 0; i < 50U * static_cast<unsigned>(death); ++i) {
      ASSERT_EQ(receive(channel), i);
      send(channel, i);
    }
    child.kill_and_reap(SIGKILL);
    while (receive(channel)) {
    }
    EXPECT_TRUE(peer_is_gone(channel));
  }
  EXPECT_EQ(test::open_descriptor_count(), before);
}

// Who may come, and with what.

TEST_F(ChannelTest, AnotherTypeIsRefusedAndBothSidesAreShownToBoth) {
  auto listener = listen<Pose>();
  auto child = test::fork_child([&](test::Ready) {
    const auto refused = Channel<NewPose>::connect(path_);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), EPROTOTYPE);
    EXPECT_NE(refused.error().hint().find("Pose (16 bytes)"), std::string::npos) << refused.error().hint();
    EXPECT_NE(refused.error().hint().find("NewPose (8 bytes, version 2)"), std::string::npos);
    EXPECT_FALSE(Channel<Pose[]>::connect(path_).has_value());
  });
  for (int i = 0; i < 2; ++i) {
    auto accepted = must(listener.accept(Deadline::after(30s)));
    ASSERT_TRUE(accepted.is<TurnedAway>());
    const TurnedAway& away = accepted.as<TurnedAway>();
    EXPECT_EQ(away.why.code(), EPROTOTYPE);
    EXPECT_EQ(away.peer.pid, child.pid());
    EXPECT_NE(away.why.hint().find("Pose (16 bytes)"), std::string::npos) << away.why.hint();
  }
  EXPECT_TRUE(child.wait().success());
}

TEST_F(ChannelTest, BytesOfAnyTypeCanBeExchanged) {
  auto listener = listen<Pose>();
  auto child = test::fork_child([&](test::Ready) {
    auto channel = connect<AnyBytes>();
    auto got = channel.receive();
    ASSERT_TRUE(got.has_value());
    const std::vector<std::byte> bytes = *got->as<Incoming<AnyBytes>>();
    ASSERT_EQ(bytes.size(), sizeof(Pose));
    EXPECT_TRUE(channel.send(bytes)->is<Done>());
    EXPECT_TRUE(channel.send(std::vector<std::byte>(3))->is<Done>());
    EXPECT_TRUE(peer_is_gone(channel)) << "it has broken off";
  });
  auto channel = accept(listener);
  send(channel, {.x = 1, .y = 2});
  EXPECT_EQ(receive(channel)->y, 2);
  const auto wrong = channel.receive();
  ASSERT_FALSE(wrong.has_value());
  EXPECT_EQ(wrong.error().code(), EBADMSG);
  EXPECT_TRUE(child.wait().success());
}

TEST_F(ChannelTest, CredentialsAreThoseOfTheKernelAndTheListsDecide) {
  GINNEL_REQUIRE_ROOT();
  std::filesystem::permissions(home_, std::filesystem::perms{0755});
  auto listener = listen<int>({.allow = {test::other_uid}});
  auto admitted = test::fork_child_as(test::other_uid, [&](test::Ready) {
    auto channel = connect<int>();
    EXPECT_EQ(channel.credentials().uid, 0U);
    send(channel, 7);
    EXPECT_TRUE(peer_is_gone(channel));
  });
  {
    auto channel = accept(listener);
    EXPECT_EQ(channel.credentials().uid, test::other_uid);
    EXPECT_EQ(channel.credentials().pid, admitted.pid());
    EXPECT_EQ(receive(channel), 7);
  }
  EXPECT_TRUE(admitted.wait().success());

  auto refused = test::fork_child([&](test::Ready) {
    const auto connected = Channel<int>::connect(path_);
    ASSERT_FALSE(connected.has_value());
    EXPECT_EQ(connected.error().code(), ECONNRESET);
    EXPECT_NE(connected.error().hint().find("does not admit"), std::string::npos);
  });
  auto accepted = must(listener.accept(Deadline::after(30s)));
  ASSERT_TRUE(accepted.is<TurnedAway>());
  EXPECT_EQ(accepted.as<TurnedAway>().why.code(), EACCES);
  EXPECT_EQ(accepted.as<TurnedAway>().peer.uid, 0U);
  EXPECT_TRUE(refused.wait().success());
}

TEST_F(ChannelTest, ThePathIsForTheUserAloneUnlessListsDecide) {
  GINNEL_REQUIRE_ROOT();
  std::filesystem::permissions(home_, std::filesystem::perms{0755});
  auto listener = listen<int>();
  auto refused = test::fork_child_as(
      test::other_uid, [&](test::Ready) { EXPECT_EQ(Channel<int>::connect(path_).error().code(), EACCES); });
  EXPECT_TRUE(refused.wait().success());
}

TEST_F(ChannelTest, NobodyListens) {
  EXPECT_EQ(Channel<int>::connect(path_).error().code(), ENOENT);
  auto listener = listen<int>();
  EXPECT_EQ(ChannelListener<int>::listen(path_).error().code(), EADDRINUSE);
  EXPECT_TRUE(listener.accept(Deadline::immediately())->is<TimedOut>());
  EXPECT_TRUE(listener.accept(Deadline::after(1ms))->is<TimedOut>());
  auto waited = Channel<int>::connect(path_, Deadline::after(20ms));
  ASSERT_TRUE(waited.has_value()) << waited.error().message();
  EXPECT_TRUE(waited->is<TimedOut>());
  EXPECT_TRUE(must(listener.accept(Deadline::after(30s))).is<TurnedAway>()) << "it has given up";
}

TEST_F(ChannelTest, OptionsThatCannotBeAreRefused) {
  struct alignas(512) Odd {
    std::byte bytes[512];
  };
  auto listener = listen<int>();
  EXPECT_EQ(Channel<Odd>::connect(path_).error().code(), EINVAL);
  EXPECT_EQ(Channel<int>::connect(path_, {.capacity = Bytes::gib(2)}).error().code(), EINVAL);
}

// Descriptors.

/// A pipe whose writing end has this written into it.
UniqueFd pipe_with(char letter) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) throw std::runtime_error{"pipe"};
  const UniqueFd write_end{ends[1]};
  if (::write(write_end.get(), &letter, 1) != 1) throw std::runtime_error{"write"};
  return UniqueFd{ends[0]};
}
char letter_in(const UniqueFd& pipe) {
  char letter = 0;
  return ::read(pipe.get(), &letter, 1) == 1 ? letter : '-';
}

template <class T>
void send_with(Channel<T>& to, std::span<const UniqueFd> owned, const T& message) {
  std::vector<int> descriptors;
  for (const UniqueFd& fd : owned) descriptors.push_back(fd.get());
  const auto sent = to.send_with(descriptors, message, Deadline::after(30s));
  ASSERT_TRUE(sent.has_value()) << sent.error().message();
  ASSERT_TRUE(sent->template is<Done>());
}

TEST_F(ChannelTest, DescriptorsComeWithTheirMessageThreads) {
  auto [left, right] = both<int>();
  for (int i = 0; i < 20; ++i) {
    send(left, i);
    std::vector<UniqueFd> pipes;
    for (int k = 0; k <= i % 3; ++k) pipes.push_back(pipe_with(static_cast<char>('a' + i + k)));
    send_with(left, pipes, 100 + i);
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(receive(right), i);
    auto got = right.receive();
    ASSERT_TRUE(got.has_value()) << got.error().message();
    auto& message = got->as<Incoming<int>>();
    EXPECT_EQ(*message, 100 + i);
    ASSERT_EQ(message.descriptors().size(), static_cast<std::size_t>(i % 3 + 1));
    for (int k = 0; k <= i % 3; ++k) {
      const UniqueFd& fd = message.descriptors()[static_cast<std::size_t>(k)];
      EXPECT_EQ(letter_in(fd), 'a' + i + k);
      EXPECT_EQ(::fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
    }
  }
  send(left, 1);
  auto plain = right.receive();
  ASSERT_TRUE(plain.has_value());
  EXPECT_TRUE(plain->as<Incoming<int>>().descriptors().empty());
}

TEST_F(ChannelTest, MoreThan253DescriptorsAndThoseNotOpenAreRefusedAndNothingIsSentThreads) {
  auto [left, right] = both<int>();
  const UniqueFd pipe = pipe_with('x');
  const std::vector<int> most(passed_descriptors_max, pipe.get());
  ASSERT_TRUE(left.send_with(most, 1).has_value());
  std::vector<int> too_many(passed_descriptors_max + 1, pipe.get());
  EXPECT_EQ(left.send_with(too_many, 2).error().code(), EINVAL);
  EXPECT_EQ(left.send_with(std::array{pipe.get(), 987'654}, 3).error().code(), EBADF);
  send(left, 4);
  auto got = right.receive();
  ASSERT_TRUE(got.has_value()) << got.error().message();
  EXPECT_EQ(got->as<Incoming<int>>().descriptors().size(), passed_descriptors_max);
  EXPECT_EQ(receive(right), 4);
}

TEST_F(ChannelTest, WhoeverCannotTakeAllDescriptorsGetsNoneAndGoesOn) {
  auto listener = listen<int>();
  auto child = test::fork_child([&](test::Ready ready) {
    auto channel = connect<int>();
    ready.say();
    const UniqueFd pipe = pipe_with('x');
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(channel.send_with(std::vector<int>(20, pipe.get()), i).has_value());
    send(channel, 9);
    EXPECT_TRUE(peer_is_gone(channel));
  });
  {
    auto channel = accept(listener);
    child.wait_until_ready();
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const UniqueFd next{::dup(0)};
    const rlimit few{.rlim_cur = static_cast<rlim_t>(next.get() + 10), .rlim_max = before.rlim_max};
    const auto count = test::open_descriptor_count();
    ::setrlimit(RLIMIT_NOFILE, &few);
    std::vector<int> codes;
    for (int i = 0; i < 3; ++i) codes.push_back(channel.receive(Deadline::after(30s)).error().code());
    const auto last = receive(channel);
    ::setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_EQ(codes, (std::vector{EMFILE, EMFILE, EMFILE}));
    EXPECT_EQ(last, 9);
    EXPECT_EQ(test::open_descriptor_count(), count);
  }
  EXPECT_TRUE(child.wait().success());
}

TEST_F(ChannelTest, TooManyOnTheirWayIsToldAndNothingIsSent) {
  GINNEL_REQUIRE_ROOT();
  std::filesystem::permissions(home_, std::filesystem::perms{0755});
  auto listener = listen<int>({.allow = {test::other_uid}});
  auto child = test::fork_child_as(test::other_uid, [&](test::Ready ready) {
    auto channel = connect<int>();
    const rlimit few{.rlim_cur = 64, .rlim_max = 64};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    int sent = 0;
    while (true) {
      auto outcome = channel.send_with(std::vector<int>(20, 0), sent);
      ASSERT_TRUE(outcome.has_value()) << outcome.error().message();
      if (outcome->is<TooManyInFlight>()) break;
      ++sent;
    }
    ready.say(std::to_string(sent));
    ready.wait_for_release();
    ASSERT_TRUE(channel.send_with(std::vector<int>(20, 0), sent)->is<Done>());
    EXPECT_TRUE(peer_is_gone(channel));
  });
  {
    auto channel = accept(listener);
    const int sent = std::stoi(child.next_line());
    EXPECT_GE(sent, 1);
    for (int i = 0; i < sent; ++i) ASSERT_EQ(receive(channel), i);
    child.release();
    EXPECT_EQ(receive(channel), sent);
  }
  EXPECT_TRUE(child.wait().success());
}

// By a descriptor, as event loops do.

TEST_F(ChannelTest, ThePollableDescriptorTellsOfMessagesDescriptorsAndDeaths) {
  auto listener = listen<int>();
  auto child = test::fork_child([&](test::Ready ready) {
    auto channel = connect<int>();
    send(channel, 1);
    ready.say();
    ready.wait_for_release();
    send(channel, 2);
    ready.say();
    ready.wait_for_release();
    const UniqueFd pipe = pipe_with('p');
    send_with(channel, std::span{&pipe, 1}, 3);
    ready.say();
    ready.stay();
  });
  ASSERT_TRUE(test::becomes_readable(listener.pollable(), 30'000));
  auto channel = accept(listener);
  child.wait_until_ready();
  const int fd = must(channel.pollable());
  EXPECT_EQ(must(channel.pollable()), fd);
  const auto drain = [&] {
    std::vector<int> got;
    while (const auto value = receive(channel, Deadline::immediately())) got.push_back(*value);
    return got;
  };
  EXPECT_TRUE(test::becomes_readable(fd, 0)) << "what was there before";
  EXPECT_EQ(drain(), std::vector{1});
  EXPECT_FALSE(test::becomes_readable(fd, 0));
  child.release();
  EXPECT_TRUE(test::becomes_readable(fd, 30'000));
  child.wait_until_ready();
  EXPECT_EQ(drain(), std::vector{2});
  EXPECT_FALSE(test::becomes_readable(fd, 0));
  child.release();
  child.wait_until_ready();
  EXPECT_TRUE(test::becomes_readable(fd, 30'000));
  auto got = channel.receive(Deadline::immediately());
  ASSERT_TRUE(got.has_value() && got->is<Incoming<int>>());
  EXPECT_EQ(letter_in(got->as<Incoming<int>>().descriptors().at(0)), 'p');
  EXPECT_TRUE(drain().empty());
  EXPECT_FALSE(test::becomes_readable(fd, 0));
  child.kill_and_reap(SIGKILL);
  EXPECT_TRUE(test::becomes_readable(fd, 30'000));
  EXPECT_TRUE(channel.receive(Deadline::immediately())->is<PeerGone>());
}

TEST_F(ChannelTest, AnEventLoopMissesNothing) {
  auto listener = listen<int>();
  constexpr int messages = 20'000;
  auto child = test::fork_child([&](test::Ready) {
    auto channel = connect<int>({.capacity = Bytes::kib(64)});
    for (int i = 0; i < messages; ++i) {
      send(channel, i);
      if (i % 7 == 0) {
        ASSERT_EQ(receive(channel), i);
      }
    }
  });
  auto channel = accept(listener);
  const int fd = must(channel.pollable());
  int next = 0;
  while (true) {
    ASSERT_TRUE(test::becomes_readable(fd, 30'000)) << next;
    auto got = must(channel.receive(Deadline::immediately()));
    for (; got.is<Incoming<int>>(); got = must(channel.receive(Deadline::immediately()))) {
      ASSERT_EQ(*got.as<Incoming<int>>(), next);
      if (next % 7 == 0) send(channel, next);
      ++next;
    }
    if (got.is<PeerGone>()) break;
  }
  EXPECT_EQ(next, messages);
  EXPECT_TRUE(child.wait().success());
}

}  // namespace
}  // namespace ginnel
