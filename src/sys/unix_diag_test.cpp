#include "ginnel/sys/unix_diag.hpp"

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "ginnel/core/process_id.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

std::uint64_t inode_of(int fd) {
  struct stat status{};
  EXPECT_EQ(::fstat(fd, &status), 0);
  return status.st_ino;
}

UniqueFd listener_at(const std::string& path, int backlog) {
  UniqueFd listener{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(&address.sun_path[0], sizeof address.sun_path - 1);
  EXPECT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(listener.get(), backlog), 0);
  return listener;
}

UniqueFd client_of(const std::string& path) {
  UniqueFd client{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(&address.sun_path[0], sizeof address.sun_path - 1);
  EXPECT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return client;
}

std::vector<UnixSocketInfo> all_sockets() {
  const auto diag = open_unix_diag();
  if (!diag) return {};
  auto sockets = unix_sockets(diag->get());
  EXPECT_TRUE(sockets.has_value());
  return sockets ? std::move(*sockets) : std::vector<UnixSocketInfo>{};
}

const UnixSocketInfo& find(const std::vector<UnixSocketInfo>& sockets, std::uint64_t inode) {
  static const UnixSocketInfo none;
  const auto found = std::ranges::find(sockets, inode, &UnixSocketInfo::inode);
  EXPECT_NE(found, sockets.end()) << "socket " << inode;
  return found == sockets.end() ? none : *found;
}

TEST(UnixDiag, TellsAPairWithWhatWaitsInIt) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const UniqueFd a{ends[0]};
  const UniqueFd b{ends[1]};
  ASSERT_EQ(::write(a.get(), "12345", 5), 5);

  const auto sockets = all_sockets();
  const UnixSocketInfo& receiver = find(sockets, inode_of(b.get()));
  EXPECT_EQ(receiver.receive_queue, 5U);
  EXPECT_EQ(receiver.peer, inode_of(a.get()));
  EXPECT_EQ(receiver.state, UnixSocketInfo::State::established);
  EXPECT_EQ(receiver.name, "");
  EXPECT_NE(receiver.cookie, find(sockets, inode_of(a.get())).cookie);
}

TEST(UnixDiag, TellsThatASenderHasNoRoomLeft) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0);
  const UniqueFd sender{ends[0]};
  const UniqueFd receiver{ends[1]};
  const std::array<char, 4096> block{};
  while (::write(sender.get(), block.data(), block.size()) > 0) {
  }
  ASSERT_EQ(errno, EAGAIN);

  const auto sockets = all_sockets();
  const UnixSocketInfo& full = find(sockets, inode_of(sender.get()));
  ASSERT_TRUE(full.send_buffer.has_value());
  EXPECT_GE(full.send_queue, *full.send_buffer);
  const UnixSocketInfo& idle = find(sockets, inode_of(receiver.get()));
  ASSERT_TRUE(idle.send_buffer.has_value());
  EXPECT_LT(idle.send_queue, *idle.send_buffer);
}

TEST(UnixDiag, TellsAListenerItsFileAndWhoWaitsToBeAccepted) {
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("s");
  const UniqueFd listener = listener_at(path, 7);
  const UniqueFd client = client_of(path);

  const auto sockets = all_sockets();
  const UnixSocketInfo& seen = find(sockets, inode_of(listener.get()));
  EXPECT_EQ(seen.state, UnixSocketInfo::State::listening);
  EXPECT_EQ(seen.name, path);
  EXPECT_EQ(seen.receive_queue, 1U);
  EXPECT_EQ(seen.send_queue, 7U);
  EXPECT_EQ(seen.pending, std::vector{inode_of(client.get())});
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  ASSERT_TRUE(seen.file.has_value());
  EXPECT_EQ(seen.file->inode, status.st_ino);
  EXPECT_EQ(seen.file->device, status.st_dev);
  EXPECT_FALSE(find(sockets, inode_of(client.get())).peer.has_value()) << "nobody has accepted it";
}

// As one leaves it whose reading failed in the middle.
TEST(UnixDiag, AnAnswerThatNobodyReadIsNotTakenForTheNext) {
  const auto diag = open_unix_diag();
  ASSERT_TRUE(diag.has_value());
  struct {
    nlmsghdr header;
    unix_diag_req request;
  } query{};
  query.header.nlmsg_len = sizeof query;
  query.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  query.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  query.request.sdiag_family = AF_UNIX;
  query.request.udiag_states = ~0U;
  ASSERT_EQ(::send(diag->get(), &query, sizeof query, 0), static_cast<ssize_t>(sizeof query));

  const UniqueFd later{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  for (int look = 0; look < 2; ++look) {
    const auto sockets = unix_sockets(diag->get());
    ASSERT_TRUE(sockets.has_value()) << sockets.error().message();
    EXPECT_EQ(find(*sockets, inode_of(later.get())).inode, inode_of(later.get()));
  }
}

TEST(UnixDiag, RubbishIsRefusedAndNothingIsReadBeyondIt) {
  std::vector<UnixSocketInfo> sockets;
  EXPECT_EQ(parse_unix_diag("x", sockets).error().code(), EBADMSG);
  nlmsghdr header{};
  header.nlmsg_len = 1000;  // longer than what came
  header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  EXPECT_EQ(parse_unix_diag({reinterpret_cast<const char*>(&header), sizeof header}, sockets).error().code(), EBADMSG);

  struct {
    nlmsghdr header;
    unix_diag_msg message;
    rtattr attribute;
  } truncated{};
  truncated.header.nlmsg_len = sizeof truncated;
  truncated.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  truncated.attribute.rta_len = 200;
  const auto parsed = parse_unix_diag({reinterpret_cast<const char*>(&truncated), sizeof truncated}, sockets);
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().code(), EBADMSG);
  EXPECT_TRUE(sockets.empty());
}

TEST(UnixDiag, AnErrorOfTheKernelIsPassedOn) {
  struct {
    nlmsghdr header;
    nlmsgerr error;
  } refusal{};
  refusal.header.nlmsg_len = sizeof refusal;
  refusal.header.nlmsg_type = NLMSG_ERROR;
  refusal.error.error = -EACCES;
  std::vector<UnixSocketInfo> sockets;
  EXPECT_EQ(parse_unix_diag({reinterpret_cast<const char*>(&refusal), sizeof refusal}, sockets).error().code(), EACCES);
}

}  // namespace
}  // namespace ginnel
