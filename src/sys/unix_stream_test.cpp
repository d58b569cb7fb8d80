#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <thread>

#include "ginnel/sys/unix_socket.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"
#include "support/signal_storm.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

UnixListener listen_on(const UnixAddress& address, ListenOptions options = {}) {
  auto listener = UnixListener::listen(UnixType::stream, address, std::move(options));
  if (!listener) throw std::runtime_error{listener.error().message()};
  return std::move(*listener);
}

UnixStream connect_to(const UnixAddress& address) {
  auto stream = UnixStream::connect(address);
  if (!stream) throw std::runtime_error{stream.error().message()};
  return std::move(stream->as<UnixStream>());
}

UnixStream accept_from(UnixListener& listener) {
  auto connection = listener.accept(Deadline::after(20s));
  if (!connection) throw std::runtime_error{connection.error().message()};
  return std::move(*UnixStream::adopt(std::move(connection->as<UniqueFd>())));
}

std::pair<UnixStream, UnixStream> make_pair() { return std::move(*UnixStream::pair()); }

std::vector<std::byte> read_to_the_end(UnixStream& stream) {
  std::vector<std::byte> all;
  std::array<std::byte, 10'000> buffer{};
  while (true) {
    auto got = stream.read(buffer, Deadline::after(20s));
    if (!got) throw std::runtime_error{got.error().message()};
    if (!got->is<BytesRead>()) return all;
    all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(got->as<BytesRead>().count));
  }
}

TEST(UnixStream, CarriesBytesBothWaysBetweenProcessesOverPathAndAbstractNames) {
  const test::ScratchDirectory scratch;
  std::string abstract = test::unique_name();
  abstract.front() = '@';
  for (const std::string& name : {scratch.file("s"), abstract}) {
    UnixListener listener = listen_on({name});
    const auto sent = test::test_pattern(300'000);
    auto client = test::fork_child([&](test::Ready) {
      UnixStream stream = connect_to({name});
      ASSERT_TRUE(stream.write_all(sent));
      ASSERT_TRUE(stream.finish_writing());
      EXPECT_EQ(as_text(read_to_the_end(stream)), "answer");
    });
    UnixStream stream = accept_from(listener);
    EXPECT_EQ(read_to_the_end(stream), sent);
    ASSERT_TRUE(stream.write_all(as_bytes("answer")));
    {
      UnixStream closed = std::move(stream);
    }
    EXPECT_TRUE(client.wait().success());
  }
}

TEST(UnixStream, EveryDescriptorIsClosedOnExec) {
  const test::ScratchDirectory scratch;
  UnixListener listener = listen_on({scratch.file("s")});
  UnixStream client = connect_to({scratch.file("s")});
  UnixStream server = accept_from(listener);
  auto [left, right] = make_pair();
  for (const int fd : {listener.pollable(), client.pollable(), server.pollable(), left.pollable(), right.pollable()})
    EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC);
}

TEST(UnixStream, WaitsEndAtTheirDeadline) {
  auto [left, right] = make_pair();
  std::array<std::byte, 8> buffer{};
  auto nothing = right.read(buffer, Deadline::immediately());
  ASSERT_TRUE(nothing);
  EXPECT_TRUE(nothing->is<TimedOut>());
  const auto before = Deadline::Clock::now();
  EXPECT_TRUE(right.read(buffer, Deadline::after(20ms))->is<TimedOut>());
  EXPECT_GE(Deadline::Clock::now() - before, 20ms);

  const auto more_than_fits = test::test_pattern(2'000'000);
  auto partial = left.write_all(more_than_fits, Deadline::after(20ms));
  ASSERT_TRUE(partial);
  EXPECT_EQ(partial->end, Transfer::End::timed_out);
  EXPECT_GT(partial->bytes, 0U);
  EXPECT_LT(partial->bytes, more_than_fits.size());
  std::vector<std::byte> arrived(partial->bytes);
  EXPECT_EQ(read_all(right.pollable(), arrived, Deadline::after(20s))->bytes, partial->bytes);
  EXPECT_TRUE(std::equal(arrived.begin(), arrived.end(), more_than_fits.begin()));
}

