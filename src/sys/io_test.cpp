#include "ginnel/sys/io.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <utility>

#include "ginnel/sys/pipe.hpp"
#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"
#include "support/signal_storm.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

struct Ends {
  UniqueFd reading;
  UniqueFd writing;
};

Ends pipe_ends(bool nonblocking) {
  auto pipe = Pipe::create({.nonblocking = nonblocking});
  EXPECT_TRUE(pipe);
  return {std::move(pipe->read_end), std::move(pipe->write_end)};
}

Ends socket_ends(bool nonblocking) {
  std::array<int, 2> fds{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), 0, fds.data()), 0);
  return {UniqueFd{fds[0]}, UniqueFd{fds[1]}};
}

/// What is written to the terminal comes out of its master.
Ends terminal_ends(bool nonblocking) {
  const int flags = O_RDWR | O_NOCTTY | O_CLOEXEC | (nonblocking ? O_NONBLOCK : 0);
  UniqueFd master{::posix_openpt(flags)};
  EXPECT_EQ(::grantpt(master.get()), 0);
  EXPECT_EQ(::unlockpt(master.get()), 0);
  UniqueFd terminal{::open(::ptsname(master.get()), flags)};
  termios raw{};
  EXPECT_EQ(::tcgetattr(terminal.get(), &raw), 0);
  ::cfmakeraw(&raw);
  EXPECT_EQ(::tcsetattr(terminal.get(), TCSANOW, &raw), 0);
  return {std::move(master), std::move(terminal)};
}

struct Kind {
  std::string name;
  Ends (*make)(bool nonblocking);
  bool nonblocking;
};

class Io : public testing::TestWithParam<Kind> {
 protected:
  Ends ends_ = GetParam().make(GetParam().nonblocking);
  int reading_ = ends_.reading.get();
  int writing_ = ends_.writing.get();
};

/// Terminals are left out: one says writable and waits all the same, and gives EIO where its other side is gone.
class IoBetweenPeers : public Io {};

const auto pipes_and_sockets =
    testing::Values(Kind{"BlockingPipe", pipe_ends, false}, Kind{"NonblockingPipe", pipe_ends, true},
                    Kind{"BlockingSocket", socket_ends, false}, Kind{"NonblockingSocket", socket_ends, true});
const auto name_of_kind = [](const testing::TestParamInfo<Kind>& row) { return row.param.name; };

INSTANTIATE_TEST_SUITE_P(Kinds, Io, pipes_and_sockets, name_of_kind);
INSTANTIATE_TEST_SUITE_P(Terminals, Io,
                         testing::Values(Kind{"BlockingTerminal", terminal_ends, false},
                                         Kind{"NonblockingTerminal", terminal_ends, true}),
                         name_of_kind);
INSTANTIATE_TEST_SUITE_P(Kinds, IoBetweenPeers, pipes_and_sockets, name_of_kind);

TEST_P(Io, CarriesWhatIsWrittenAndLeavesTheFlagsAlone) {
  const int flags = ::fcntl(writing_, F_GETFL);
  auto put = write_some(writing_, as_bytes("some bytes"), Deadline::after(30s));
  ASSERT_TRUE(put && put->is<BytesWritten>());
  EXPECT_EQ(put->as<BytesWritten>().count, 10U);
  std::array<std::byte, 10> buffer{};
  auto got = read_all(reading_, buffer, Deadline::after(30s));
  ASSERT_TRUE(got);
  EXPECT_EQ(as_text(buffer), "some bytes");
  EXPECT_EQ(::fcntl(writing_, F_GETFL), flags);
}

TEST_P(Io, AnEmptyReadOrWriteDoesNothing) {
  EXPECT_EQ(read_some(reading_, {})->as<BytesRead>().count, 0U);
  EXPECT_EQ(write_some(writing_, {})->as<BytesWritten>().count, 0U);
}

TEST_P(Io, ReadsEndAtTheirDeadlineOnTheMonotonicClock) {
  std::array<std::byte, 8> buffer{};
  EXPECT_TRUE(read_some(reading_, buffer, Deadline::immediately())->is<TimedOut>());
  EXPECT_TRUE(wait_ready(reading_, Interest::readable, Deadline::immediately())->is<TimedOut>());
  const test::SignalStorm storm;
  const auto start = Deadline::Clock::now();
  auto late = read_some(reading_, buffer, Deadline::after(20ms));
  ASSERT_TRUE(late) << late.error().message();
  EXPECT_TRUE(late->is<TimedOut>());
  EXPECT_GE(Deadline::Clock::now() - start, 20ms);
}

