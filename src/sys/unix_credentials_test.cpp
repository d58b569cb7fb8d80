#include "unix_credentials.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "support/child_process.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

TEST(UnixCredentials, TellWhoConnectedAndHoldItsProcess) {
  const test::ScratchDirectory scratch;
  auto listener = UnixListener::listen(UnixType::stream, {scratch.file("s")});
  ASSERT_TRUE(listener);
  auto client = test::fork_child([&](test::Ready ready) {
    auto stream = UnixStream::connect({scratch.file("s")});
    ASSERT_TRUE(stream);
    ready.say();
    ready.stay();
  });
  client.wait_until_ready();
  auto accepted = listener->accept();
  ASSERT_TRUE(accepted && accepted->is<UniqueFd>());
  const int socket = accepted->as<UniqueFd>().get();
  auto peer = peer_credentials(socket);
  ASSERT_TRUE(peer);
  EXPECT_EQ(peer->pid, client.pid());
  EXPECT_EQ(peer->uid, ::geteuid());
  EXPECT_EQ(peer->gid, ::getegid());
  EXPECT_TRUE(peer_groups(socket));

  auto process = peer_process(socket);
  ASSERT_TRUE(process) << process.error().message();
  EXPECT_EQ(process->identity(), client.process().identity());
  auto by_number = process_by_credentials(*peer);
  ASSERT_TRUE(by_number) << by_number.error().message();
  EXPECT_EQ(by_number->identity(), client.process().identity());
  Credentials of_another_user = *peer;
  of_another_user.uid = peer->uid + 4711;
  EXPECT_EQ(process_by_credentials(of_another_user).error().code(), ESRCH);

  client.kill_and_reap(SIGKILL);
  EXPECT_FALSE(process->alive());
  EXPECT_EQ(peer_credentials(socket)->pid, peer->pid);
  EXPECT_EQ(peer_process(socket).error().code(), ESRCH);
  EXPECT_EQ(process_by_credentials(*peer).error().code(), ESRCH);
}

TEST(UnixCredentials, UsersOfAStatusThatIsCutOffAreNoneAndNothingBehindItIsRead) {
  const std::string_view whole = "Name:\tx\nUid:\t1000\t1001\t1002\t1003\nGid:\t1\n";
  EXPECT_EQ(parse_users(whole), (std::array<uid_t, 4>{1000, 1001, 1002, 1003}));
  const std::size_t end_of_line = whole.find("\nGid");
  for (std::size_t length = 0; length <= end_of_line; ++length)
    EXPECT_FALSE(parse_users(whole.substr(0, length)).has_value()) << whole.substr(0, length);
  for (const char* text :
       {"", "\nUid:", "\nUid:\t", "\nUid:\tx\n", "\nUid:\t1\t2\t3\tx\n", "\nUid:\t99999999999\t1\t1\t1\n"})
    EXPECT_FALSE(parse_users(text).has_value()) << text;
}

TEST(UnixCredentials, WithoutAPeerAreNotConnectedAndOfAPairAreItsMakers) {
  const UniqueFd alone{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  EXPECT_EQ(peer_credentials(alone.get()).error().code(), ENOTCONN);
  EXPECT_EQ(peer_groups(alone.get()).error().code(), ENOTCONN);
  EXPECT_EQ(peer_process(alone.get()).error().code(), ENOTCONN);
  EXPECT_EQ(peer_credentials(0).error().code(), ENOTSOCK);
  auto pair = UnixStream::pair();
  EXPECT_EQ(peer_credentials(pair->first.pollable())->pid, ::getpid());
}

}  // namespace
}  // namespace ginnel
