#include "unix_bind.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>

#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"
#include "unix_address.hpp"

// Stale paths: what a dead server left is replaced, and nothing else ever is.

namespace ginnel {
namespace {

using namespace std::chrono_literals;

Result<UnixListener> try_to_listen(const std::string& path, UnixType type = UnixType::stream) {
  return UnixListener::listen(type, {path});
}

bool exists(const std::string& path) {
  struct stat found{};
  return ::lstat(path.c_str(), &found) == 0;
}

/// A socket file whose server has been killed.
void leave_stale(const std::string& path, UnixType type = UnixType::stream) {
  auto killed = test::fork_child([&](test::Ready ready) {
    auto listener = try_to_listen(path, type);
    ASSERT_TRUE(listener) << listener.error().message();
    ready.say();
    ready.stay();
  });
  killed.wait_until_ready();
  killed.kill_and_reap(SIGKILL);
  ASSERT_TRUE(exists(path));
}

/// A server that knows nothing of ginnel: bound, and listening if so wanted.
UniqueFd foreign_server(const std::string& path, UnixType type, bool listening) {
  auto socket = make_socket(type);
  const SocketName name = plain_name(path);
  EXPECT_EQ(::bind(socket->get(), name.get(), name.length), 0);
  if (listening) {
    EXPECT_EQ(::listen(socket->get(), 8), 0);
  }
  return std::move(*socket);
}

void expect_in_use(const std::string& path, std::string_view reason, UnixType type = UnixType::stream) {
  struct stat before{};
  ASSERT_EQ(::lstat(path.c_str(), &before), 0);
  auto refused = try_to_listen(path, type);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), EADDRINUSE);
  EXPECT_NE(refused.error().message().find(reason), std::string::npos) << refused.error().message();
  struct stat after{};
  ASSERT_EQ(::lstat(path.c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
}

TEST(StaleSocket, IsReplacedWhateverItsTypeAndTheNewOnes) {
  const test::ScratchDirectory scratch;
  for (const std::string& path : {scratch.file("s"), scratch.file(std::string(255, 'l'))}) {
    for (const UnixType left : {UnixType::stream, UnixType::seqpacket}) {
      for (const UnixType taking : {UnixType::stream, UnixType::seqpacket}) {
        leave_stale(path, left);
        auto listener = try_to_listen(path, taking);
        ASSERT_TRUE(listener) << listener.error().message();
      }
    }
    leave_stale(path);
    auto datagram = UnixDatagram::bind({path});
    ASSERT_TRUE(datagram) << datagram.error().message();
  }
  EXPECT_EQ(::rmdir(scratch.path().c_str()), 0) << "something was left behind";
}

TEST(StaleSocket, ALiveServerIsNamedAndNeverRemovedNorDisturbed) {
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("s");
  auto server = test::fork_child([&](test::Ready ready) {
    auto listener = try_to_listen(path);
    ASSERT_TRUE(listener);
    ready.say();
    ready.wait_for_release();
    // Whoever asked whether this server lives did not connect to it.
    EXPECT_TRUE(listener->accept(Deadline::immediately())->is<TimedOut>());
  });
  server.wait_until_ready();
  for (const UnixType type : {UnixType::stream, UnixType::seqpacket})
    expect_in_use(path, "pid " + std::to_string(server.pid()), type);
  EXPECT_EQ(UnixDatagram::bind({path}).error().code(), EADDRINUSE);
  server.stop();
  expect_in_use(path, "pid " + std::to_string(server.pid()));
  server.resume();
  server.release();
  EXPECT_TRUE(server.wait().success());
}

TEST(StaleSocket, AForeignServerIsNeverRemovedWhetherItListensOrNotAlsoAfterARename) {
  const test::ScratchDirectory scratch;
  for (const UnixType type : {UnixType::stream, UnixType::seqpacket, UnixType::datagram}) {
    for (const bool listening : {false, true}) {
      if (type == UnixType::datagram && listening) continue;
      const UniqueFd server = foreign_server(scratch.file("first"), type, listening);
      expect_in_use(scratch.file("first"), "a live server");
      ASSERT_EQ(::rename(scratch.file("first").c_str(), scratch.file("renamed").c_str()), 0);
      expect_in_use(scratch.file("renamed"), "pid " + std::to_string(::getpid()));
      ASSERT_EQ(::unlink(scratch.file("renamed").c_str()), 0);
    }
  }
}

TEST(StaleSocket, AConnectedDatagramSocketIsAliveToo) {
  const test::ScratchDirectory scratch;
  const UniqueFd server = foreign_server(scratch.file("s"), UnixType::datagram, false);
  const UniqueFd peer = foreign_server(scratch.file("peer"), UnixType::datagram, false);
  const SocketName name = plain_name(scratch.file("peer"));
  ASSERT_EQ(::connect(server.get(), name.get(), name.length), 0);
  expect_in_use(scratch.file("s"), "a live server");
}

TEST(StaleSocket, AServerWhoseForkedChildServesOnIsAliveAfterItsOwnDeath) {
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("s");
  auto binder = try_to_listen(path);
  ASSERT_TRUE(binder);
  auto child = test::fork_child([&](test::Ready ready) {
    ready.say();
    ready.stay();
  });
  child.wait_until_ready();
  // As after a kill: the binder's own descriptor goes and the path stays.
  ASSERT_EQ(::rename(path.c_str(), scratch.file("kept").c_str()), 0);
  {
    const UnixListener closed = std::move(*binder);
  }
  expect_in_use(scratch.file("kept"), "pid " + std::to_string(child.pid()));
  child.kill_and_reap(SIGKILL);
  EXPECT_TRUE(try_to_listen(scratch.file("kept")));
}

TEST(StaleSocket, WhatIsNoSocketIsNeverRemoved) {
  const test::ScratchDirectory scratch;
  std::ofstream{scratch.file("file")} << "precious";
  ASSERT_EQ(::mkdir(scratch.file("folder").c_str(), 0700), 0);
  ASSERT_EQ(::mkfifo(scratch.file("fifo").c_str(), 0600), 0);
  ASSERT_EQ(::symlink("/nowhere", scratch.file("dangling").c_str()), 0);
  leave_stale(scratch.file("stale"));
  ASSERT_EQ(::symlink("stale", scratch.file("link").c_str()), 0);
  for (const char* name : {"file", "folder", "fifo", "dangling", "link"})
    expect_in_use(scratch.file(name), "no socket stands there");
  EXPECT_TRUE(exists(scratch.file("stale")));
}

TEST(StaleSocket, Of32StartersOneWinsAndTheOthersAreToldWhoAndAfterAKillTheNextStartSucceeds) {
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("s");
  leave_stale(path);
  constexpr int starters = 32;
  for (int round = 0; round < 3; ++round) {  // each after the winner of the one before was killed
    std::vector<test::ChildProcess> children;
    for (int i = 0; i < starters; ++i) {
      children.push_back(test::fork_child([&](test::Ready ready) {
        ready.say();
        ready.wait_for_release();
        auto listener = try_to_listen(path);
        if (!listener) {
          ready.say(errno_name(listener.error().code()) + " " + listener.error().message());
          ready.stay();
        }
        ready.say("won");
        ready.stay();
      }));
    }
    for (auto& child : children) child.wait_until_ready();
    for (auto& child : children) child.release();
    std::vector<std::string> lines;
    pid_t winner = 0;
    int winners = 0;
    for (auto& child : children) {
      lines.push_back(child.next_line());
      if (lines.back() != "won") continue;
      winner = child.pid();
      ++winners;
    }
    ASSERT_EQ(winners, 1);
    for (const std::string& line : lines) {
      if (line == "won") continue;
      EXPECT_TRUE(line.starts_with("EADDRINUSE")) << line;
      EXPECT_NE(line.find("pid " + std::to_string(winner)), std::string::npos) << line;
    }
    EXPECT_TRUE(UnixStream::connect({path}));
    for (auto& child : children) child.kill_and_reap(SIGKILL);
  }
  EXPECT_TRUE(try_to_listen(path));
}

TEST(StaleSocket, WhoeverHoldsTheDirectorysLockReplacesItAndTheStarterThatWaitedFindsTheNewServer) {
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("s");
  leave_stale(path);
  UniqueFd directory{::open(scratch.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  ASSERT_EQ(::flock(directory.get(), LOCK_EX), 0);
  auto starter = test::fork_child([&](test::Ready) {
    auto refused = try_to_listen(path);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EADDRINUSE);
    EXPECT_NE(refused.error().message().find("a live server"), std::string::npos) << refused.error().message();
  });
  test::wait_until_blocked_in(starter.pid(), SYS_clock_nanosleep);  // the pause between two tries of the lock
  ASSERT_EQ(::unlink(path.c_str()), 0);
  const UniqueFd server = foreign_server(path, UnixType::stream, true);
  ASSERT_EQ(::flock(directory.get(), LOCK_UN), 0);
  EXPECT_EQ(starter.wait().to_string(), "exit 0");
}

TEST(StaleSocket, InADirectoryThatMayNotBeReadItStaysAndTheErrorSaysWhy) {
  GINNEL_REQUIRE_ROOT();
  const test::ScratchDirectory scratch;
  ASSERT_EQ(::chmod(scratch.path().c_str(), 0733), 0);
  auto user = test::fork_child_as(test::other_uid, [&](test::Ready) {
    leave_stale(scratch.file("s"));
    auto refused = try_to_listen(scratch.file("s"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EADDRINUSE);
    EXPECT_NE(refused.error().message().find("EACCES"), std::string::npos) << refused.error().message();
    EXPECT_TRUE(try_to_listen(scratch.file("fresh")));
  });
  EXPECT_TRUE(user.wait().success());
}

TEST(StaleSocket, OfAnotherUserStaysAndTheErrorSaysWhy) {
  GINNEL_REQUIRE_ROOT();
  const test::ScratchDirectory scratch;
  ASSERT_EQ(::chmod(scratch.path().c_str(), 01777), 0);
  leave_stale(scratch.file("private"));
  leave_stale(scratch.file("public"));
  ASSERT_EQ(::chmod(scratch.file("public").c_str(), 0666), 0);
  auto user = test::fork_child_as(test::other_uid, [&](test::Ready) {
    auto untold = try_to_listen(scratch.file("private"));
    ASSERT_FALSE(untold);
    EXPECT_EQ(untold.error().code(), EADDRINUSE);
    EXPECT_NE(untold.error().message().find("cannot be told"), std::string::npos) << untold.error().message();
    auto kept = try_to_listen(scratch.file("public"));
    ASSERT_FALSE(kept);
    EXPECT_EQ(kept.error().code(), EPERM);
    EXPECT_NE(kept.error().message().find("its owner or root can"), std::string::npos) << kept.error().message();
  });
  EXPECT_TRUE(user.wait().success());
  EXPECT_TRUE(exists(scratch.file("private")));
  EXPECT_TRUE(exists(scratch.file("public")));
}

TEST(StaleSocket, SocatIsLeftAloneWhileItListensAndServedAfterItWasKilled) {
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("s");
  const std::string option = "UNIX-LISTEN:" + path;
  std::array<const char*, 6> arguments{"socat", "-d", "-d", option.c_str(), "PIPE", nullptr};
  std::array<int, 2> log{};
  ASSERT_EQ(::pipe2(log.data(), O_CLOEXEC), 0);
  const UniqueFd log_read{log[0]};
  UniqueFd log_write{log[1]};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, log_write.get(), 2);
  pid_t pid = 0;
  const int spawned = ::posix_spawnp(&pid, "socat", &actions, nullptr, const_cast<char**>(arguments.data()), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ASSERT_EQ(spawned, 0);
  log_write.reset();
  auto socat = Process::open(pid);
  ASSERT_TRUE(socat);
  const test::AtEnd reap{[&] {
    (void)socat->signal(SIGKILL);
    (void)socat->collect();
  }};
  std::string said;
  std::array<std::byte, 512> buffer{};
  while (said.find("listening on") == std::string::npos) {
    auto got = read_some(log_read.get(), buffer, Deadline::after(20s));
    ASSERT_TRUE(got && got->is<BytesRead>()) << said;
    said += as_text(std::span{buffer}.first(got->as<BytesRead>().count));
  }

  expect_in_use(path, "(socat)");
  auto client = UnixStream::connect({path});  // socat serves one connection: it was not used up by our asking
  ASSERT_TRUE(client) << client.error().message();
  ASSERT_TRUE(client->as<UnixStream>().write_all(as_bytes("echo")));
  EXPECT_EQ(client->as<UnixStream>().read(buffer, Deadline::after(20s))->as<BytesRead>().count, 4U);

  ASSERT_TRUE(socat->signal(SIGKILL));
  ASSERT_TRUE(socat->wait());
  auto listener = try_to_listen(path);
  EXPECT_TRUE(listener) << listener.error().message();
}

}  // namespace
}  // namespace ginnel
