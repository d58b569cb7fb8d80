#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "ginnel/sys/unix_socket.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"
#include "support/signal_storm.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

std::pair<UnixSeqpacket, UnixSeqpacket> make_pair() { return std::move(*UnixSeqpacket::pair()); }

/// `-` for an empty message, `|` for the end.
std::string next(UnixSeqpacket& socket) {
  std::array<std::byte, 64> buffer{};
  auto got = socket.receive(buffer, Deadline::after(20s));
  if (!got) return errno_name(got.error().code());
  if (got->is<TimedOut>()) return "timed out";
  if (got->is<EndOfStream>()) return "|";
  const std::size_t size = got->as<ReceivedMessage>().bytes;
  return size == 0 ? "-" : std::string{as_text(std::span{buffer}.first(size))};
}

TEST(UnixSeqpacket, KeepsTheBoundariesOfMessagesBetweenProcesses) {
  const test::ScratchDirectory scratch;
  auto listener = UnixListener::listen(UnixType::seqpacket, {scratch.file("s")});
  ASSERT_TRUE(listener);
  auto client = test::fork_child([&](test::Ready) {
    auto socket = UnixSeqpacket::connect({scratch.file("s")});
    ASSERT_TRUE(socket);
    for (const char* message : {"one", "", "three"})
      ASSERT_TRUE(socket->as<UnixSeqpacket>().send(as_bytes(message))->is<Done>());
  });
  auto accepted = listener->accept(Deadline::after(20s));
  ASSERT_TRUE(accepted && accepted->is<UniqueFd>());
  auto server = UnixSeqpacket::adopt(std::move(accepted->as<UniqueFd>()));
  ASSERT_TRUE(server);
  for (const char* expected : {"one", "-", "three", "|", "|"}) EXPECT_EQ(next(*server), expected);
  EXPECT_TRUE(client.wait().success());
}

TEST(UnixSeqpacket, EmptyMessagesAreToldFromTheEndAlsoOnesSentBeforeAdoptionAndBeforeAClose) {
  std::array<int, 2> fds{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()), 0);
  UniqueFd plain{fds[0]};
  for (int i = 0; i < 3; ++i) ASSERT_EQ(::send(plain.get(), "", 0, 0), 0);
  auto socket = UnixSeqpacket::adopt(UniqueFd{fds[1]});
  ASSERT_TRUE(socket);
  for (int i = 0; i < 4; ++i) ASSERT_EQ(::send(plain.get(), "", 0, 0), 0);
  plain.reset();
  for (int i = 0; i < 7; ++i) EXPECT_EQ(next(*socket), "-");
  EXPECT_EQ(next(*socket), "|");
  EXPECT_EQ(next(*socket), "|");
}

TEST(UnixSeqpacket, AnEmptyBufferReceivesEmptyMessagesAndRefusesOthers) {
  auto [left, right] = make_pair();
  ASSERT_TRUE(left.send({}));
  ASSERT_TRUE(left.send(as_bytes("x")));
  EXPECT_EQ(right.receive({})->as<ReceivedMessage>().bytes, 0U);
  EXPECT_EQ(right.receive({}).error().code(), EMSGSIZE);
}

TEST(UnixSeqpacket, AMessageLongerThanTheBufferIsAnErrorThatTellsBothSizes) {
  auto [left, right] = make_pair();
  ASSERT_TRUE(left.send(test::test_pattern(4321)));
  ASSERT_TRUE(left.send(as_bytes("next")));
  std::array<std::byte, 1234> buffer{};
  auto cut = right.receive(buffer);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code(), EMSGSIZE);
  EXPECT_NE(cut.error().message().find("4321"), std::string::npos);
  EXPECT_NE(cut.error().message().find("1234"), std::string::npos);
  EXPECT_EQ(next(right), "next");
}

