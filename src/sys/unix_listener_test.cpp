#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>

#include "ginnel/sys/unix_socket.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

UnixListener listen_on(const UnixAddress& address, ListenOptions options = {}) {
  auto listener = UnixListener::listen(UnixType::stream, address, std::move(options));
  if (!listener) throw std::runtime_error{listener.error().message()};
  return std::move(*listener);
}

ListenOptions with_mode(mode_t mode) {
  ListenOptions options;
  options.mode = mode;
  return options;
}

bool exists(const std::string& path) {
  struct stat found{};
  return ::lstat(path.c_str(), &found) == 0;
}

/// A connection through the name goes to this listener, and bytes pass.
void expect_reachable(UnixListener& listener, const UnixAddress& address) {
  auto client = UnixStream::connect(address, Deadline::after(20s));
  ASSERT_TRUE(client) << client.error().message();
  auto server = listener.accept(Deadline::after(20s));
  ASSERT_TRUE(server && server->is<UniqueFd>());
  ASSERT_TRUE(write_all(server->as<UniqueFd>().get(), as_bytes("hello")));
  std::array<std::byte, 5> buffer{};
  EXPECT_EQ(client->as<UnixStream>().read(buffer, Deadline::after(20s))->as<BytesRead>().count, 5U);
}

TEST(UnixListener, PathsOfAnyLengthAreBoundReachedAndRemoved) {
  const test::ScratchDirectory scratch;
  const auto before = test::open_descriptor_count();
  std::string deep = scratch.path();
  while (deep.size() + 257 < PATH_MAX - 256) {
    deep += "/" + std::string(200, 'd');
    // Made step by step: mkdir takes the whole path, which stays below PATH_MAX.
    ASSERT_EQ(::mkdir(deep.c_str(), 0700), 0);
  }
  const std::string longest_path = deep + "/" + std::string(PATH_MAX - 1 - deep.size() - 1, 'p').substr(0, 255);
  const auto padded = [&](std::size_t length) {
    return scratch.file(std::string(length - scratch.path().size() - 1, 'x'));
  };
  for (const std::string& path :
       {padded(106), padded(107), padded(108), padded(109), scratch.file(std::string(80, 'a')),
        scratch.file(std::string(88, 'b')), scratch.file(std::string(255, 'c')), deep + "/s", longest_path}) {
    {
      UnixListener listener = listen_on({path});
      struct stat made{};
      ASSERT_EQ(::lstat(path.c_str(), &made), 0) << path.size();
      EXPECT_TRUE(S_ISSOCK(made.st_mode));
      expect_reachable(listener, {path});
      EXPECT_EQ(UnixListener::listen(UnixType::stream, {path}).error().code(), EADDRINUSE) << path.size();
    }
    EXPECT_FALSE(exists(path)) << path.size();
  }
  EXPECT_EQ(UnixListener::listen(UnixType::stream, {scratch.file(std::string(256, 'n'))}).error().code(), ENAMETOOLONG);
  EXPECT_EQ(UnixListener::listen(UnixType::stream, {"/" + std::string(PATH_MAX, 'n') + "/s"}).error().code(),
            ENAMETOOLONG);
  EXPECT_EQ(UnixListener::listen(UnixType::stream, {scratch.file("none") + "/s"}).error().code(), ENOENT);
  EXPECT_EQ(UnixListener::listen(UnixType::stream, {scratch.path() + "/"}).error().code(), EISDIR);
  EXPECT_EQ(UnixListener::listen(UnixType::stream, {""}).error().code(), EINVAL);
  EXPECT_EQ(UnixListener::listen(UnixType::datagram, {scratch.file("d")}).error().code(), EOPNOTSUPP);
  EXPECT_EQ(test::open_descriptor_count(), before);
}

TEST(UnixListener, AbstractNamesMayHave107BytesAndALiveOneIsNamedWithItsHolder) {
  std::string name = test::unique_name();
  name.front() = '@';
  name.resize(108, 'x');
  UnixListener listener = listen_on({name});
  expect_reachable(listener, {name});

  auto taken = UnixListener::listen(UnixType::stream, {name});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code(), EADDRINUSE);
  EXPECT_NE(taken.error().message().find("pid " + std::to_string(::getpid())), std::string::npos)
      << taken.error().message();

  auto too_long = UnixListener::listen(UnixType::stream, {name + "x"});
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code(), ENAMETOOLONG);
  EXPECT_NE(too_long.error().message().find("107"), std::string::npos);
  EXPECT_EQ(UnixStream::connect({name + "x"}).error().code(), ENAMETOOLONG);
}

TEST(UnixListener, ModeIsExactWhateverTheUmask) {
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("s");
  auto server = test::fork_child([&](test::Ready) {
    for (const mode_t mask : {0U, 0022U, 0077U}) {
      ::umask(mask);
      for (const mode_t mode : {0600U, 0660U, 0666U, 0200U}) {
        const UnixListener listener = listen_on({path}, with_mode(mode));
        struct stat made{};
        ASSERT_EQ(::lstat(path.c_str(), &made), 0);
        EXPECT_EQ(made.st_mode & 07777, mode);
        EXPECT_EQ(::umask(mask), mask);
      }
    }
  });
  EXPECT_TRUE(server.wait().success());
}

