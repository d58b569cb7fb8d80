#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <thread>
#include <utility>

#include "ginnel/sys/io.hpp"
#include "ginnel/sys/pipe.hpp"
#include "ginnel/sys/relay.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"
#include "support/signal_storm.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

/// A socket whose other end a peer has.
struct Link {
  UniqueFd ours;
  UniqueFd theirs;
};

Link make_link(bool nonblocking = false) {
  std::array<int, 2> fds{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), 0, fds.data()), 0);
  return {UniqueFd{fds[0]}, UniqueFd{fds[1]}};
}

DuplexEnds ends_of(const Link& a, const Link& b, bool end_with_first = false) {
  return {a.ours.get(), a.ours.get(), b.ours.get(), b.ours.get(), end_with_first};
}

/// Sends `mine` and shuts its side, then takes all that comes; both at once, so that neither can starve the other.
void talk(int fd, const std::vector<std::byte>& mine, const std::vector<std::byte>& expected) {
  std::thread sender{[&] {
    auto put = write_all(fd, mine);
    EXPECT_TRUE(put && put->bytes == mine.size());
    ::shutdown(fd, SHUT_WR);
  }};
  std::vector<std::byte> bytes(expected.size() + 1);
  auto got = read_all(fd, bytes);
  sender.join();
  ASSERT_TRUE(got);
  bytes.resize(got->bytes);
  EXPECT_TRUE(bytes == expected);
}

test::ChildProcess talker(Link& own, Link& other, const std::vector<std::byte>& mine,
                          const std::vector<std::byte>& expected) {
  return test::fork_child([&](test::Ready) {
    const UniqueFd fd = std::move(own.theirs);
    own = {};
    other = {};
    talk(fd.get(), mine, expected);
  });
}

TEST(RelayBothWays, CarriesTwoFullStreamsAtOnceAndTellsEachSideTheOthersEnd) {
  const auto to_b = test::test_pattern(2'000'003, 1);
  const auto to_a = test::test_pattern(3'000'001, 2);
  for (const bool nonblocking : {false, true}) {
    Link a = make_link(nonblocking);
    Link b = make_link(nonblocking);
    auto first = talker(a, b, to_b, to_a);
    auto second = talker(b, a, to_a, to_b);
    a.theirs.reset();
    b.theirs.reset();
    const test::SignalStorm storm;
    auto report = relay_both_ways(ends_of(a, b), Deadline::after(30s));
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_EQ(report->a_to_b.bytes, to_b.size());
    EXPECT_EQ(report->b_to_a.bytes, to_a.size());
    EXPECT_EQ(report->a_to_b.end, RelayReport::End::end_of_stream);
    EXPECT_EQ(report->b_to_a.end, RelayReport::End::end_of_stream);
    EXPECT_TRUE(first.wait().success());
    EXPECT_TRUE(second.wait().success());
  }
}

TEST(RelayBothWays, AnAnswerStillComesAfterTheQuestionersHalfClose) {
  Link a = make_link();
  Link b = make_link();
  auto server = test::fork_child([&](test::Ready) {
    const UniqueFd fd = std::move(b.theirs);
    a = {};
    b = {};
    std::array<std::byte, 64> question{};
    auto got = read_all(fd.get(), question);  // until the half-close
    ASSERT_TRUE(got);
    EXPECT_EQ(got->end, Transfer::End::end_of_stream);
    ASSERT_TRUE(write_all(fd.get(), std::span{question}.first(got->bytes)));
  });
  b.theirs.reset();
  ASSERT_TRUE(write_all(a.theirs.get(), as_bytes("question")));
  ASSERT_EQ(::shutdown(a.theirs.get(), SHUT_WR), 0);
  auto report = relay_both_ways(ends_of(a, b), Deadline::after(30s));
  ASSERT_TRUE(report) << report.error().message();
  std::array<std::byte, 64> answer{};
  auto got = read_all(a.theirs.get(), answer);
  ASSERT_TRUE(got);
  EXPECT_EQ(as_text(std::span{answer}.first(got->bytes)), "question");
  EXPECT_TRUE(server.wait().success());
}

