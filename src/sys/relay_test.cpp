#include "ginnel/sys/relay.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <optional>
#include <string>
#include <utility>

#include "ginnel/sys/io.hpp"
#include "ginnel/sys/pipe.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"
#include "support/signal_storm.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

/// Two ends of a one-way or two-way passage: what is written to `in` comes out of `out`.
struct Passage {
  UniqueFd out;
  UniqueFd in;
};

Passage pipe_passage(bool nonblocking = false) {
  auto pipe = Pipe::create({.nonblocking = nonblocking});
  EXPECT_TRUE(pipe);
  return {std::move(pipe->read_end), std::move(pipe->write_end)};
}

Passage socket_passage(bool nonblocking = false) {
  std::array<int, 2> fds{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), 0, fds.data()), 0);
  return {UniqueFd{fds[0]}, UniqueFd{fds[1]}};
}

Passage passage(const std::string& kind, bool nonblocking) {
  return kind == "pipe" ? pipe_passage(nonblocking) : socket_passage(nonblocking);
}

std::vector<std::byte> contents(int fd, std::size_t expected) {
  std::vector<std::byte> bytes(expected + 1);
  auto got = read_all(fd, bytes, Deadline::after(30s));
  EXPECT_TRUE(got);
  bytes.resize(got->bytes);
  return bytes;
}

void close_all_but_reports(Passage& a, Passage& b) {
  a = {};
  b = {};
}

/// A process that writes all of it into `passage.in` and one that checks what comes out of the other; the caller relays.
struct Peers {
  test::ChildProcess writer;
  test::ChildProcess reader;
};

Peers start_peers(Passage& from, Passage& to, const std::vector<std::byte>& sent) {
  auto writer = test::fork_child([&](test::Ready) {
    const UniqueFd mine = std::move(from.in);
    close_all_but_reports(from, to);
    auto put = write_all(mine.get(), sent);
    ASSERT_TRUE(put);
    EXPECT_EQ(put->bytes, sent.size());
  });
  auto reader = test::fork_child([&](test::Ready) {
    const UniqueFd mine = std::move(to.out);
    close_all_but_reports(from, to);
    EXPECT_TRUE(contents(mine.get(), sent.size()) == sent);
  });
  from.in.reset();
  to.out.reset();
  return {std::move(writer), std::move(reader)};
}

struct Pair {
  std::string from;
  std::string to;
  bool nonblocking;
  bool allow_splice;
};

class RelayBetween : public testing::TestWithParam<Pair> {};

TEST_P(RelayBetween, ProcessesCarriesEveryByteInOrder) {
  const Pair& pair = GetParam();
  Passage from = passage(pair.from, pair.nonblocking);
  Passage to = passage(pair.to, pair.nonblocking);
  const auto sent = test::test_pattern(3'000'017);
  Peers peers = start_peers(from, to, sent);

  auto report = relay(from.out.get(), to.in.get(), {.allow_splice = pair.allow_splice});
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->bytes, sent.size());
  EXPECT_EQ(report->end, RelayReport::End::end_of_stream);
  EXPECT_EQ(report->method, pair.allow_splice ? RelayMethod::spliced : RelayMethod::copied);
  to.in.reset();
  EXPECT_TRUE(peers.writer.wait().success());
  EXPECT_TRUE(peers.reader.wait().success());
}

INSTANTIATE_TEST_SUITE_P(Kinds, RelayBetween,
                         testing::Values(Pair{"pipe", "pipe", false, true}, Pair{"pipe", "pipe", true, true},
                                         Pair{"pipe", "socket", false, true}, Pair{"pipe", "socket", true, true},
                                         Pair{"socket", "pipe", false, true}, Pair{"socket", "pipe", true, true},
                                         Pair{"socket", "socket", false, true}, Pair{"socket", "socket", true, true},
                                         Pair{"pipe", "pipe", false, false}, Pair{"socket", "socket", true, false}),
                         [](const auto& row) {
                           return row.param.from + "To" + row.param.to +
                                  (row.param.nonblocking ? "Nonblocking" : "Blocking") +
                                  (row.param.allow_splice ? "" : "Copied");
                         });

TEST(Relay, LosesAndDoublesNothingWhileSignalsInterruptIt) {
  for (const auto& [from_kind, to_kind] :
       {std::pair{"pipe", "pipe"}, std::pair{"socket", "socket"}, std::pair{"socket", "pipe"}}) {
    for (const bool splice : {true, false}) {
      Passage from = passage(from_kind, false);
      Passage to = passage(to_kind, false);
      const auto sent = test::test_pattern(4'000'003);
      Peers peers = start_peers(from, to, sent);
      const long before = test::SignalStorm::handled();
      const test::SignalStorm storm;
      auto report = relay(from.out.get(), to.in.get(), {.allow_splice = splice}, Deadline::after(30s));
      ASSERT_TRUE(report) << report.error().message();
      EXPECT_EQ(report->bytes, sent.size());
      to.in.reset();
      EXPECT_TRUE(peers.reader.wait().success());
      EXPECT_TRUE(peers.writer.wait().success());
      EXPECT_GT(test::SignalStorm::handled(), before);
    }
  }
}

