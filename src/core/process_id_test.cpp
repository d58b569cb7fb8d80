#include "ginnel/core/process_id.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "support/child_process.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;
using test::fork_child;
using test::Ready;

/// A child with a pid of the caller's choice. clone3(2), set_tid: needs privilege over the pid namespace.
pid_t fork_with_pid(pid_t wanted) {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  arguments.set_tid = reinterpret_cast<std::uint64_t>(&wanted);
  arguments.set_tid_size = 1;
  return static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
}

[[noreturn]] void sleep_until_killed() {
  while (true) ::pause();
}

TEST(ProcessIdentityOf, IsTheSameEachTimeAndIsReadBack) {
  auto self = ProcessIdentity::self();
  ASSERT_TRUE(self) << self.error().message();
  EXPECT_EQ(self->pid, ::getpid());
  EXPECT_GT(self->start_ticks, 0U);
  EXPECT_GT(self->pid_namespace, 0U);
  EXPECT_EQ(self->boot_id.size(), 36U);
  EXPECT_EQ(*ProcessIdentity::of(::getpid()), *self);
  auto parsed = ProcessIdentity::parse(self->to_string());
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(*parsed, *self);
}

TEST(ProcessIdentityOf, OddCommandNamesAreReadAllTheSame) {
  for (const char* name : {") (", "a b) R 1 2", "x\ny)", "))))"}) {
    auto child = fork_child([&](Ready ready) {
      ASSERT_EQ(::prctl(PR_SET_NAME, name), 0);
      ready.say(ProcessIdentity::self()->to_string());
      ready.stay();
    });
    auto told = ProcessIdentity::parse(child.next_line());
    ASSERT_TRUE(told);
    auto plain = child.process().identity();
    EXPECT_EQ(*told, plain);
  }
}

TEST(ProcessIdentityOf, WhatIsNoIdentityIsRefused) {
  const std::string good = ProcessIdentity::self()->to_string();
  for (const std::string& text :
       {std::string{}, std::string{"1"}, "x" + good, good + "x", good.substr(0, good.size() - 1),
        std::string{"0:1:2:"} + std::string(36, 'a'), std::string{"1:2:3:"} + std::string(36, 'Z')})
    EXPECT_EQ(ProcessIdentity::parse(text).error().code(), EINVAL) << text;
}

TEST(ProcessIdentityOf, AFreePidIsNoProcess) {
  auto child = fork_child([](Ready) {});
  const pid_t pid = child.pid();
  EXPECT_TRUE(child.wait().success());
  EXPECT_EQ(ProcessIdentity::of(pid).error().code(), ESRCH);
  EXPECT_EQ(Process::open(pid).error().code(), ESRCH);
  EXPECT_FALSE(Process::open(0));
  EXPECT_FALSE(Process::open(-1));
}

TEST(ProcessHandle, KnowsTheEndAlsoBeforeTheParentHasCollectedIt) {
  auto child = fork_child([](Ready ready) {
    ready.say();
    ready.stay();
  });
  child.wait_until_ready();
  auto process = Process::open(child.pid());
  ASSERT_TRUE(process) << process.error().message();
  EXPECT_TRUE(process->alive());
  auto still = process->wait(Deadline::immediately());
  ASSERT_TRUE(still);
  EXPECT_TRUE(still->is<TimedOut>());

  child.signal(SIGKILL);
  auto ended = process->wait();
  ASSERT_TRUE(ended);
  EXPECT_TRUE(ended->is<Done>());
  EXPECT_FALSE(process->alive());
  auto late = process->signal(SIGTERM);
  ASSERT_TRUE(late);
  EXPECT_TRUE(late->is<PeerGone>());
  auto status = process->collect();
  ASSERT_TRUE(status);
  EXPECT_EQ(status->as<ExitStatus>(), (ExitStatus{ExitStatus::How::killed, SIGKILL}));
  EXPECT_EQ(process->collect().error().code(), ECHILD);
  ASSERT_TRUE(process->signal(0));
  EXPECT_TRUE(process->signal(0)->is<PeerGone>());
}

TEST(ProcessHandle, WaitsForAProcessThatIsNotItsChild) {
  auto target = fork_child([](Ready ready) {
    ready.say();
    ready.stay();
  });
  target.wait_until_ready();
  auto watcher = fork_child([pid = target.pid()](Ready ready) {
    auto process = Process::open(pid);
    ASSERT_TRUE(process);
    ready.say();
    EXPECT_TRUE(process->wait()->is<Done>());
    EXPECT_EQ(process->collect().error().code(), ECHILD);
  });
  watcher.wait_until_ready();
  target.kill_and_reap(SIGKILL);
  EXPECT_TRUE(watcher.wait().success());
}

TEST(ProcessHandle, AnotherUsersProcessCanBeHeldAndNotSignalled) {
  GINNEL_REQUIRE_ROOT();
  auto other = test::fork_child_as(test::other_uid, [parent = ::getpid()](Ready) {
    auto process = Process::open(parent);
    ASSERT_TRUE(process) << process.error().message();
    EXPECT_TRUE(process->alive());
    EXPECT_EQ(process->signal(SIGTERM).error().code(), EPERM);
  });
  EXPECT_TRUE(other.wait().success());
}

