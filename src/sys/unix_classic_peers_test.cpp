#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "ginnel/sys/unix_socket.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"

// The tools that engineers have at hand, on the other end of our sockets, and ours on the other end of theirs.

namespace ginnel {
namespace {

using namespace std::chrono_literals;

/// Serves one connection: reads to the end, then answers. In a child.
void serve_once(UnixListener& listener, std::string_view expected, std::string_view answer) {
  auto accepted = listener.accept(Deadline::after(20s));
  ASSERT_TRUE(accepted && accepted->is<UniqueFd>());
  auto stream = UnixStream::adopt(std::move(accepted->as<UniqueFd>()));
  ASSERT_TRUE(stream);
  std::vector<std::byte> received(expected.size());
  ASSERT_EQ(read_all(stream->pollable(), received, Deadline::after(20s))->bytes, expected.size());
  EXPECT_EQ(as_text(received), expected);
  ASSERT_TRUE(stream->write_all(as_bytes(answer)));
}

TEST(UnixClassicPeers, SocatAndNetcatTalkToOurListener) {
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("s");
  const std::string large(500'000, 'x');
  for (const std::vector<std::string>& client : {std::vector<std::string>{"socat", "-t10", "-", "UNIX-CONNECT:" + path},
                                                 std::vector<std::string>{"nc", "-U", "-N", path}}) {
    auto listener = UnixListener::listen(UnixType::stream, {path});
    ASSERT_TRUE(listener);
    auto server = test::fork_child([&](test::Ready) { serve_once(*listener, large, "answer"); });
    const auto result = test::run_program(client, large);
    EXPECT_EQ(result.output, "answer") << client[0] << ": " << result.errors;
    EXPECT_TRUE(server.wait().success());
  }
}

/// Until a server that cannot tell us when it is ready is there.
UnixStream connect_when_ready(const std::string& path) {
  const Deadline deadline = Deadline::after(20s);
  while (true) {
    auto stream = UnixStream::connect({path}, deadline);
    if (stream) return std::move(stream->as<UnixStream>());
    if (deadline.passed()) throw std::runtime_error{stream.error().message()};
    std::this_thread::yield();
  }
}

TEST(UnixClassicPeers, WeTalkToListenersOfSocatAndNetcat) {
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("s");
  for (const std::vector<std::string>& server :
       {std::vector<std::string>{"socat", "-t10", "-", "UNIX-LISTEN:" + path + ",unlink-close"},
        std::vector<std::string>{"nc", "-l", "-N", "-U", path}}) {
    auto client = test::fork_child([&](test::Ready) {
      UnixStream stream = connect_when_ready(path);
      ASSERT_TRUE(stream.write_all(as_bytes("from us")));
      std::array<std::byte, 9> buffer{};
      ASSERT_EQ(read_all(stream.pollable(), buffer, Deadline::after(20s))->bytes, 9U);
      EXPECT_EQ(as_text(buffer), "from them");
      ASSERT_TRUE(stream.finish_writing());
    });
    const auto result = test::run_program(server, "from them");
    EXPECT_EQ(result.output, "from us") << server[0] << ": " << result.errors;
    EXPECT_TRUE(client.wait().success());
    ::unlink(path.c_str());  // nc leaves its path
  }
}

TEST(UnixClassicPeers, SocatExchangesSeqpacketsAndDatagramsWithUs) {
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("s");
  auto listener = UnixListener::listen(UnixType::seqpacket, {path});
  ASSERT_TRUE(listener);
  auto server = test::fork_child([&](test::Ready) {
    auto accepted = listener->accept(Deadline::after(20s));
    ASSERT_TRUE(accepted && accepted->is<UniqueFd>());
    auto socket = UnixSeqpacket::adopt(std::move(accepted->as<UniqueFd>()));
    std::array<std::byte, 64> buffer{};
    EXPECT_EQ(socket->receive(buffer, Deadline::after(20s))->as<ReceivedMessage>().bytes, 7U);
    ASSERT_TRUE(socket->send(as_bytes("answer")));
  });
  EXPECT_EQ(test::run_program({"socat", "-t10", "-", "UNIX-CONNECT:" + path + ",type=5"}, "message").output, "answer");
  EXPECT_TRUE(server.wait().success());

  auto datagrams = UnixDatagram::bind({scratch.file("d")});
  ASSERT_TRUE(datagrams);
  EXPECT_TRUE(test::run_program({"socat", "-u", "-", "UNIX-SENDTO:" + scratch.file("d")}, "datagram").status.success());
  std::array<std::byte, 64> buffer{};
  EXPECT_EQ(datagrams->receive(buffer, Deadline::after(20s))->as<ReceivedMessage>().bytes, 8U);
}

}  // namespace
}  // namespace ginnel
