#include "ginnel/sys/spawn.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "ginnel/sys/pipe.hpp"
#include "support/child_process.hpp"
#include "support/refused_call.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

Pipe make_pipe() {
  auto pipe = Pipe::create();
  EXPECT_TRUE(pipe) << pipe.error().message();
  return std::move(*pipe);
}

ExitStatus end_of(Result<Process>& process) {
  EXPECT_TRUE(process) << process.error().message();
  auto ended = process->collect(Deadline::after(30s));
  EXPECT_TRUE(ended && ended->is<ExitStatus>());
  return ended->as<ExitStatus>();
}

std::string output_of(const Command& command, SpawnOptions options = {}) {
  Pipe pipe = make_pipe();
  options.descriptors.emplace_back(pipe.write_end.get(), 1);
  auto process = spawn(command, std::move(options));
  pipe.write_end.reset();
  std::vector<std::byte> buffer(65536);
  auto got = read_all(pipe.read_end.get(), buffer);
  EXPECT_TRUE(end_of(process).success());
  return std::string{as_text(std::span{buffer}.first(got->bytes))};
}

TEST(Spawn, TellsHowTheProgramEnded) {
  auto three = spawn({"sh", "-c", "exit 3"});
  EXPECT_EQ(end_of(three), (ExitStatus{ExitStatus::How::exited, 3}));
  auto killed = spawn({"sh", "-c", "kill -TERM $$"});
  EXPECT_EQ(end_of(killed), (ExitStatus{ExitStatus::How::killed, SIGTERM}));
}

TEST(Spawn, AProgramThatCannotBeExecutedIsAnErrorThatNamesIt) {
  const test::ScratchDirectory scratch;
  const auto before = test::open_descriptors();
  auto missing = spawn({"ginnel-no-such-program"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ENOENT);
  EXPECT_EQ(missing.error().message(), "execve ginnel-no-such-program: ENOENT: no such program in PATH");

  const std::string plain = scratch.file("plain");
  std::ofstream{plain} << "no program\n";
  auto forbidden = spawn({plain});
  ASSERT_FALSE(forbidden);
  EXPECT_EQ(forbidden.error().code(), EACCES);
  ASSERT_EQ(::chmod(plain.c_str(), 0700), 0);
  auto no_format = spawn({plain});
  ASSERT_FALSE(no_format);
  EXPECT_EQ(no_format.error().code(), ENOEXEC);
  auto empty = spawn({});
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code(), EINVAL);
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(Spawn, WantOfDescriptorsInTheChildIsToldWithTheCallThatWantedThem) {
  auto child = test::fork_child([](test::Ready) {
    const UniqueFd null{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    SpawnOptions options;
    for (int number = 3; number < 18; ++number) options.descriptors.emplace_back(null.get(), number);
    const auto refused_with_at_most = [&](rlim_t most) {
      rlimit few{};
      EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &few), 0);
      few.rlim_cur = most;
      EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
      auto started = spawn({"true"}, options);
      EXPECT_FALSE(started);
      if (started) throw std::runtime_error{"it was started"};
      EXPECT_EQ(started.error().operation(), "fcntl F_DUPFD_CLOEXEC");
      EXPECT_NE(started.error().message().find("ulimit -n"), std::string::npos) << started.error().message();
      return started.error().code();
    };
    // The 15 copies, and that of the pipe of the start, have the numbers 18 to 33; one of them is taken.
    const UniqueFd in_the_way{::fcntl(null.get(), F_DUPFD_CLOEXEC, 20)};
    EXPECT_EQ(refused_with_at_most(34), EMFILE);
    EXPECT_EQ(refused_with_at_most(27), EINVAL);
  });
  EXPECT_TRUE(child.wait().success());
}

TEST(Spawn, TheProgramIsLookedUpInThePathThatItIsGiven) {
  const test::ScratchDirectory scratch;
  const std::string script = scratch.file("ginnel-here-only");
  std::ofstream{script} << "#!/bin/sh\necho found\n";
  ASSERT_EQ(::chmod(script.c_str(), 0700), 0);
  EXPECT_FALSE(spawn({"ginnel-here-only"}));
  EXPECT_EQ(output_of({"ginnel-here-only"}, {.extra_environment = {"PATH=/nowhere:" + scratch.path()}}), "found\n");
}

TEST(Spawn, TheProgramGetsTheDescriptorsThatItIsGivenAndNoOther) {
  Pipe pipe = make_pipe();
  const UniqueFd leaky{::open("/dev/null", O_RDONLY)};  // without O_CLOEXEC, as a careless library would
  ASSERT_TRUE(leaky.valid());
  const std::string listing = output_of({"sh", "-c", "ls /proc/self/fd"}, {.descriptors = {{pipe.read_end.get(), 7}}});
  EXPECT_EQ(listing, "0\n1\n2\n3\n7\n");  // 3 is the listing's own
}

TEST(Spawn, DescriptorsCanTradePlaces) {
  const test::ScratchDirectory scratch;
  std::array<UniqueFd, 2> files;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string path = scratch.file(std::to_string(i));
    std::ofstream{path} << "file " << i << '\n';
    files[i] = UniqueFd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  }
  const int a = files[0].get();
  const int b = files[1].get();
  const std::string script = "cat <&" + std::to_string(a) + "; cat <&" + std::to_string(b);
  EXPECT_EQ(output_of({"bash", "-c", script}, {.descriptors = {{a, b}, {b, a}}}), "file 1\nfile 0\n");
}

