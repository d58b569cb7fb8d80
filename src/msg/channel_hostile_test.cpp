#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <random>
#include <thread>

#include "channel_link.hpp"
#include "ginnel/msg/channel.hpp"
#include "ginnel/sys/ancillary.hpp"
#include "ginnel/sys/eventfd.hpp"
#include "support/child_process.hpp"
#include "support/hand_made_peer.hpp"
#include "support/messaging_test.hpp"
#include "support/scratch.hpp"

// Peers that speak the protocol by hand, and wrongly. Whatever they do costs them their own channel, and us nothing: no crash, no wait
// beyond a deadline, no descriptor.

namespace ginnel {
namespace {

using namespace std::chrono_literals;
using namespace ginnel::detail;
using namespace ginnel::hand_made;

class HostileTest : public test::MessagingTest {
 protected:
  const std::string path_ = home_ + "/socket";

  template <class T = std::uint64_t>
  [[nodiscard]] ChannelListener<T> listen(const ChannelListenOptions& options = {}) const {
    return must(ChannelListener<T>::listen(path_, options));
  }
  [[nodiscard]] UniqueFd raw_connection() const {
    auto connected = must(UnixSeqpacket::connect(UnixAddress{path_}));
    return std::move(connected.as<UnixSeqpacket>()).release();
  }
  /// What the listener says of a peer that begins like this; 0 when it let it in.
  [[nodiscard]] int verdict_on(const ChannelHello& hello, const std::vector<UniqueFd>& descriptors) const {
    auto listener = listen();
    const UniqueFd socket = raw_connection();
    send_raw(socket.get(), hello, descriptors);
    return verdict_of(listener);
  }
  [[nodiscard]] static int verdict_of(ChannelListener<std::uint64_t>& listener) {
    const auto accepted = must(listener.accept(Deadline::after(30s)));
    const auto* away = accepted.get_if<TurnedAway>();
    return away == nullptr ? 0 : away->why.code();
  }
};

TEST_F(HostileTest, AGoodBeginningIsLetIn) { EXPECT_EQ(verdict_on(good_hello(), with_memory(memory())), 0); }

TEST_F(HostileTest, MemoryThatIsNotSealedOrNotOfTheRightSizeIsRefused) {
  EXPECT_EQ(verdict_on(good_hello(), with_memory(memory(Seals::none))), EPERM);
  EXPECT_EQ(verdict_on(good_hello(), with_memory(memory(Seals::shrink | Seals::grow))), EPERM);
  EXPECT_EQ(verdict_on(good_hello(), with_memory(memory(Seals::shrink | Seals::future_write))), EPERM);
  EXPECT_EQ(verdict_on(good_hello(), with_memory(memory(Seals::grow | Seals::future_write))), EPERM);
  EXPECT_EQ(verdict_on(good_hello(), with_memory(memory(good_seals, page_bytes))), EBADMSG);
  EXPECT_EQ(verdict_on(good_hello(), with_memory(memory(good_seals, capacity))), EBADMSG);
  EXPECT_EQ(verdict_on(good_hello(), with_memory(memory(good_seals, 2 * capacity))), EFBIG);
  EXPECT_EQ(verdict_on(good_hello(), with_memory(sparse_memory(std::uint64_t{1} << 40U))), EFBIG);
  EXPECT_EQ(verdict_on(good_hello(), with_memory(sparse_memory(page_bytes + capacity))), ENODATA);
}

TEST_F(HostileTest, WhatIsNoMemoryOrNoProcessIsRefused) {
  EXPECT_EQ(verdict_on(good_hello(), with_memory(opened("/proc/self/exe", O_RDONLY))), EINVAL);
  EXPECT_EQ(verdict_on(good_hello(), with_memory(opened("/", O_RDONLY))), EINVAL);
  EXPECT_EQ(verdict_on(good_hello(), with_memory(opened("/dev/zero", O_RDWR))), EINVAL);
  EXPECT_EQ(verdict_on(good_hello(), with_memory(this_process())), EINVAL);
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const UniqueFd write_end{pipe[1]};
  EXPECT_EQ(verdict_on(good_hello(), with_memory(UniqueFd{pipe[0]})), EINVAL);
  EXPECT_EQ(verdict_on(good_hello(), both_of(memory(), memory())), EBADMSG);
  EXPECT_EQ(verdict_on(good_hello(), both_of(memory(), opened("/dev/null", O_RDONLY))), EBADMSG);
}

TEST_F(HostileTest, TooFewOrTooManyDescriptorsAreRefusedAndClosed) {
  EXPECT_EQ(verdict_on(good_hello(), {}), EBADMSG);
  auto three = with_memory(memory());
  three.push_back(memory());
  EXPECT_EQ(verdict_on(good_hello(), three), EBADMSG);
  three.pop_back();
  three.pop_back();
  EXPECT_EQ(verdict_on(good_hello(), three), EBADMSG);
}

TEST_F(HostileTest, ShapesThatCannotBeAreRefused) {
  for (const std::uint64_t odd : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{65535}, std::uint64_t{32768},
                                  std::uint64_t{1} << 31U, std::uint64_t{1} << 63U, ~std::uint64_t{0}}) {
    ChannelHello hello = good_hello();
    hello.capacity = odd;
    EXPECT_EQ(verdict_on(hello, with_memory(memory())), EBADMSG) << odd;
    hello = good_hello();
    hello.alignment = odd;
    EXPECT_EQ(verdict_on(hello, with_memory(memory())), EBADMSG) << odd;
  }
}

TEST_F(HostileTest, WordsThatAreNoneOfOursAreRefused) {
  ChannelHello hello = good_hello();
  hello.start.magic[0] = 'X';
  EXPECT_EQ(verdict_on(hello, with_memory(memory())), EBADMSG);
  hello = good_hello();
  hello.start.version = 9;
  EXPECT_EQ(verdict_on(hello, with_memory(memory())), EBADMSG);
  hello = good_hello();
  hello.sends.name.fill('\x1b');
  hello.sends.name_hash = 1;
  EXPECT_EQ(verdict_on(hello, with_memory(memory())), EPROTOTYPE);

  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{16}, std::size_t{5000}}) {
    auto listener = listen();
    const UniqueFd socket = raw_connection();
    send_raw(socket.get(), std::span<const std::byte>{std::vector<std::byte>(size)}, with_memory(memory()));
    EXPECT_EQ(verdict_of(listener), size == 5000 ? EMSGSIZE : EBADMSG);
  }
}

