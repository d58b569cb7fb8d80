#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "ginnel/sys/fifo.hpp"
#include "ginnel/sys/pipe.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"
#include "support/signal_storm.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

Pipe make_pipe(PipeOptions options = {}) {
  auto pipe = Pipe::create(options);
  EXPECT_TRUE(pipe) << pipe.error().message();
  return std::move(*pipe);
}

/// A message that shows who sent it, as which, and that all of it is his: filled with one byte, of a length that varies.
struct Stamp {
  std::uint32_t writer;
  std::uint32_t number;
};

std::vector<std::byte> stamped(Stamp stamp) {
  const std::size_t size = std::min(sizeof stamp + (stamp.number * 389 + stamp.writer * 61) % 4096, fifo_message_max);
  std::vector<std::byte> message(size, static_cast<std::byte>(stamp.writer * 7 + stamp.number));
  std::memcpy(message.data(), &stamp, sizeof stamp);
  return message;
}

TEST(FifoMessages, OfThirtyTwoWritersArriveWholeInEachWritersOrderAndAreAllThere) {
  constexpr std::uint32_t writers = 32;
  constexpr std::uint32_t messages_each = 120;
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("fifo");
  ASSERT_TRUE(create_fifo(path));
  auto opened = open_fifo_reader(path);
  ASSERT_TRUE(opened);
  FifoMessageReader reader{std::move(*opened)};

  std::vector<test::ChildProcess> children;
  for (std::uint32_t writer = 0; writer < writers; ++writer)
    children.push_back(test::fork_child([&](test::Ready ready) {
      auto fifo = open_fifo_writer(path);
      ASSERT_TRUE(fifo && fifo->is<UniqueFd>());
      ready.say();
      ready.wait_for_release();
      for (std::uint32_t number = 0; number < messages_each; ++number) {
        auto sent = send_message(fifo->as<UniqueFd>().get(), stamped({writer, number}));
        ASSERT_TRUE(sent && sent->is<Done>());
      }
    }));
  for (auto& child : children) child.wait_until_ready();
  for (auto& child : children) child.release();

  const test::SignalStorm storm;
  std::array<std::uint32_t, writers> next{};
  std::size_t received = 0;
  while (true) {
    auto got = reader.receive(Deadline::after(30s));
    ASSERT_TRUE(got) << got.error().message();
    if (got->is<EndOfStream>()) break;
    const auto* message = got->get_if<std::vector<std::byte>>();
    ASSERT_NE(message, nullptr) << "timed out";
    Stamp stamp{};
    ASSERT_GE(message->size(), sizeof stamp);
    std::memcpy(&stamp, message->data(), sizeof stamp);
    ASSERT_LT(stamp.writer, writers);
    ASSERT_EQ(stamp.number, next[stamp.writer]);
    ASSERT_TRUE(*message == stamped(stamp)) << "torn";
    ++next[stamp.writer];
    ++received;
  }
  EXPECT_EQ(received, std::size_t{writers} * messages_each);
  for (auto& child : children) EXPECT_TRUE(child.wait().success());
}

TEST(FifoMessages, CarryEmptyAndLargestOnesAndRefuseLargerOnes) {
  Pipe pipe = make_pipe();
  FifoMessageReader reader{std::move(pipe.read_end)};
  const int fd = pipe.write_end.get();
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, fifo_message_max - 1, fifo_message_max}) {
    const auto message = test::test_pattern(size);
    ASSERT_TRUE(send_message(fd, message)->is<Done>());
    auto got = reader.receive();
    ASSERT_TRUE(got && got->is<std::vector<std::byte>>());
    EXPECT_TRUE(got->as<std::vector<std::byte>>() == message);
  }
  auto refused = send_message(fd, test::test_pattern(fifo_message_max + 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), EMSGSIZE);
  EXPECT_EQ(pipe_bytes_waiting(reader.pollable())->count(), 0U) << "nothing of it was sent";
}

TEST(FifoMessages, AreSentWholeOrNotAtAllWhenTheDeadlineMeetsAFullPipe) {
  for (const bool nonblocking : {false, true}) {
    Pipe pipe = make_pipe({.nonblocking = nonblocking});
    FifoMessageReader reader{std::move(pipe.read_end)};
    const auto message = test::test_pattern(3000);
    std::size_t sent = 0;
    while (true) {
      auto outcome = send_message(pipe.write_end.get(), message, Deadline::after(5ms));
      ASSERT_TRUE(outcome);
      if (outcome->is<TimedOut>()) break;
      ++sent;
    }
    EXPECT_GT(sent, 0U);
    pipe.write_end.reset();
    for (std::size_t i = 0; i < sent; ++i) {
      auto got = reader.receive();
      ASSERT_TRUE(got && got->is<std::vector<std::byte>>());
      EXPECT_TRUE(got->as<std::vector<std::byte>>() == message);
    }
    EXPECT_TRUE(reader.receive()->is<EndOfStream>());
  }
}

TEST(FifoMessages, WaitWithADeadlineAndKeepWhatHasComeOfTheNextOne) {
  Pipe pipe = make_pipe();
  FifoMessageReader reader{std::move(pipe.read_end)};
  EXPECT_TRUE(reader.receive(Deadline::after(10ms))->is<TimedOut>());
  const std::uint32_t length = 4;
  ASSERT_TRUE(write_all(pipe.write_end.get(), std::as_bytes(std::span{&length, 1})));
  ASSERT_TRUE(write_all(pipe.write_end.get(), as_bytes("ha")));
  EXPECT_TRUE(reader.receive(Deadline::after(10ms))->is<TimedOut>());
  ASSERT_TRUE(write_all(pipe.write_end.get(), as_bytes("lf")));
  EXPECT_EQ(as_text(reader.receive()->as<std::vector<std::byte>>()), "half");
}

TEST(FifoMessages, AForeignOrCutStreamIsAnErrorNotAMessage) {
  Pipe cut = make_pipe();
  const std::uint32_t length = 100;
  ASSERT_TRUE(write_all(cut.write_end.get(), std::as_bytes(std::span{&length, 1})));
  ASSERT_TRUE(write_all(cut.write_end.get(), as_bytes("the writer was killed here")));
  cut.write_end.reset();
  FifoMessageReader of_cut{std::move(cut.read_end)};
  EXPECT_EQ(of_cut.receive().error().code(), EPROTO);

  Pipe foreign = make_pipe();
  ASSERT_TRUE(write_all(foreign.write_end.get(), as_bytes("plain text from echo\n")));
  FifoMessageReader of_foreign{std::move(foreign.read_end)};
  EXPECT_EQ(of_foreign.receive().error().code(), EPROTO);
}

}  // namespace
}  // namespace ginnel