TEST(UnixStream, PeerKilledGivesTheRestThenTheEndAndTakesNothingMore) {
  ASSERT_EQ(std::signal(SIGPIPE, SIG_DFL), SIG_DFL);
  auto [mine, theirs] = make_pair();
  auto peer = test::fork_child([&](test::Ready ready) {
    {
      UnixStream closed = std::move(mine);
    }
    ASSERT_TRUE(theirs.write_all(as_bytes("last words")));
    ready.say();
    ready.stay();
  });
  {
    UnixStream closed = std::move(theirs);
  }
  peer.wait_until_ready();
  peer.kill_and_reap(SIGKILL);

  EXPECT_EQ(as_text(read_to_the_end(mine)), "last words");
  auto sent = mine.write_all(as_bytes("nobody reads this"));
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->end, Transfer::End::peer_gone);
}

TEST(UnixStream, PeerKilledWithUnreadBytesIsToldAsResetAfterTheRest) {
  auto [mine, theirs] = make_pair();
  auto peer = test::fork_child([&](test::Ready ready) {
    {
      UnixStream closed = std::move(mine);
    }
    ASSERT_TRUE(theirs.write_all(as_bytes("rest")));
    ready.say();
    ready.stay();
  });
  {
    UnixStream closed = std::move(theirs);
  }
  peer.wait_until_ready();
  ASSERT_TRUE(mine.write_all(as_bytes("unread")));
  peer.kill_and_reap(SIGKILL);

  std::array<std::byte, 64> buffer{};
  auto rest = mine.read(buffer);
  ASSERT_TRUE(rest) << rest.error().message();
  EXPECT_EQ(rest->as<BytesRead>().count, 4U);
  auto reset = mine.read(buffer);
  ASSERT_FALSE(reset);
  EXPECT_EQ(reset.error().code(), ECONNRESET);
  EXPECT_NE(reset.error().message().find("without reading all"), std::string::npos);
  EXPECT_TRUE(mine.read(buffer)->is<EndOfStream>());
}

TEST(UnixStream, SignalStormLosesAndDoublesNothing) {
  auto [left, right] = make_pair();
  const auto sent = test::test_pattern(4'000'000);
  auto writer = test::fork_child([&](test::Ready) {
    {
      UnixStream closed = std::move(right);
    }
    const test::SignalStorm storm;
    auto wrote = left.write_all(sent);
    ASSERT_TRUE(wrote);
    EXPECT_EQ(wrote->bytes, sent.size());
  });
  {
    UnixStream closed = std::move(left);
  }
  const test::SignalStorm storm;
  std::vector<std::byte> received;
  std::array<std::byte, 777> buffer{};
  while (true) {
    auto got = right.read(buffer);
    ASSERT_TRUE(got) << got.error().message();
    if (got->is<EndOfStream>()) break;
    received.insert(received.end(), buffer.begin(),
                    buffer.begin() + static_cast<std::ptrdiff_t>(got->as<BytesRead>().count));
  }
  while (test::SignalStorm::handled() < 3) (void)right.read(buffer, Deadline::after(1ms));
  EXPECT_EQ(received, sent);
  EXPECT_TRUE(writer.wait().success());
}