TEST_F(HostileTest, AStrangersNameDoesNotReachATerminal) {
  auto listener = listen();
  const UniqueFd socket = raw_connection();
  ChannelHello hello = good_hello();
  hello.sends.name.fill('\x1b');
  hello.sends.name_hash = 1;
  send_raw(socket.get(), hello, with_memory(memory()));
  const auto accepted = must(listener.accept(Deadline::after(30s)));
  ASSERT_TRUE(accepted.is<TurnedAway>());
  EXPECT_EQ(accepted.as<TurnedAway>().why.message().find('\x1b'), std::string::npos);
}

TEST_F(HostileTest, WhoClosesBeforeItSaysAnythingIsForgotten) {
  auto listener = listen();
  {
    const UniqueFd socket = raw_connection();
  }
  EXPECT_EQ(verdict_of(listener), ECONNRESET);
}

TEST_F(HostileTest, WhoSaysNothingHoldsNobodyUpAndIsTurnedAwayInTheEnd) {
  auto listener = listen();
  const UniqueFd silent = raw_connection();
  auto child = test::fork_child([&](test::Ready ready) {
    auto channel = must(Channel<std::uint64_t>::connect(path_));
    ready.say();
    ready.stay();
  });
  EXPECT_EQ(verdict_of(listener), 0);
  EXPECT_EQ(verdict_of(listener), ETIMEDOUT);
}

TEST_F(HostileTest, ACrowdThatSaysNothingIsTurnedAwayWithoutWaiting) {
  auto listener = listen({.backlog = 200});
  std::vector<UniqueFd> crowd;
  for (int i = 0; i < 100; ++i) crowd.push_back(raw_connection());
  send_raw(crowd.back().get(), good_hello(), with_memory(memory()));
  int turned_away = 0;
  while (verdict_of(listener) == ETIMEDOUT) ++turned_away;
  EXPECT_GE(turned_away, 36);
}

// As a server.

class HostileServerTest : public HostileTest {
 protected:
  /// What a client says of a server that does this to its connection.
  [[nodiscard]] Error error_with(const std::function<void(int)>& serve) const {
    auto listener = must(UnixListener::listen(UnixType::seqpacket, UnixAddress{path_}));
    std::thread serving{[&] {
      auto accepted = must(listener.accept(Deadline::after(30s)));
      std::array<std::byte, sizeof(ChannelHello)> buffer{};
      static_cast<void>(receive_descriptors(accepted.as<UniqueFd>().get(), buffer, Deadline::after(30s)));
      serve(accepted.as<UniqueFd>().get());
    }};
    auto connected = Channel<std::uint64_t>::connect(path_);
    serving.join();
    return connected ? Error{0, "connected"} : connected.error();
  }
};