TEST(Spawn, SignalsAreAsAShellWouldSetThem) {
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto old = std::signal(SIGPIPE, SIG_IGN);
  const test::AtEnd restore{[&] {
    std::signal(SIGPIPE, old);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }};
  const std::string status = output_of({"grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"});
  EXPECT_EQ(status, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
  sigset_t now;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
  EXPECT_EQ(::sigismember(&now, SIGTERM), 1);
}

TEST(Spawn, VariablesOfTheEnvironmentArePutInPlaceOfTheOldOnes) {
  ::setenv("GINNEL_TEST_VARIABLE", "old", 1);
  EXPECT_EQ(output_of({"sh", "-c", "echo $GINNEL_TEST_VARIABLE; env | grep -c GINNEL_TEST_VARIABLE"},
                      {.extra_environment = {"GINNEL_TEST_VARIABLE=new"}}),
            "new\n1\n");
  ::unsetenv("GINNEL_TEST_VARIABLE");
}

TEST(Spawn, EndsWithItsParentWhenAsked) {
  Pipe alive = make_pipe();
  auto parent = test::fork_child([&](test::Ready ready) {
    alive.read_end.reset();
    auto process = spawn({"sh", "-c", "echo started >&5; exec sleep 1000"},
                         {.descriptors = {{alive.write_end.get(), 5}}, .end_with_parent = true});
    ASSERT_TRUE(process) << process.error().message();
    alive.write_end.reset();
    ready.say();
    ready.stay();
  });
  alive.write_end.reset();
  std::array<std::byte, 16> buffer{};
  ASSERT_TRUE(read_some(alive.read_end.get(), buffer)->is<BytesRead>());
  parent.wait_until_ready();
  parent.kill_and_reap(SIGKILL);
  // The write end was the grandchild's: the stream ends with it.
  auto rest = read_all(alive.read_end.get(), buffer, Deadline::after(30s));
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->end, Transfer::End::end_of_stream);
}

TEST(Spawn, AnUnprivilegedUserGetsANewNamespaceThroughAUserNamespace) {
  GINNEL_REQUIRE_ROOT();
  auto other = test::fork_child_as(test::other_uid, [](test::Ready) {
    EXPECT_EQ(output_of({"id", "-u"}, {.unshare_flags = CLONE_NEWUSER | CLONE_NEWIPC, .map_root_user = true}), "0\n");
    auto refused = spawn({"true"}, {.unshare_flags = CLONE_NEWIPC});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EPERM);
    EXPECT_EQ(refused.error().operation(), "unshare");
  });
  EXPECT_TRUE(other.wait().success());
}

TEST(Spawn, WorksWhereAFilterRefusesClone3) {
  for (const int code : {ENOSYS, EPERM}) {
    auto confined = test::fork_child([&](test::Ready) {
      test::refuse_system_call(SYS_clone3, code);
      ASSERT_EQ(::syscall(SYS_clone3, nullptr, 0), -1);
      ASSERT_EQ(errno, code);
      EXPECT_EQ(output_of({"echo", "ran"}), "ran\n");
      EXPECT_EQ(spawn({"ginnel-no-such-program"}).error().code(), ENOENT);
      ASSERT_EQ(::waitpid(-1, nullptr, 0), -1);
      EXPECT_EQ(errno, ECHILD);
    });
    EXPECT_TRUE(confined.wait().success());
  }
}

TEST(Spawn, WhereTheKernelCollectsChildrenTheEndIsToldAndAFailureNamesItsCause) {
  auto careless = test::fork_child([](test::Ready) {
    std::signal(SIGCHLD, SIG_IGN);
    auto missing = spawn({"ginnel-no-such-program"});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code(), ENOENT);

    Pipe input = make_pipe();
    auto process = spawn({"cat"}, {.descriptors = {{input.read_end.get(), 0}}});
    ASSERT_TRUE(process) << process.error().message();
    EXPECT_TRUE(process->alive());
    input.write_end.reset();
    auto ended = process->wait(Deadline::after(30s));
    ASSERT_TRUE(ended);
    EXPECT_TRUE(ended->is<Done>());
    auto collected = process->collect(Deadline::after(30s));
    ASSERT_FALSE(collected);
    EXPECT_EQ(collected.error().code(), ECHILD);
  });
  EXPECT_TRUE(careless.wait().success());
}

// A copy of this process that another thread forks between two steps of spawn holds all descriptors that are open then.
TEST(Spawn, ThreadsThatForkMeanwhileDoNotHangIt) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP()
      << "a child that clone(2) makes inherits ThreadSanitizer's own locks, held by threads that it has not got";
#endif
  constexpr std::size_t copies_wanted = 40;
  std::atomic<std::size_t> copies_made{0};
  std::atomic<bool> done{false};
  std::thread forker{[&] {
    std::vector<test::ChildProcess> copies;
    for (; copies_made.load() < copies_wanted; copies_made.fetch_add(1))
      copies.push_back(test::fork_child([](test::Ready ready) { ready.stay(); }));
    done.wait(false);  // the copies end with the thread that forked them
  }};
  while (copies_made.load() < copies_wanted) {
    auto process = spawn({"true"});
    EXPECT_TRUE(end_of(process).success());
    EXPECT_EQ(spawn({"ginnel-no-such-program"}).error().code(), ENOENT);
  }
  done.store(true);
  done.notify_one();
  forker.join();
}

TEST(Spawn, ThreadsThatOpenAndAllocateMeanwhileNeitherLeakIntoTheProgramNorHangIt) {
  std::atomic<bool> stop{false};
  std::thread busy{[&] {
    while (!stop.load()) {
      const UniqueFd opened{::open("/dev/null", O_RDONLY)};
      std::string text(2000, 'x');
      text.append(2000, 'y');
    }
  }};
  for (int i = 0; i < 50; ++i) EXPECT_EQ(output_of({"ls", "/proc/self/fd"}), "0\n1\n2\n3\n");
  stop.store(true);
  busy.join();
}

}  // namespace
}  // namespace ginnel