TEST(UnixStream, ConnectGivesUpAtItsDeadlineWhileTheBacklogIsFullAndGoesThroughOnceThereIsRoom) {
  const test::ScratchDirectory scratch;
  const UnixAddress address{scratch.file("s")};
  ListenOptions options;
  options.backlog = 0;
  UnixListener listener = listen_on(address, options);
  UnixStream first = connect_to(address);

  EXPECT_TRUE(UnixStream::connect(address, Deadline::immediately())->is<TimedOut>());
  const auto before = Deadline::Clock::now();
  EXPECT_TRUE(UnixStream::connect(address, Deadline::after(30ms))->is<TimedOut>());
  EXPECT_GE(Deadline::Clock::now() - before, 30ms);
  {
    const test::SignalStorm storm;
    const long handled = test::SignalStorm::handled();
    EXPECT_TRUE(UnixStream::connect(address, Deadline::after(50ms))->is<TimedOut>());
    EXPECT_GT(test::SignalStorm::handled(), handled);
  }

  auto late = test::fork_child([&](test::Ready ready) {
    const test::SignalStorm storm;
    ready.say();
    auto stream = UnixStream::connect(address, Deadline::after(20s));
    ASSERT_TRUE(stream) << stream.error().message();
    ASSERT_TRUE(stream->is<UnixStream>());
    ASSERT_TRUE(stream->as<UnixStream>().write_all(as_bytes("in")));
  });
  late.wait_until_ready();
  (void)accept_from(listener);
  UnixStream second = accept_from(listener);
  EXPECT_EQ(as_text(read_to_the_end(second)), "in");
  EXPECT_TRUE(late.wait().success());

  // The deadline was the connect's alone: the connected socket has kept neither O_NONBLOCK nor a time-out.
  for (const Deadline deadline : {Deadline::immediately(), Deadline::after(5s)}) {
    auto stream = UnixStream::connect(address, deadline);
    ASSERT_TRUE(stream && stream->is<UnixStream>());
    const int socket = stream->as<UnixStream>().pollable();
    EXPECT_EQ(::fcntl(socket, F_GETFL) & O_NONBLOCK, 0);
    timeval left{};
    socklen_t size = sizeof left;
    ASSERT_EQ(::getsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &left, &size), 0);
    EXPECT_EQ(left.tv_sec + left.tv_usec, 0);
    (void)accept_from(listener);
  }
}

TEST(UnixStream, RefusalsSayWhatIsThere) {
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("s");
  EXPECT_EQ(UnixStream::connect({path}).error().code(), ENOENT);
  EXPECT_EQ(UnixStream::connect({""}).error().code(), EINVAL);
  EXPECT_EQ(UnixStream::connect({"@"}).error().code(), EINVAL);
  EXPECT_EQ(UnixStream::connect({std::string{"/tmp/a\0b", 8}}).error().code(), EINVAL);
  auto none = UnixStream::connect({"@" + test::unique_name()});
  EXPECT_EQ(none.error().code(), ECONNREFUSED);
  EXPECT_NE(none.error().message().find("abstract name"), std::string::npos);
  auto folder = UnixStream::connect({scratch.path()});
  EXPECT_EQ(folder.error().code(), ECONNREFUSED);
  EXPECT_EQ(folder.error().hint(), "what has this path is no socket");
  {
    auto seqpacket = UnixListener::listen(UnixType::seqpacket, {path});
    ASSERT_TRUE(seqpacket);
    auto other_type = UnixStream::connect({path});
    EXPECT_EQ(other_type.error().code(), EPROTOTYPE);
    EXPECT_NE(other_type.error().message().find("another type"), std::string::npos);
  }
  auto killed = test::fork_child([&](test::Ready ready) {
    UnixListener listener = listen_on({path});
    ready.say();
    ready.stay();
  });
  killed.wait_until_ready();
  killed.kill_and_reap(SIGKILL);
  auto stale = UnixStream::connect({path});
  EXPECT_EQ(stale.error().code(), ECONNREFUSED);
  EXPECT_NE(stale.error().message().find("nobody listens"), std::string::npos);

  auto [left, right] = make_pair();
  auto wrong = UnixSeqpacket::adopt(std::move(left).release());
  EXPECT_EQ(wrong.error().code(), EPROTOTYPE);
  EXPECT_NE(wrong.error().message().find("this is a stream socket"), std::string::npos);
}

TEST(UnixStream, OneThreadReadsWhileAnotherWritesThreads) {
  auto [left, right] = make_pair();
  const auto sent = test::test_pattern(500'000);
  const auto echo = [](UnixStream& stream) {
    std::array<std::byte, 4096> buffer{};
    while (true) {
      auto got = stream.read(buffer);
      if (!got || !got->is<BytesRead>()) break;
      if (!stream.write_all(std::span{buffer}.first(got->as<BytesRead>().count))) break;
    }
    (void)stream.finish_writing();
  };
  std::thread echoing{[&] { echo(right); }};
  std::thread writing{[&] {
    (void)left.write_all(sent);
    (void)left.finish_writing();
  }};
  EXPECT_EQ(read_to_the_end(left), sent);
  writing.join();
  echoing.join();
}

}  // namespace
}  // namespace ginnel