TEST(UnixSeqpacket, AMessageLargerThanTheSendBufferTellsBothSizesAndTheLargestGoesThrough) {
  auto [left, right] = make_pair();
  int room = 0;
  socklen_t size = sizeof room;
  ASSERT_EQ(::getsockopt(left.pollable(), SOL_SOCKET, SO_SNDBUF, &room, &size), 0);
  const auto largest = test::test_pattern(static_cast<std::size_t>(room) - 32);
  auto refused = left.send(test::test_pattern(largest.size() + 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), EMSGSIZE);
  EXPECT_NE(refused.error().message().find(std::to_string(largest.size() + 1)), std::string::npos);
  EXPECT_NE(refused.error().message().find("(SO_SNDBUF) is " + std::to_string(room)), std::string::npos);

  ASSERT_TRUE(left.send(largest)->is<Done>());
  std::vector<std::byte> received(largest.size());
  EXPECT_EQ(right.receive(received)->as<ReceivedMessage>().bytes, largest.size());
  EXPECT_EQ(received, largest);
}

TEST(UnixSeqpacket, WaitsEndAtTheirDeadline) {
  auto [left, right] = make_pair();
  std::array<std::byte, 2000> buffer{};
  EXPECT_TRUE(right.receive(buffer, Deadline::immediately())->is<TimedOut>());
  const auto before = Deadline::Clock::now();
  EXPECT_TRUE(right.receive(buffer, Deadline::after(20ms))->is<TimedOut>());
  EXPECT_GE(Deadline::Clock::now() - before, 20ms);

  int fitted = 0;
  while (left.send(buffer, Deadline::immediately())->is<Done>()) ++fitted;
  EXPECT_TRUE(left.send(buffer, Deadline::after(20ms))->is<TimedOut>());
  EXPECT_GT(fitted, 0);
  for (int i = 0; i < fitted; ++i) EXPECT_TRUE(right.receive(buffer, Deadline::immediately())->is<ReceivedMessage>());
  EXPECT_TRUE(right.receive(buffer, Deadline::immediately())->is<TimedOut>());
}

TEST(UnixSeqpacket, PeerKilledGivesTheRestThenTheResetThenTheEndAndTakesNothingMore) {
  ASSERT_EQ(std::signal(SIGPIPE, SIG_DFL), SIG_DFL);
  for (const bool unread : {false, true}) {
    auto [mine, theirs] = make_pair();
    auto peer = test::fork_child([&](test::Ready ready) {
      {
        const UnixSeqpacket closed = std::move(mine);
      }
      ASSERT_TRUE(theirs.send(as_bytes("last")));
      ASSERT_TRUE(theirs.send({}));
      ready.say();
      ready.stay();
    });
    {
      const UnixSeqpacket closed = std::move(theirs);
    }
    peer.wait_until_ready();
    if (unread) {
      ASSERT_TRUE(mine.send(as_bytes("never read")));
    }
    peer.kill_and_reap(SIGKILL);
    EXPECT_EQ(next(mine), "last");
    EXPECT_EQ(next(mine), "-");
    if (unread) {
      EXPECT_EQ(next(mine), "ECONNRESET");
    }
    EXPECT_EQ(next(mine), "|");
    EXPECT_TRUE(mine.send(as_bytes("nobody"))->is<PeerGone>());
  }
}

TEST(UnixSeqpacket, SignalStormLosesAndDoublesNoMessage) {
  auto [left, right] = make_pair();
  constexpr std::uint32_t messages = 20'000;
  auto sender = test::fork_child([&](test::Ready) {
    {
      const UnixSeqpacket closed = std::move(right);
    }
    const test::SignalStorm storm;
    for (std::uint32_t i = 0; i < messages; ++i) {
      const auto message = test::test_pattern(i % 50, i);
      auto sent = left.send(message);
      ASSERT_TRUE(sent && sent->is<Done>());
    }
  });
  {
    const UnixSeqpacket closed = std::move(left);
  }
  const test::SignalStorm storm;
  std::array<std::byte, 64> buffer{};
  for (std::uint32_t i = 0; i < messages; ++i) {
    auto got = right.receive(buffer);
    ASSERT_TRUE(got && got->is<ReceivedMessage>()) << i;
    const auto expected = test::test_pattern(i % 50, i);
    ASSERT_EQ(got->as<ReceivedMessage>().bytes, expected.size());
    ASSERT_TRUE(std::equal(expected.begin(), expected.end(), buffer.begin()));
  }
  EXPECT_EQ(next(right), "|");
  EXPECT_GT(test::SignalStorm::handled(), 0);
  EXPECT_TRUE(sender.wait().success());
}