TEST(Relay, MovesAFileThroughAPipeOfItsOwnIntoASocketAndBack) {
  const test::ScratchDirectory scratch;
  const auto sent = test::test_pattern(150'000);
  const UniqueFd source{::open(scratch.file("source").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  ASSERT_EQ(write_all(source.get(), sent)->bytes, sent.size());
  ASSERT_EQ(::lseek(source.get(), 0, SEEK_SET), 0);
  Passage socket = socket_passage(true);
  const UniqueFd target{::open(scratch.file("target").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};

  auto mover = test::fork_child([&](test::Ready) {
    socket.in.reset();
    auto report = relay(socket.out.get(), target.get());
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_EQ(report->bytes, sent.size());
    EXPECT_EQ(report->method, RelayMethod::spliced);
  });
  auto report = relay(source.get(), socket.in.get());
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->bytes, sent.size());
  EXPECT_EQ(report->method, RelayMethod::spliced);
  socket = {};
  EXPECT_TRUE(mover.wait().success());
  ASSERT_EQ(::lseek(target.get(), 0, SEEK_SET), 0);
  EXPECT_TRUE(contents(target.get(), sent.size()) == sent);
}

TEST(Relay, CopiesWhereSpliceIsRefusedAndKeepsWhatItHadTakenIn) {
  const test::ScratchDirectory scratch;
  const auto sent = test::test_pattern(100'000);
  for (const bool from_socket : {false, true}) {
    const std::string path = scratch.file(from_socket ? "a" : "b");
    const UniqueFd appended{::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};
    Passage from = from_socket ? socket_passage() : pipe_passage();
    auto writer = test::fork_child([&](test::Ready) {
      from.out.reset();
      ASSERT_EQ(write_all(from.in.get(), sent)->bytes, sent.size());
    });
    from.in.reset();
    auto report = relay(from.out.get(), appended.get());
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_EQ(report->method, RelayMethod::copied);
    EXPECT_EQ(report->bytes, sent.size());
    const UniqueFd check{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    EXPECT_TRUE(contents(check.get(), sent.size()) == sent);
    EXPECT_TRUE(writer.wait().success());
  }
}

TEST(Relay, CarriesTerminalsDevicesAndEventfds) {
  const UniqueFd master{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
  ASSERT_EQ(::grantpt(master.get()), 0);
  ASSERT_EQ(::unlockpt(master.get()), 0);
  const UniqueFd terminal{::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC)};
  termios raw{};
  ASSERT_EQ(::tcgetattr(terminal.get(), &raw), 0);
  ::cfmakeraw(&raw);
  ASSERT_EQ(::tcsetattr(terminal.get(), TCSANOW, &raw), 0);

  Passage pipe = pipe_passage();
  ASSERT_TRUE(write_all(pipe.in.get(), as_bytes("to the terminal")));
  auto out = relay(pipe.out.get(), terminal.get(), {.limit = 15}, Deadline::after(30s));
  ASSERT_TRUE(out) << out.error().message();
  EXPECT_EQ(out->bytes, 15U);
  auto in = relay(master.get(), pipe.in.get(), {.limit = 15}, Deadline::after(30s));
  ASSERT_TRUE(in) << in.error().message();
  EXPECT_EQ(in->end, RelayReport::End::limit_reached);
  pipe.in.reset();
  EXPECT_EQ(as_text(contents(pipe.out.get(), 15)), "to the terminal");

  Passage zeros = pipe_passage();
  const UniqueFd zero{::open("/dev/zero", O_RDONLY | O_CLOEXEC)};
  EXPECT_EQ(relay(zero.get(), zeros.in.get(), {.limit = 5000})->bytes, 5000U);
  const UniqueFd null{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
  EXPECT_EQ(relay(zeros.out.get(), null.get(), {.limit = 5000})->bytes, 5000U);

  const UniqueFd counter{::eventfd(41, EFD_CLOEXEC)};
  EXPECT_EQ(relay(counter.get(), zeros.in.get(), {.limit = 8})->bytes, 8U);
  std::uint64_t count = 0;
  ASSERT_TRUE(read_all(zeros.out.get(), std::as_writable_bytes(std::span{&count, 1})));
  EXPECT_EQ(count, 41U);
  ASSERT_TRUE(write_all(zeros.in.get(), std::as_bytes(std::span{&count, 1})));
  EXPECT_EQ(relay(zeros.out.get(), counter.get(), {.limit = 8})->bytes, 8U);
}

TEST(Relay, TakesNoByteOverTheLimit) {
  for (const std::string kind : {"pipe", "socket"}) {
    for (const bool splice : {true, false}) {
      Passage from = passage(kind, false);
      Passage to = passage(kind, false);
      ASSERT_TRUE(write_all(from.in.get(), as_bytes("taken and left")));
      auto report = relay(from.out.get(), to.in.get(), {.limit = 5, .allow_splice = splice});
      ASSERT_TRUE(report);
      EXPECT_EQ(report->bytes, 5U);
      EXPECT_EQ(report->end, RelayReport::End::limit_reached);
      EXPECT_EQ(relay(from.out.get(), to.in.get(), {.limit = 0})->bytes, 0U);
      from.in.reset();
      to.in.reset();
      EXPECT_EQ(as_text(contents(from.out.get(), 20)), " and left");
      EXPECT_EQ(as_text(contents(to.out.get(), 20)), "taken");
    }
  }
}

TEST(Relay, EndsAtItsDeadlineOnASilentInputAFullOutputAndAnEndlessStream) {
  for (const std::string kind : {"pipe", "socket"}) {
    for (const bool splice : {true, false}) {
      Passage from = passage(kind, false);
      Passage to = passage(kind, false);
      auto silent = relay(from.out.get(), to.in.get(), {.allow_splice = splice}, Deadline::after(10ms));
      ASSERT_TRUE(silent);
      EXPECT_EQ(silent->end, RelayReport::End::timed_out);
      EXPECT_EQ(silent->bytes, 0U);

      const UniqueFd zero{::open("/dev/zero", O_RDONLY | O_CLOEXEC)};
      auto full = relay(zero.get(), to.in.get(), {.allow_splice = splice}, Deadline::after(30ms));
      ASSERT_TRUE(full);
      EXPECT_EQ(full->end, RelayReport::End::timed_out);
      EXPECT_GT(full->bytes, 0U);
      to.in.reset();
      EXPECT_EQ(contents(to.out.get(), full->bytes).size(), full->bytes) << "what is counted has been delivered";

      const UniqueFd null{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
      auto endless = relay(zero.get(), null.get(), {.allow_splice = splice}, Deadline::after(10ms));
      ASSERT_TRUE(endless);
      EXPECT_EQ(endless->end, RelayReport::End::timed_out);
    }
  }
}

TEST(Relay, SaysPeerGoneWhenTheReaderIsKilledThoughTheInputIsSilent) {
  for (const std::string kind : {"pipe", "socket"}) {
    for (const bool splice : {true, false}) {
      Passage from = passage(kind, false);
      Passage to = passage(kind, false);
      auto reader = test::fork_child([&](test::Ready ready) {
        from = {};
        to.in.reset();
        std::array<std::byte, 1> byte{};
        (void)read_all(to.out.get(), byte);
        ready.say();
        ready.stay();
      });
      to.out.reset();
      ASSERT_TRUE(write_all(from.in.get(), as_bytes("x")));
      auto killer = test::fork_child([&](test::Ready ready) {
        from = {};
        to = {};
        ready.wait_for_release();
        ::kill(reader.pid(), SIGKILL);
      });
      EXPECT_EQ(relay(from.out.get(), to.in.get(), {.limit = 1})->bytes, 1U);
      reader.wait_until_ready();
      killer.release();
      auto report = relay(from.out.get(), to.in.get(), {.allow_splice = splice}, Deadline::after(30s));
      ASSERT_TRUE(report) << report.error().message();
      EXPECT_EQ(report->end, RelayReport::End::peer_gone);
    }
  }
}

TEST(Relay, SaysPeerGoneInTheMiddleOfAStreamAndRaisesNoSignal) {
  ASSERT_EQ(std::signal(SIGPIPE, SIG_DFL), SIG_DFL);
  for (const std::string kind : {"pipe", "socket"}) {
    for (const bool splice : {true, false}) {
      Passage from = passage(kind, false);
      Passage to = passage(kind, false);
      auto writer = test::fork_child([&](test::Ready) {
        const UniqueFd mine = std::move(from.in);
        close_all_but_reports(from, to);
        while (write_some(mine.get(), test::test_pattern(8192))->is<BytesWritten>()) {
        }
      });
      auto reader = test::fork_child([&](test::Ready) {
        const UniqueFd mine = std::move(to.out);
        close_all_but_reports(from, to);
        std::vector<std::byte> some(500'000);
        (void)read_all(mine.get(), some);
        ::raise(SIGKILL);
      });
      from.in.reset();
      to.out.reset();
      auto report = relay(from.out.get(), to.in.get(), {.allow_splice = splice}, Deadline::after(30s));
      ASSERT_TRUE(report) << report.error().message();
      EXPECT_EQ(report->end, RelayReport::End::peer_gone);
      EXPECT_GE(report->bytes, 500'000U);
      EXPECT_EQ(reader.wait().value, SIGKILL);
      from.out.reset();
      EXPECT_TRUE(writer.wait().success());
      sigset_t pending{};
      ::sigpending(&pending);
      EXPECT_EQ(::sigismember(&pending, SIGPIPE), 0);
    }
  }
}

TEST(Relay, TakesNothingFromTheInputWhenTheOutputIsGoneAlready) {
  for (const std::string kind : {"pipe", "socket"}) {
    Passage from = passage(kind, false);
    Passage to = passage(kind, false);
    to.out.reset();
    ASSERT_TRUE(write_all(from.in.get(), as_bytes("still here")));
    EXPECT_EQ(relay(from.out.get(), to.in.get())->end, RelayReport::End::peer_gone);
    from.in.reset();
    EXPECT_EQ(as_text(contents(from.out.get(), 20)), "still here");
  }
}

TEST(Relay, WhatWasTakenAndNotDeliveredIsCounted) {
  constexpr std::size_t total = 40'000;
  constexpr std::size_t room = 4096;
  for (const bool reader_goes : {false, true}) {
    Passage from = pipe_passage();
    Passage to = pipe_passage(true);
    ASSERT_TRUE(set_pipe_capacity(to.in.get(), Bytes{room}));
    ASSERT_EQ(write_all(from.in.get(), test::test_pattern(total))->bytes, total);
    std::optional<test::ChildProcess> reader;
    if (reader_goes) {
      reader.emplace(test::fork_child([&](test::Ready) {
        from = {};
        to.in.reset();
        ASSERT_TRUE(
            wait_ready(to.out.get(), Interest::readable, Deadline::after(30s)));  // then it ends, having read nothing
      }));
      to.out.reset();
    }
    const Deadline deadline = reader_goes ? Deadline::after(30s) : Deadline::immediately();
    auto report = relay(from.out.get(), to.in.get(), {.allow_splice = false}, deadline);
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_EQ(report->end, reader_goes ? RelayReport::End::peer_gone : RelayReport::End::timed_out);
    EXPECT_EQ(report->bytes, room);
    EXPECT_GT(report->undelivered, 0U);
    EXPECT_EQ(report->bytes + report->undelivered + pipe_bytes_waiting(from.out.get())->count(), total);
    if (reader) {
      EXPECT_TRUE(reader->wait().success());
    }
  }
}

TEST(Relay, NothingIsUndeliveredWhenAllOfItArrived) {
  Passage from = pipe_passage();
  Passage to = pipe_passage();
  ASSERT_TRUE(write_all(from.in.get(), test::test_pattern(40'000)));
  from.in.reset();
  auto report = relay(from.out.get(), to.in.get(), {.allow_splice = false}, Deadline::after(30s));
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->bytes, 40'000U);
  EXPECT_EQ(report->undelivered, 0U);
}

TEST(Relay, LeavesNoDescriptorOpen) {
  Passage from = socket_passage();
  Passage to = socket_passage();
  from.in.reset();
  const auto before = test::open_descriptors();
  ASSERT_TRUE(relay(from.out.get(), to.in.get()));
  EXPECT_FALSE(relay(-1, to.in.get()));
  EXPECT_EQ(relay(from.out.get(), -1).error().code(), EBADF);
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(RelayWithCopy, DeliversTheSameBytesTwice) {
  const auto sent = test::test_pattern(700'001);
  for (const std::string kind : {"pipe", "socket"}) {
    const test::ScratchDirectory scratch;
    Passage from = passage(kind, false);
    Passage to = passage(kind, false);
    const UniqueFd copy{::open(scratch.file("copy").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    Peers peers = start_peers(from, to, sent);
    auto report = relay_with_copy(from.out.get(), to.in.get(), copy.get());
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_EQ(report->bytes, sent.size());
    EXPECT_EQ(report->end, RelayReport::End::end_of_stream);
    EXPECT_EQ(report->method, kind == "pipe" ? RelayMethod::spliced : RelayMethod::copied);
    to.in.reset();
    EXPECT_TRUE(peers.writer.wait().success());
    EXPECT_TRUE(peers.reader.wait().success());
    ASSERT_EQ(::lseek(copy.get(), 0, SEEK_SET), 0);
    EXPECT_TRUE(contents(copy.get(), sent.size()) == sent);
  }
}

TEST(RelayWithCopy, EndsAtItsDeadline) {
  Passage from = pipe_passage();
  Passage to = pipe_passage();
  const UniqueFd null{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
  auto report = relay_with_copy(from.out.get(), to.in.get(), null.get(), Deadline::after(10ms));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->end, RelayReport::End::timed_out);
}

}  // namespace
}  // namespace ginnel