TEST(ProcessHandle, AnIdentityOfAnotherBootOrStartIsAnotherProcess) {
  auto identity = *ProcessIdentity::self();
  EXPECT_TRUE(Process::open(identity));
  auto later = identity;
  ++later.start_ticks;
  EXPECT_EQ(Process::open(later).error().code(), ESRCH);
  auto rebooted = identity;
  rebooted.boot_id = std::string(36, '0');
  EXPECT_EQ(Process::open(rebooted).error().code(), ESRCH);
  auto unknown_namespace = identity;
  unknown_namespace.pid_namespace = 0;
  EXPECT_TRUE(Process::open(unknown_namespace));
}

// A pid is reused on demand: kill(pid, 0) would say that the old process lives.
TEST(ProcessHandle, AReusedPidIsNeverTakenForTheOldProcess) {
  GINNEL_REQUIRE_ROOT();
  auto init_parent = fork_child([](Ready) {
    ASSERT_EQ(::unshare(CLONE_NEWPID), 0);
    auto init = fork_child([](Ready) {
      // /proc of the new pid namespace, for the start times; mounted where the parent does not see it
      ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
      ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
      ASSERT_EQ(::mount("proc", "/proc", "proc", 0, nullptr), 0);
      constexpr pid_t wanted = 200;
      const pid_t first = fork_with_pid(wanted);
      if (first == 0) sleep_until_killed();
      ASSERT_EQ(first, wanted);
      auto old = Process::open(wanted);
      ASSERT_TRUE(old) << old.error().message();
      ASSERT_TRUE(old->signal(SIGKILL)->is<Done>());
      ASSERT_TRUE(old->collect());

      // Start times count in ticks of 10 ms: the next owner of the number starts in a later one.
      const timespec tick{.tv_sec = 0, .tv_nsec = 20'000'000};
      ::clock_nanosleep(CLOCK_MONOTONIC, 0, &tick, nullptr);  // allowed: time itself is what must pass
      const pid_t second = fork_with_pid(wanted);
      if (second == 0) sleep_until_killed();
      ASSERT_EQ(second, wanted);
      EXPECT_EQ(::kill(wanted, 0), 0);
      EXPECT_FALSE(old->alive());
      EXPECT_TRUE(old->signal(SIGKILL)->is<PeerGone>());
      EXPECT_EQ(Process::open(old->identity()).error().code(), ESRCH);

      auto now = Process::open(wanted);
      ASSERT_TRUE(now);
      EXPECT_TRUE(now->alive());
      EXPECT_NE(now->identity(), old->identity());
      ASSERT_TRUE(now->signal(SIGTERM));
      EXPECT_EQ(now->collect()->as<ExitStatus>().value, SIGTERM);
    });
    EXPECT_TRUE(init.wait().success());
  });
  EXPECT_TRUE(init_parent.wait().success());
}

TEST(ProcessHandle, IsAdoptedFromAPidfdAndFromNothingElse) {
  auto child = fork_child([](Ready ready) { ready.stay(); });
  UniqueFd pidfd{static_cast<int>(::syscall(SYS_pidfd_open, child.pid(), 0))};
  ASSERT_TRUE(pidfd.valid());
  auto adopted = Process::adopt(std::move(pidfd));
  ASSERT_TRUE(adopted) << adopted.error().message();
  EXPECT_EQ(adopted->identity(), child.process().identity());

  const auto before = test::open_descriptors();
  auto no_pidfd = Process::adopt(UniqueFd{::open("/dev/null", O_RDONLY | O_CLOEXEC)});
  ASSERT_FALSE(no_pidfd);
  EXPECT_EQ(no_pidfd.error().code(), EBADF);
  EXPECT_EQ(test::open_descriptors(), before);

  UniqueFd stale{static_cast<int>(::syscall(SYS_pidfd_open, child.pid(), 0))};
  child.kill_and_reap(SIGKILL);
  EXPECT_EQ(Process::adopt(std::move(stale)).error().code(), ESRCH);
}

TEST(ProcessHandle, AThreadIsNoProcess) {
  // The number of a thread other than the first: pidfd_open(2) refuses it.
  auto child = fork_child([](Ready ready) {
    std::array<char, 65536> stack{};
    const auto pause_for_ever = [](void*) -> int { sleep_until_killed(); };
    const pid_t thread =
        ::clone(pause_for_ever, stack.data() + stack.size(),
                CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, nullptr);
    ready.say(std::to_string(thread));
    ready.stay();
  });
  const pid_t thread = std::stoi(child.next_line());
  ASSERT_GT(thread, 0);
  EXPECT_FALSE(Process::open(thread));
}

TEST(ExitStatusText, SaysWhatHappened) {
  EXPECT_EQ((ExitStatus{ExitStatus::How::exited, 3}).to_string(), "exit 3");
  EXPECT_EQ((ExitStatus{ExitStatus::How::killed, SIGTERM}).to_string(), "killed by SIGTERM");
  EXPECT_EQ((ExitStatus{ExitStatus::How::killed, SIGSEGV, true}).to_string(), "killed by SIGSEGV (core dumped)");
  EXPECT_EQ((ExitStatus{ExitStatus::How::killed, SIGRTMIN + 1}).to_string(), "killed by SIGRTMIN+1");
  EXPECT_TRUE((ExitStatus{}).success());
}

}  // namespace
}  // namespace ginnel