TEST(UnixDatagram, CarriesMessagesOfSeveralSendersAndRemovesItsPath) {
  const test::ScratchDirectory scratch;
  {
    auto receiver = UnixDatagram::bind({scratch.file("d")});
    ASSERT_TRUE(receiver) << receiver.error().message();
    std::vector<test::ChildProcess> senders;
    for (int i = 0; i < 4; ++i) {
      senders.push_back(test::fork_child([&](test::Ready) {
        auto sender = UnixDatagram::connect({scratch.file("d")});
        ASSERT_TRUE(sender) << sender.error().message();
        for (int n = 0; n < 50; ++n) {
          ASSERT_TRUE(sender->send(as_bytes("hello"))->is<Done>());  // waits while the queue is full
          ASSERT_TRUE(sender->send({})->is<Done>());
        }
      }));
    }
    std::array<std::byte, 16> buffer{};
    int full = 0;
    int empty = 0;
    for (int i = 0; i < 400; ++i) {
      auto got = receiver->receive(buffer, Deadline::after(20s));
      ASSERT_TRUE(got && got->is<ReceivedMessage>());
      ++(got->as<ReceivedMessage>().bytes == 5 ? full : empty);
    }
    EXPECT_EQ(full, 200);
    EXPECT_EQ(empty, 200);
    for (auto& sender : senders) EXPECT_TRUE(sender.wait().success());
    EXPECT_EQ(receiver->send(as_bytes("to whom?")).error().code(), ENOTCONN);
  }
  EXPECT_NE(::access(scratch.file("d").c_str(), F_OK), 0);
}

TEST(UnixDatagram, AFullQueueBlocksUntilTheDeadline) {
  const test::ScratchDirectory scratch;
  auto receiver = UnixDatagram::bind({scratch.file("d")});
  auto sender = UnixDatagram::connect({scratch.file("d")});
  ASSERT_TRUE(receiver && sender);
  int fitted = 0;
  while (sender->send(as_bytes("x"), Deadline::immediately())->is<Done>()) ++fitted;
  EXPECT_GT(fitted, 0);
  const auto before = Deadline::Clock::now();
  EXPECT_TRUE(sender->send(as_bytes("x"), Deadline::after(20ms))->is<TimedOut>());
  EXPECT_GE(Deadline::Clock::now() - before, 20ms);
  std::array<std::byte, 4> buffer{};
  for (int i = 0; i < fitted; ++i)
    ASSERT_TRUE(receiver->receive(buffer, Deadline::immediately())->is<ReceivedMessage>());
  EXPECT_TRUE(receiver->receive(buffer, Deadline::immediately())->is<TimedOut>());
}

TEST(UnixDatagram, AReceiverThatHasClosedIsGoneAndStaysGone) {
  const test::ScratchDirectory scratch;
  auto receiver = UnixDatagram::bind({scratch.file("d")});
  auto sender = UnixDatagram::connect({scratch.file("d")});
  auto pair = UnixDatagram::pair();
  ASSERT_TRUE(receiver && sender && pair);
  {
    const UnixDatagram closed = std::move(*receiver);
  }
  {
    const UnixDatagram closed = std::move(pair->second);
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(sender->send(as_bytes("x"))->is<PeerGone>()) << i;
    EXPECT_TRUE(pair->first.send(as_bytes("x"))->is<PeerGone>()) << i;
  }
}

TEST(UnixDatagram, TooLongMessagesTellBothSizesAndAllowListsAreRefused) {
  auto pair = UnixDatagram::pair();
  ASSERT_TRUE(pair);
  ASSERT_TRUE(pair->first.send(as_bytes("seven b")));
  std::array<std::byte, 3> buffer{};
  auto cut = pair->second.receive(buffer);
  EXPECT_EQ(cut.error().code(), EMSGSIZE);
  EXPECT_NE(cut.error().message().find("7 bytes and the buffer has 3"), std::string::npos);

  const test::ScratchDirectory scratch;
  ListenOptions options;
  options.allow_uids = {0};
  EXPECT_EQ(UnixDatagram::bind({scratch.file("d")}, options).error().code(), EOPNOTSUPP);
}

}  // namespace
}  // namespace ginnel
