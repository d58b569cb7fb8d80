#include "ginnel/sys/pipe.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <array>
#include <csignal>

#include "support/child_process.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

Pipe make_pipe(PipeOptions options = {}) {
  auto pipe = Pipe::create(options);
  EXPECT_TRUE(pipe) << pipe.error().message();
  return std::move(*pipe);
}

TEST(Pipe, CarriesWhatAnotherProcessWritesInOrderAndThenEnds) {
  Pipe pipe = make_pipe();
  const auto sent = test::test_pattern(300'000);
  auto writer = test::fork_child([&](test::Ready) {
    pipe.read_end.reset();
    auto wrote = write_all(pipe.write_end.get(), sent);
    ASSERT_TRUE(wrote);
    EXPECT_EQ(wrote->bytes, sent.size());
  });
  pipe.write_end.reset();

  std::vector<std::byte> received(sent.size() + 1);
  auto got = read_all(pipe.read_end.get(), received);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->bytes, sent.size());
  EXPECT_EQ(got->end, Transfer::End::end_of_stream);
  received.resize(got->bytes);
  EXPECT_EQ(received, sent);
  EXPECT_TRUE(writer.wait().success());
}

TEST(Pipe, PacketModeKeepsTheBoundariesOfWrites) {
  Pipe pipe = make_pipe({.packets = true});
  ASSERT_TRUE(write_some(pipe.write_end.get(), as_bytes("one")));
  ASSERT_TRUE(write_some(pipe.write_end.get(), as_bytes("three")));

  std::array<std::byte, 4096> buffer{};
  for (const std::string_view expected : {"one", "three"}) {
    auto got = read_some(pipe.read_end.get(), buffer);
    ASSERT_TRUE(got && got->is<BytesRead>());
    EXPECT_EQ(as_text(std::span{buffer}.first(got->as<BytesRead>().count)), expected);
  }
}

TEST(Pipe, WritingAfterTheReaderWasKilledSaysPeerGoneAndRaisesNoSignal) {
  ASSERT_EQ(std::signal(SIGPIPE, SIG_DFL), SIG_DFL);
  Pipe pipe = make_pipe();
  auto reader = test::fork_child([&](test::Ready ready) {
    pipe.write_end.reset();
    ready.say();
    ready.stay();
  });
  pipe.read_end.reset();
  reader.wait_until_ready();
  reader.kill_and_reap(SIGKILL);

  auto outcome = write_some(pipe.write_end.get(), as_bytes("nobody reads this"));
  ASSERT_TRUE(outcome) << outcome.error().message();
  EXPECT_TRUE(outcome->is<PeerGone>());
  sigset_t pending{};
  ::sigpending(&pending);
  EXPECT_EQ(::sigismember(&pending, SIGPIPE), 0);
}

TEST(Pipe, ReadingAfterTheWriterWasKilledGivesTheRestAndThenTheEnd) {
  Pipe pipe = make_pipe();
  auto writer = test::fork_child([&](test::Ready ready) {
    ASSERT_TRUE(write_all(pipe.write_end.get(), as_bytes("last words")));
    ready.say();
    ready.stay();
  });
  pipe.write_end.reset();
  writer.wait_until_ready();
  writer.kill_and_reap(SIGKILL);

  std::array<std::byte, 64> buffer{};
  auto rest = read_all(pipe.read_end.get(), buffer);
  ASSERT_TRUE(rest);
  EXPECT_EQ(as_text(std::span{buffer}.first(rest->bytes)), "last words");
  EXPECT_EQ(rest->end, Transfer::End::end_of_stream);
}

TEST(Pipe, WaitsEndAtTheirDeadlineOnBlockingAndNonBlockingEnds) {
  for (const bool nonblocking : {false, true}) {
    Pipe pipe = make_pipe({.nonblocking = nonblocking});
    std::array<std::byte, 8> buffer{};
    auto nothing = read_some(pipe.read_end.get(), buffer, Deadline::immediately());
    ASSERT_TRUE(nothing);
    EXPECT_TRUE(nothing->is<TimedOut>());

    const auto before = Deadline::Clock::now();
    auto late = read_some(pipe.read_end.get(), buffer, Deadline::after(20ms));
    ASSERT_TRUE(late);
    EXPECT_TRUE(late->is<TimedOut>());
    EXPECT_GE(Deadline::Clock::now() - before, 20ms);

    const std::vector<std::byte> more_than_fits(200'000);
    auto partial = write_all(pipe.write_end.get(), more_than_fits, Deadline::after(20ms));
    ASSERT_TRUE(partial);
    EXPECT_EQ(partial->end, Transfer::End::timed_out);
    EXPECT_EQ(partial->bytes, pipe_bytes_waiting(pipe.read_end.get())->count());
  }
}

TEST(Pipe, CapacityIsToldAsGivenAndRefusalsNameTheLimit) {
  Pipe pipe = make_pipe();
  EXPECT_GE(pipe_capacity(pipe.read_end.get())->count(), 4096U);
  auto given = set_pipe_capacity(pipe.write_end.get(), Bytes{5000});
  ASSERT_TRUE(given);
  EXPECT_EQ(*given, Bytes{8192});
  EXPECT_EQ(*pipe_capacity(pipe.read_end.get()), Bytes{8192});

  ASSERT_TRUE(write_all(pipe.write_end.get(), test::test_pattern(6000)));
  auto busy = set_pipe_capacity(pipe.write_end.get(), Bytes{4096});
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code(), EBUSY);
  EXPECT_NE(busy.error().message().find("read some of it first"), std::string::npos);
}

TEST(Pipe, BothEndsAreClosedOnExec) {
  Pipe pipe = make_pipe();
  for (const int fd : {pipe.read_end.get(), pipe.write_end.get()}) EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC);
}

}  // namespace
}  // namespace ginnel