TEST_F(HostileServerTest, WhateverItAnswersTheClientIsToldWhyThreads) {
  EXPECT_EQ(error_with([](int) {}).code(), ECONNRESET);
  EXPECT_EQ(error_with([](int socket) { send_raw(socket, std::uint64_t{7}); }).code(), EBADMSG);
  EXPECT_EQ(error_with([](int socket) { send_raw(socket, good_hello()); }).code(), EBADMSG);
  EXPECT_EQ(error_with([](int socket) { send_raw(socket, good_hello(), with_memory(memory(Seals::none))); }).code(),
            EPERM);
  ChannelHello refusal = good_hello();
  refusal.refusal = ENOSPC;
  const Error refused = error_with([&](int socket) { send_raw(socket, refusal); });
  EXPECT_EQ(refused.code(), ENOSPC);
  EXPECT_NE(refused.hint().find("the other side"), std::string::npos);
  EXPECT_EQ(error_with([](int socket) { send_raw(socket, good_hello(), with_memory(memory())); }).code(), 0);
}

// Once it is let in.

/// The hostile end of a channel, with its memory at hand.
struct HostilePeer {
  UniqueFd socket;
  MirroredMapping own;
  MirroredMapping theirs;

  [[nodiscard]] ChannelPage& page() const { return *reinterpret_cast<ChannelPage*>(own.head()); }
  [[nodiscard]] std::atomic_ref<std::uint64_t> word(std::uint64_t offset) const { return word_at(own.body(), offset); }
};

template <class T>
class HostilePeerOf : public HostileTest {
 protected:
  void SetUp() override {
    HostileTest::SetUp();
    auto listener = listen<T>({.capacity = Bytes{capacity}, .waiting = Waiting::sleeping});
    peer_.socket = raw_connection();
    const UniqueFd own = [] {
      auto made = must(Memfd::create("hostile", Bytes{page_bytes + capacity}));
      return std::move(made).release();
    }();
    peer_.own = must(MirroredMapping::map(own.get(), Bytes{page_bytes}, Bytes{capacity}, FileAccess::read_write));
    ASSERT_EQ(::fcntl(own.get(), F_ADD_SEALS, static_cast<int>(good_seals)), 0);
    send_raw(peer_.socket.get(), good_hello<T>(), with_memory(UniqueFd{::fcntl(own.get(), F_DUPFD_CLOEXEC, 0)}));
    auto accepted = must(listener.accept(Deadline::after(30s)));
    channel_ = std::make_unique<Channel<T>>(std::move(accepted.template as<Channel<T>>()));
    std::array<std::byte, sizeof(ChannelHello)> buffer{};
    auto answer = must(receive_descriptors(peer_.socket.get(), buffer, Deadline::after(30s)));
    auto& fds = answer.as<ReceivedWithDescriptors>().descriptors;
    ASSERT_EQ(fds.size(), 2U);
    EXPECT_FALSE(
        MirroredMapping::map(fds[0].get(), Bytes{page_bytes}, Bytes{capacity}, FileAccess::read_write).has_value())
        << "nobody else writes our memory";
    EXPECT_NE(::ftruncate(fds[0].get(), 0), 0);
    EXPECT_LT(::write(fds[0].get(), "x", 1), 0);
    peer_.theirs = must(MirroredMapping::map(fds[0].get(), Bytes{page_bytes}, Bytes{capacity}, FileAccess::read_only));
  }
  void TearDown() override {
    channel_.reset();
    peer_ = {};
    HostileTest::TearDown();
  }
  void expect_broken() {
    for (int i = 0; i < 2; ++i) {
      const auto received = channel_->receive(Deadline::after(30s));
      ASSERT_FALSE(received.has_value());
      EXPECT_EQ(received.error().code(), EBADMSG) << received.error().message();
    }
    EXPECT_TRUE(peer_has_closed(peer_.socket.get())) << "it is told";
  }
  void send_note(ChannelNote::Kind kind, std::uint64_t number, const std::vector<UniqueFd>& descriptors = {}) {
    send_raw(peer_.socket.get(), ChannelNote{.kind = static_cast<std::uint32_t>(kind), .reserved = 0, .number = number},
             descriptors);
  }
  HostilePeer peer_;
  std::unique_ptr<Channel<T>> channel_;
};
using HostilePeerTest = HostilePeerOf<std::uint64_t>;
using HostilePeerOfSequencesTest = HostilePeerOf<std::byte[]>;