TEST_P(Io, SignalsThatInterruptLoseAndDoubleNothing) {
  const bool terminal = GetParam().make == terminal_ends;
  const auto sent = test::test_pattern(terminal ? 60'000 : 3'000'001);
  auto writer = test::fork_child([&](test::Ready) {
    ends_.reading.reset();
    const test::SignalStorm storm;
    auto put = write_all(writing_, sent, Deadline::after(30s));
    ASSERT_TRUE(put) << put.error().message();
    EXPECT_EQ(put->bytes, sent.size());
  });
  std::vector<std::byte> received(sent.size());
  const test::SignalStorm storm;
  auto got = read_all(reading_, received, Deadline::after(30s));
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_TRUE(received == sent);
  EXPECT_TRUE(writer.wait().success());
}

TEST_P(IoBetweenPeers, WritesToAFullOneEndAtTheirDeadline) {
  auto full = write_all(writing_, test::test_pattern(2'000'000), Deadline::after(20ms));
  ASSERT_TRUE(full);
  EXPECT_EQ(full->end, Transfer::End::timed_out);
  EXPECT_TRUE(write_some(writing_, as_bytes("x"), Deadline::immediately())->is<TimedOut>());
  EXPECT_TRUE(wait_ready(writing_, Interest::writable, Deadline::immediately())->is<TimedOut>());
}

TEST_P(IoBetweenPeers, WritingToNobodyIsAnOutcomeWhateverTheDispositionOfSigpipe) {
  ends_.reading.reset();
  const auto child_says_peer_gone = [&](auto prepare) {
    auto child = test::fork_child([&](test::Ready) {
      prepare();
      for (int i = 0; i < 3; ++i) EXPECT_TRUE(write_some(writing_, as_bytes("x"))->template is<PeerGone>());
      sigset_t pending{};
      ::sigpending(&pending);
      EXPECT_EQ(::sigismember(&pending, SIGPIPE), 0);
    });
    EXPECT_TRUE(child.wait().success());
  };
  child_says_peer_gone([] { std::signal(SIGPIPE, SIG_DFL); });
  child_says_peer_gone([] { std::signal(SIGPIPE, SIG_IGN); });
  child_says_peer_gone([] { std::signal(SIGPIPE, [](int) { ::_exit(9); }); });
  child_says_peer_gone([] {
    sigset_t sigpipe;
    ::sigemptyset(&sigpipe);
    ::sigaddset(&sigpipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &sigpipe, nullptr);
  });
}

TEST_P(IoBetweenPeers, AWriterWhoseReaderIsKilledWhileItWaitsIsTold) {
  auto reader = test::fork_child([&](test::Ready ready) {
    ends_.writing.reset();
    ready.say();
    ready.stay();
  });
  reader.wait_until_ready();
  auto writer = test::fork_child([&](test::Ready) {
    ends_.reading.reset();
    auto put = write_all(writing_, test::test_pattern(2'000'000), Deadline::after(30s));
    ASSERT_TRUE(put) << put.error().message();
    EXPECT_EQ(put->end, Transfer::End::peer_gone);
  });
  ends_ = {};
  test::wait_until_blocked_in(writer.pid(), SYS_ppoll);
  reader.kill_and_reap(SIGKILL);
  EXPECT_TRUE(writer.wait().success());
}

TEST(IoOnFiles, ReadAndWriteAtTheFilePositionAndNeverTimeOut) {
  const test::ScratchDirectory scratch;
  // /dev/shm is a tmpfs, where RWF_NOWAIT is refused altogether; the other is whatever disk the tests run on.
  const std::string in_memory = "/dev/shm" + test::unique_name();
  for (const std::string& path : {scratch.file("file"), in_memory}) {
    const UniqueFd file{::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    ASSERT_TRUE(file.valid());
    const test::AtEnd remove{[&] { ::unlink(path.c_str()); }};
    const auto sent = test::test_pattern(200'000);
    ASSERT_EQ(write_all(file.get(), std::span{sent}.first(100'000), Deadline::immediately())->bytes, 100'000U);
    ASSERT_EQ(write_all(file.get(), std::span{sent}.subspan(100'000), Deadline::after(1h))->bytes, 100'000U);
    EXPECT_EQ(::lseek(file.get(), 0, SEEK_CUR), 200'000);
    ASSERT_EQ(::lseek(file.get(), 50'000, SEEK_SET), 50'000);
    ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);  // out of the cache, where the kernel lets it go
    std::vector<std::byte> received(200'000);
    auto got = read_all(file.get(), received, Deadline::immediately());
    ASSERT_TRUE(got) << got.error().message();
    EXPECT_EQ(got->bytes, 150'000U);
    EXPECT_EQ(got->end, Transfer::End::end_of_stream);
    EXPECT_TRUE(std::equal(received.begin(), received.begin() + 150'000, sent.begin() + 50'000));
  }
}

TEST(IoOnFiles, AFullDeviceAndAFileSizeLimitAreErrors) {
  const UniqueFd full{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
  EXPECT_EQ(write_some(full.get(), as_bytes("x")).error().code(), ENOSPC);
  auto limited = test::fork_child([](test::Ready) {
    const test::ScratchDirectory scratch;
    const UniqueFd file{::open(scratch.file("file").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 100, .rlim_max = RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto put = write_all(file.get(), test::test_pattern(200));
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().code(), EFBIG);
  });
  EXPECT_TRUE(limited.wait().success());
}

TEST(IoOnEventfds, AValueThatDoesNotFitWaitsForItsDeadlineWithoutSpinning) {
  for (const int flags : {0, static_cast<int>(EFD_NONBLOCK)}) {
    const UniqueFd counter{::eventfd(0, EFD_CLOEXEC | flags)};
    const std::uint64_t most = ~std::uint64_t{0} - 1;
    ASSERT_TRUE(write_some(counter.get(), std::as_bytes(std::span{&most, 1}))->is<BytesWritten>());
    std::uint64_t back = 0;
    ASSERT_TRUE(read_some(counter.get(), std::as_writable_bytes(std::span{&back, 1}))->is<BytesRead>());
    EXPECT_EQ(back, most);
  }
  // Full but for 5: poll(2) says writable, write(2) of 10 says EAGAIN.
  const UniqueFd counter{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  const std::uint64_t nearly = ~std::uint64_t{0} - 6;
  const std::uint64_t ten = 10;
  ASSERT_TRUE(write_some(counter.get(), std::as_bytes(std::span{&nearly, 1})));
  rusage before{};
  ::getrusage(RUSAGE_THREAD, &before);
  auto late = write_some(counter.get(), std::as_bytes(std::span{&ten, 1}), Deadline::after(300ms));
  rusage after{};
  ::getrusage(RUSAGE_THREAD, &after);
  ASSERT_TRUE(late) << late.error().message();
  EXPECT_TRUE(late->is<TimedOut>());
  // A wait that spins gives the processor away only when it is taken; one that pauses gives it up some 60 times here.
  EXPECT_GT(after.ru_nvcsw - before.ru_nvcsw, 10);
}

TEST(IoErrors, SayWhichDescriptorWasBad) {
  std::array<std::byte, 4> buffer{};
  EXPECT_EQ(read_some(-1, buffer).error().code(), EBADF);
  EXPECT_EQ(write_some(-1, buffer).error().code(), EBADF);
  EXPECT_EQ(wait_ready(1'000'000, Interest::readable).error().code(), EBADF);
  EXPECT_EQ(set_nonblocking(-1, true).error().code(), EBADF);
  EXPECT_EQ(set_close_on_exec(-1, true).error().code(), EBADF);
  Ends pipe = pipe_ends(false);
  EXPECT_EQ(read_some(pipe.writing.get(), buffer).error().code(), EBADF);
  EXPECT_EQ(write_some(pipe.reading.get(), buffer).error().code(), EBADF);
  const UniqueFd folder{::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  EXPECT_EQ(read_some(folder.get(), buffer).error().code(), EISDIR);
}

TEST(IoFlags, AreSetAndCleared) {
  Ends pipe = pipe_ends(false);
  const int fd = pipe.reading.get();
  ASSERT_TRUE(set_nonblocking(fd, true));
  EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
  ASSERT_TRUE(set_nonblocking(fd, false));
  EXPECT_EQ(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
  ASSERT_TRUE(set_close_on_exec(fd, false));
  EXPECT_EQ(::fcntl(fd, F_GETFD), 0);
  ASSERT_TRUE(set_close_on_exec(fd, true));
  EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC);
}

}  // namespace
}  // namespace ginnel