TEST(UnixListener, ModeIsNotWiderForAMoment) {
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("s");
  auto server = test::fork_child([&](test::Ready ready) {
    ::umask(0);
    ready.say();
    for (int round = 0; round < 1000; ++round) const UnixListener listener = listen_on({path}, with_mode(0600));
  });
  server.wait_until_ready();
  mode_t seen = 0;
  while (server.process().alive()) {
    struct stat now{};
    if (::lstat(path.c_str(), &now) == 0) seen |= now.st_mode & 07777;
  }
  EXPECT_EQ(seen, 0600U);
  EXPECT_TRUE(server.wait().success());
}

TEST(UnixListener, OwnerAndGroupAreGivenBeforeTheModeLetsAnybodyIn) {
  GINNEL_REQUIRE_ROOT();
  const test::ScratchDirectory scratch;
  ASSERT_EQ(::chmod(scratch.path().c_str(), 0711), 0);
  const std::string path = scratch.file("s");
  ListenOptions options = with_mode(0620);
  options.owner = 1234;
  options.group = test::other_uid;
  const UnixListener listener = listen_on({path}, options);
  struct stat made{};
  ASSERT_EQ(::lstat(path.c_str(), &made), 0);
  EXPECT_EQ(made.st_mode & 07777, 0620U);
  EXPECT_EQ(made.st_uid, 1234U);
  EXPECT_EQ(made.st_gid, test::other_uid);
  auto of_the_group =
      test::fork_child_as(test::other_uid, [&](test::Ready) { EXPECT_TRUE(UnixStream::connect({path})); });
  EXPECT_TRUE(of_the_group.wait().success());
  auto of_no_group =
      test::fork_child_as(4321, [&](test::Ready) { EXPECT_EQ(UnixStream::connect({path}).error().code(), EACCES); });
  EXPECT_TRUE(of_no_group.wait().success());
}

TEST(UnixListener, GivingThePathAwayWithoutPrivilegeIsRefusedAndLeavesNoPath) {
  GINNEL_REQUIRE_ROOT();
  const test::ScratchDirectory scratch;
  ASSERT_EQ(::chmod(scratch.path().c_str(), 0777), 0);
  auto user = test::fork_child_as(test::other_uid, [&](test::Ready) {
    const auto before = test::open_descriptor_count();
    ListenOptions options;
    options.owner = 0;
    auto refused = UnixListener::listen(UnixType::stream, {scratch.file("s")}, options);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EPERM);
    EXPECT_NE(refused.error().message().find("CAP_CHOWN"), std::string::npos);
    EXPECT_FALSE(exists(scratch.file("s")));
    EXPECT_EQ(test::open_descriptor_count(), before);
  });
  EXPECT_TRUE(user.wait().success());
}

TEST(UnixListener, OnlyListedUsersAndGroupsAreLetInAndOthersAreClosedAndTold) {
  GINNEL_REQUIRE_ROOT();
  const test::ScratchDirectory scratch;
  ASSERT_EQ(::chmod(scratch.path().c_str(), 0711), 0);
  const UnixAddress address{scratch.file("s")};
  ListenOptions options = with_mode(0666);
  options.allow_uids = {0};
  options.allow_gids = {4242};
  UnixListener listener = listen_on(address, options);

  auto stranger = test::fork_child_as(test::other_uid, [&](test::Ready) {
    auto stream = UnixStream::connect(address);
    ASSERT_TRUE(stream) << stream.error().message();
    std::array<std::byte, 8> buffer{};
    EXPECT_TRUE(stream->as<UnixStream>().read(buffer, Deadline::after(20s))->is<EndOfStream>());
  });
  auto refused = listener.accept(Deadline::after(20s));
  ASSERT_TRUE(refused && refused->is<Refused>());
  EXPECT_EQ(refused->as<Refused>().peer.uid, test::other_uid);
  EXPECT_EQ(refused->as<Refused>().peer.pid, stranger.pid());
  EXPECT_TRUE(stranger.wait().success());

  auto member = test::fork_child([&](test::Ready ready) {
    const std::array<gid_t, 2> groups{77, 4242};
    ASSERT_EQ(::setgroups(groups.size(), groups.data()), 0);
    ASSERT_EQ(::setresgid(99, 99, 99), 0);
    ASSERT_EQ(::setresuid(99, 99, 99), 0);
    auto stream = UnixStream::connect(address);
    ASSERT_TRUE(stream) << stream.error().message();
    ready.say();
    ready.wait_for_release();
  });
  auto admitted = listener.accept(Deadline::after(20s));
  ASSERT_TRUE(admitted && admitted->is<UniqueFd>());
  EXPECT_EQ(*peer_groups(admitted->as<UniqueFd>().get()), (std::vector<gid_t>{77, 4242}));
  member.wait_until_ready();
  member.release();
  EXPECT_TRUE(member.wait().success());

  auto root = UnixStream::connect(address);
  EXPECT_TRUE(listener.accept(Deadline::after(20s))->is<UniqueFd>());
}