TEST_F(HostilePeerOfSequencesTest, LengthsBeyondTheRingBreakTheChannel) {
  for (const std::uint64_t word : {~std::uint64_t{0}, std::uint64_t{0x7fff'ffff}, std::uint64_t{0xffff'fff0},
                                   RecordWord::pack(capacity / 4 - 7, 0)}) {
    peer_.word(0).store(word);
    expect_broken();
    TearDown();
    SetUp();
  }
  peer_.word(0).store(RecordWord::pack(capacity / 4 - 8, 0));
  EXPECT_TRUE(channel_->receive(Deadline::after(30s))->is<Incoming<std::byte[]>>());
}

TEST_F(HostilePeerTest, AGoodRecordIsReceived) {
  peer_.word(8).store(77);
  peer_.word(0).store(RecordWord::pack(8, 0));
  const auto got = channel_->receive(Deadline::after(30s));
  ASSERT_TRUE(got.has_value() && got->is<Incoming<std::uint64_t>>());
  EXPECT_EQ(*got->as<Incoming<std::uint64_t>>(), 77U);
}

TEST_F(HostilePeerTest, LengthsThatCannotBeBreakTheChannel) {
  for (const std::uint64_t word : {~std::uint64_t{0}, std::uint64_t{1} << 32U, std::uint64_t{0x8000'0000},
                                   std::uint64_t{0x7fff'ffff}, RecordWord::pack(capacity / 4 - 7, 0)}) {
    if (word != ~std::uint64_t{0}) {
      TearDown();
      SetUp();
    }
    peer_.word(0).store(word);
    expect_broken();
  }
}

TEST_F(HostilePeerTest, AMessageOfAnotherSizeThanItsTypeBreaksTheChannel) {
  peer_.word(0).store(RecordWord::pack(4, 0));
  expect_broken();
}

TEST_F(HostilePeerTest, RecordsWithoutEndAreNoOverread) {
  for (std::uint64_t offset = 0; offset < capacity; offset += 8) peer_.word(offset).store(RecordWord::pack(8, 0));
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(channel_->receive(Deadline::after(30s))->is<Incoming<std::uint64_t>>());
}

TEST_F(HostilePeerTest, CursorsThatCannotBeBreakTheChannel) {
  const auto fill = [&] {
    while (true) {
      const auto sent = channel_->send(1, Deadline::after(1ms));
      if (!sent) return sent.error().code();
      if (!sent->is<Done>()) return 0;
    }
  };
  peer_.page().cursor.store(std::uint64_t{1} << 40U);
  EXPECT_EQ(fill(), EBADMSG);
  expect_broken();
  TearDown();
  SetUp();
  EXPECT_EQ(fill(), 0);
  peer_.page().cursor.store(16);
  EXPECT_TRUE(channel_->send(1, Deadline::after(30s))->is<Done>());
  peer_.page().cursor.store(0);
  EXPECT_EQ(fill(), EBADMSG);
}

TEST_F(HostilePeerTest, AfterRubbishNothingIsReceivedWhateverItGoesOnToWrite) {
  peer_.word(0).store(~std::uint64_t{0});
  expect_broken();
  for (std::uint64_t offset = 0; offset < capacity; offset += 8) peer_.word(offset).store(RecordWord::pack(8, 0));
  expect_broken();
  // What is sent ends with the room that it has already, an eighth of the ring at the most.
  const auto send_all = [&] {
    for (std::uint64_t i = 0; i < capacity / 16; ++i)
      if (const auto sent = channel_->send(i, Deadline::immediately()); !sent) return sent.error().code();
    return 0;
  };
  EXPECT_EQ(send_all(), EBADMSG);
  EXPECT_EQ(channel_->send(1, Deadline::immediately()).error().code(), EBADMSG);
}

TEST_F(HostilePeerOfSequencesTest, AfterAWrongCursorNothingIsSentNorReceivedForLong) {
  const std::vector<std::byte> longer(4096);
  peer_.page().cursor.store(std::uint64_t{1} << 40U);
  while (channel_->send(longer, Deadline::immediately())) continue;
  peer_.page().cursor.store(0);
  EXPECT_EQ(channel_->send(std::vector<std::byte>(1), Deadline::immediately()).error().code(), EBADMSG)
      << "though there is room for a short one";
  for (std::uint64_t offset = 0; offset < capacity; offset += 8) peer_.word(offset).store(RecordWord::pack(0, 0));
  int received = 0;
  while (channel_->receive(Deadline::immediately()) && received < 100'000) ++received;
  EXPECT_LE(received, capacity / 8 / 8 + 1);
  expect_broken();
}

TEST_F(HostilePeerTest, WhoBrokeTheProtocolIsNamed) {
  peer_.word(0).store(~std::uint64_t{0});
  const std::string message = channel_->receive(Deadline::after(30s)).error().message();
  EXPECT_NE(message.find("channel:" + path_), std::string::npos) << message;
  EXPECT_NE(message.find("process " + std::to_string(::getpid())), std::string::npos) << message;
}

TEST_F(HostilePeerTest, DescriptorsThatDoNotComeBreakTheChannel) {
  peer_.word(0).store(RecordWord::pack(8 | RecordWord::accompanied, 0));
  expect_broken();
}

TEST_F(HostilePeerTest, DescriptorsOfAnotherMessageBreakTheChannel) {
  send_note(ChannelNote::Kind::descriptors, 5, with_memory(memory()));
  peer_.word(0).store(RecordWord::pack(8 | RecordWord::accompanied, 0));
  expect_broken();
}

TEST_F(HostilePeerTest, DescriptorsWithoutMessagesFillNothing) {
  const int fd = must(channel_->pollable());
  for (int i = 0; i < 10; ++i) send_note(ChannelNote::Kind::descriptors, 0, with_memory(memory()));
  const auto count = test::open_descriptor_count();
  EXPECT_TRUE(test::becomes_readable(fd, 0));
  const auto got = channel_->receive(Deadline::immediately());
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code(), EBADMSG);
  EXPECT_LE(test::open_descriptor_count(), count + 4);
}

TEST_F(HostilePeerTest, NotesThatAreNoneOfOursBreakTheChannel) {
  static_cast<void>(must(channel_->pollable()));
  send_note(ChannelNote::Kind{77}, 0);
  EXPECT_EQ(channel_->receive(Deadline::immediately()).error().code(), EBADMSG);
  TearDown();
  SetUp();
  static_cast<void>(must(channel_->pollable()));
  send_raw(peer_.socket.get(), std::array<std::byte, 100>{});
  EXPECT_EQ(channel_->receive(Deadline::immediately()).error().code(), EBADMSG);
}

TEST_F(HostilePeerTest, KnocksAndWakesWithoutAReasonDoNothing) {
  static_cast<void>(must(channel_->pollable()));
  for (int i = 0; i < 200; ++i) send_note(ChannelNote::Kind::knock, 0);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(channel_->receive(Deadline::immediately())->is<TimedOut>());
  for (std::uint32_t i = 1; i < 1000; ++i) {
    peer_.page().attentive.store(1);
    peer_.page().sleeping.store(i);
    peer_.page().watching.store(i * 7);
    peer_.page().waiting.store(i);
    ASSERT_TRUE(channel_->send(i, Deadline::after(1ms))->is<Done>());
  }
}

TEST_F(HostilePeerTest, WhoClosesItsSocketOrSaysThatItHasIsGone) {
  peer_.page().closed.store(1);
  EXPECT_TRUE(channel_->receive(Deadline::after(30s))->is<PeerGone>());
  EXPECT_TRUE(channel_->send(1, Deadline::after(30s))->is<PeerGone>());
  TearDown();
  SetUp();
  end_connection(peer_.socket.get());
  EXPECT_TRUE(channel_->receive(Deadline::after(30s))->is<PeerGone>());
}

/// Words that change at any time, from another thread as from another process: every outcome is allowed but a crash or a hang.
TEST_F(HostilePeerTest, RandomWordsAtAnyTimeDoNoHarmThreads) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::atomic<bool> over{false};
    std::thread scribbling{[&] {
      std::mt19937_64 random{seed};
      const auto scribble_word = [&](std::uint64_t value) {
        peer_.word(random() % capacity / 8 * 8).store(random() % 8 != 0 ? RecordWord::pack(8, 0) : value);
      };
      while (!over.load(std::memory_order_relaxed)) {
        const std::uint64_t value = random() >> (random() % 64);
        const auto half = static_cast<std::uint32_t>(value);
        switch (random() % (seed % 2 == 0 ? 8 : 5)) {
          case 0:
            peer_.page().sleeping.store(half);
            break;
          case 1:
            peer_.page().attentive.store(half % 2);
            break;
          case 2:
            peer_.page().waiting.store(half);
            break;
          case 3:
            peer_.page().watching.store(half);
            break;
          case 7:
            peer_.page().cursor.store(value);
            break;
          default:
            scribble_word(value);
        }
      }
    }};
    for (int i = 0; i < 300; ++i) {
      static_cast<void>(channel_->receive(Deadline::after(20us)));
      static_cast<void>(channel_->send(1, Deadline::after(20us)));
    }
    over.store(true);
    scribbling.join();
    TearDown();
    SetUp();
  }
}

}  // namespace
}  // namespace ginnel