TEST(RelayBothWays, EndsPromptlyWhenOnePeerIsKilledAndTheOtherIsSilent) {
  Link a = make_link();
  Link b = make_link();
  auto peer = test::fork_child([&](test::Ready ready) {
    const UniqueFd fd = std::move(b.theirs);
    a = {};
    b = {};
    ready.say();
    ready.stay();
  });
  b.theirs.reset();
  peer.wait_until_ready();
  auto killer = test::fork_child([&](test::Ready) { ::kill(peer.pid(), SIGKILL); });
  auto report = relay_both_ways(ends_of(a, b), Deadline::after(30s));
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->a_to_b.end, RelayReport::End::peer_gone);
  EXPECT_EQ(report->b_to_a.end, RelayReport::End::end_of_stream);
  std::array<std::byte, 1> byte{};
  EXPECT_TRUE(read_some(a.theirs.get(), byte)->is<EndOfStream>()) << "the silent side is told";
}

TEST(RelayBothWays, APeerKilledWithUnreadDataIsAnOutcomeNotAnError) {
  Link a = make_link();
  Link b = make_link();
  ASSERT_TRUE(write_all(b.ours.get(), as_bytes("never read")));
  auto peer = test::fork_child([&](test::Ready ready) {
    const UniqueFd fd = std::move(b.theirs);
    a = {};
    b = {};
    ready.say();
    ready.stay();
  });
  b.theirs.reset();
  peer.wait_until_ready();
  peer.kill_and_reap(SIGKILL);
  auto report = relay_both_ways(ends_of(a, b), Deadline::after(30s));
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->b_to_a.end, RelayReport::End::peer_gone);
  EXPECT_EQ(report->a_to_b.end, RelayReport::End::peer_gone);
}

TEST(RelayBothWays, ReturnsWithTheFirstDirectionThatEndsWhenAsked) {
  Link a = make_link();
  Link b = make_link();
  ASSERT_TRUE(write_all(b.theirs.get(), as_bytes("answer")));
  ASSERT_EQ(::shutdown(b.theirs.get(), SHUT_WR), 0);
  auto report = relay_both_ways(ends_of(a, b, true), Deadline::after(30s));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->b_to_a.bytes, 6U);
  EXPECT_EQ(report->b_to_a.end, RelayReport::End::end_of_stream);
  EXPECT_EQ(report->a_to_b.end, RelayReport::End::stopped);
}

TEST(RelayBothWays, EndsAtItsDeadline) {
  Link a = make_link();
  Link b = make_link();
  auto report = relay_both_ways(ends_of(a, b), Deadline::after(10ms));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->a_to_b.end, RelayReport::End::timed_out);
  EXPECT_EQ(report->b_to_a.end, RelayReport::End::timed_out);
}

TEST(RelayBothWays, JoinsTwoPipesToOneSocketAsACommandDoesWithItsStandardStreams) {
  auto standard_input = Pipe::create();
  auto standard_output = Pipe::create();
  ASSERT_TRUE(standard_input && standard_output);
  Link b = make_link();
  ASSERT_TRUE(write_all(standard_input->write_end.get(), as_bytes("ping")));
  standard_input->write_end.reset();
  auto echo = test::fork_child([&](test::Ready) {
    const UniqueFd fd = std::move(b.theirs);
    b = {};
    auto report = relay(fd.get(), fd.get());
    ASSERT_TRUE(report);
    EXPECT_EQ(report->bytes, 4U);
  });
  b.theirs.reset();
  auto report =
      relay_both_ways({standard_input->read_end.get(), standard_output->write_end.get(), b.ours.get(), b.ours.get()},
                      Deadline::after(30s));
  ASSERT_TRUE(report) << report.error().message();
  std::array<std::byte, 4> answer{};
  ASSERT_TRUE(read_all(standard_output->read_end.get(), answer));
  EXPECT_EQ(as_text(answer), "ping");
  EXPECT_TRUE(echo.wait().success());
}

}  // namespace
}  // namespace ginnel