TEST(UnixListener, AcceptWithoutADescriptorFreeLeavesTheConnectionInTheBacklogAndSaysSo) {
  const test::ScratchDirectory scratch;
  const UnixAddress address{scratch.file("s")};
  auto server = test::fork_child([&](test::Ready) {
    UnixListener listener = listen_on(address);
    auto client = UnixStream::connect(address);
    ASSERT_TRUE(client);
    const rlimit few{.rlim_cur = 16, .rlim_max = 16};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    std::vector<UniqueFd> filling;
    for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) filling.emplace_back(fd);

    auto full = listener.accept(Deadline::after(20s));
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code(), EMFILE);
    EXPECT_NE(full.error().message().find("stays in the backlog"), std::string::npos);
    EXPECT_NE(full.error().message().find("16"), std::string::npos);
    filling.clear();
    auto later = listener.accept(Deadline::immediately());
    ASSERT_TRUE(later) << later.error().message();
    EXPECT_TRUE(later->is<UniqueFd>());
  });
  EXPECT_TRUE(server.wait().success());
}

TEST(UnixListener, AcceptWaitsUntilItsDeadlineAndSurvivesAClientThatHasGone) {
  const test::ScratchDirectory scratch;
  const UnixAddress address{scratch.file("s")};
  UnixListener listener = listen_on(address);
  EXPECT_TRUE(listener.accept(Deadline::immediately())->is<TimedOut>());
  const auto before = Deadline::Clock::now();
  EXPECT_TRUE(listener.accept(Deadline::after(20ms))->is<TimedOut>());
  EXPECT_GE(Deadline::Clock::now() - before, 20ms);

  ASSERT_TRUE(UnixStream::connect(address));  // and closed again
  auto gone = listener.accept(Deadline::after(20s));
  ASSERT_TRUE(gone && gone->is<UniqueFd>());
  std::array<std::byte, 8> buffer{};
  EXPECT_TRUE(read_some(gone->as<UniqueFd>().get(), buffer)->is<EndOfStream>());
}

TEST(UnixListener, AForkedCopyRemovesNothingAndTheBinderDoes) {
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("s");
  {
    UnixListener listener = listen_on({path});
    auto child = test::fork_child([&](test::Ready) { const UnixListener taken = std::move(listener); });
    EXPECT_TRUE(child.wait().success());
    EXPECT_TRUE(exists(path));
    expect_reachable(listener, {path});
  }
  EXPECT_FALSE(exists(path));
}

TEST(UnixListener, ANameThatIsNoLongerThisSocketIsLeftAlone) {
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("s");
  {
    UnixListener listener = listen_on({path});
    ASSERT_EQ(::unlink(path.c_str()), 0);
    std::ofstream{path} << "somebody else's";
  }
  EXPECT_TRUE(exists(path));
  ASSERT_EQ(::unlink(path.c_str()), 0);

  // The path is that of the directory it was bound in, wherever the process or the directory goes.
  ASSERT_EQ(::mkdir(scratch.file("old").c_str(), 0700), 0);
  {
    UnixListener listener = listen_on({scratch.file("old/s")});
    ASSERT_EQ(::rename(scratch.file("old").c_str(), scratch.file("new").c_str()), 0);
    EXPECT_TRUE(exists(scratch.file("new/s")));
  }
  EXPECT_FALSE(exists(scratch.file("new/s")));
}

TEST(UnixListener, AssignmentClosesTheOldOneAndRemovesItsPath) {
  const test::ScratchDirectory scratch;
  UnixListener listener = listen_on({scratch.file("a")});
  listener = listen_on({scratch.file("b")});
  EXPECT_FALSE(exists(scratch.file("a")));
  expect_reachable(listener, {scratch.file("b")});
  const auto moved = std::move(listener);
  EXPECT_TRUE(exists(scratch.file("b")));
}

TEST(UnixListener, AdoptTakesListeningSocketsOnly) {
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("s");
  UnixListener bound = listen_on({path});
  {
    auto adopted = UnixListener::adopt(UniqueFd{::fcntl(bound.pollable(), F_DUPFD_CLOEXEC, 3)});
    ASSERT_TRUE(adopted) << adopted.error().message();
    EXPECT_EQ(adopted->type(), UnixType::stream);
    expect_reachable(*adopted, {path});
  }
  EXPECT_TRUE(exists(path));
  EXPECT_EQ(UnixListener::adopt(UniqueFd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)}).error().code(), EINVAL);
  EXPECT_EQ(UnixListener::adopt(UniqueFd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)}).error().code(), EPROTOTYPE);
  EXPECT_EQ(UnixListener::adopt(UniqueFd{::open("/dev/null", O_RDONLY | O_CLOEXEC)}).error().code(), ENOTSOCK);
}

}  // namespace
}  // namespace ginnel
