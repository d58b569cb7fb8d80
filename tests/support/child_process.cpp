#include "support/child_process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <thread>

#include "ginnel/core/deadline.hpp"

namespace ginnel::test {
namespace {

using namespace std::chrono_literals;

constexpr auto watchdog = 30s;

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "test support: %s: %s\n", what, ::strerrordesc_np(errno));
  std::abort();
}

std::array<UniqueFd, 2> make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) < 0) give_up("pipe2");
  return {UniqueFd{fds[0]}, UniqueFd{fds[1]}};
}

/// False when the watchdog ran out.
bool readable_in_time(int fd) {
  const Deadline deadline = Deadline::after(watchdog);
  pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.remaining());
    const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) give_up("poll");
  }
}

ssize_t read_some_bytes(int fd, char* buffer, std::size_t size) {
  ssize_t got = 0;
  do got = ::read(fd, buffer, size);
  while (got < 0 && errno == EINTR);
  return got;
}

void drop_privileges(uid_t uid) {
  if (::setgroups(0, nullptr) < 0 || ::setresgid(uid, uid, uid) < 0 || ::setresuid(uid, uid, uid) < 0)
    give_up("setresuid");
  // The change of user made the process undumpable and dropped the parent-death signal.
  ::prctl(PR_SET_DUMPABLE, 1);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/// A child that leaves by _exit runs no destructor of the parent's objects, and gtest's report stays the parent's.
[[noreturn]] void run_body(const std::function<void(Ready)>& body, Ready ready) {
  int code = 0;
  try {
    body(ready);
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    if (test != nullptr && test->result()->Failed()) code = 1;
  } catch (const std::exception& thrown) {
    std::fprintf(stderr, "child threw: %s\n", thrown.what());
    code = 70;
  }
  std::fflush(nullptr);
  ::_exit(code);
}

ChildProcess fork_with(const std::function<void(Ready)>& body, uid_t uid, bool change_user) {
  auto [report_read, report_write] = make_pipe();
  auto [release_read, release_write] = make_pipe();
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) give_up("fork");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    // The parent may have ended before the line above; it is 0 to the first process of a pid namespace.
    if (const pid_t now = ::getppid(); now != parent && now != 0) ::_exit(71);
    report_read.reset();
    release_write.reset();
    if (change_user) drop_privileges(uid);
    run_body(body, Ready{report_write.get(), release_read.get()});
  }
  auto process = Process::open(pid);
  if (!process) give_up("pidfd_open");
  return ChildProcess{std::move(*process), std::move(report_read), std::move(release_write)};
}

}  // namespace

void Ready::say(std::string_view line) const {
  std::string text{line};
  text.push_back('\n');
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t put = ::write(report_, rest.data(), rest.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) ::_exit(72);
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
}

void Ready::wait_for_release() const {
  char byte = 0;
  if (read_some_bytes(release_, &byte, 1) != 1) ::_exit(73);
}

void Ready::stay() const {
  while (true) ::pause();
}

void Ready::stay_with_a_child() const {
  const pid_t child = ::fork();
  if (child < 0) give_up("fork");
  if (child > 0) say(std::to_string(child));
  stay();
}

ChildProcess::ChildProcess(Process process, UniqueFd reports, UniqueFd release) noexcept
    : process_{std::move(process)}, reports_{std::move(reports)}, release_{std::move(release)} {}

ChildProcess::~ChildProcess() {
  if (!reports_.valid() || collected_) return;  // moved from, or done
  (void)process_.signal(SIGKILL);
  (void)process_.collect();
}

std::string ChildProcess::next_line() {
  while (true) {
    if (const auto end = pending_.find('\n'); end != std::string::npos) {
      std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return line;
    }
    if (!readable_in_time(reports_.get())) give_up("the child said nothing for 30 s");
    std::array<char, 4096> buffer{};
    const ssize_t got = read_some_bytes(reports_.get(), buffer.data(), buffer.size());
    if (got <= 0) return std::exchange(pending_, {});
    pending_.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

void ChildProcess::wait_until_ready() {
  if (next_line().empty()) ADD_FAILURE() << "the child ended before it was ready";
}

void ChildProcess::release() {
  const char byte = 1;
  if (::write(release_.get(), &byte, 1) != 1) give_up("release a child");
}

ExitStatus ChildProcess::kill_and_reap(int signal_number) {
  signal(signal_number);
  return wait();
}

ExitStatus ChildProcess::wait() {
  auto ended = process_.collect(Deadline::after(watchdog));
  if (!ended) give_up("collect a child");
  if (ended->is<TimedOut>()) give_up("the child did not end within 30 s");
  collected_ = true;
  return ended->as<ExitStatus>();
}

void ChildProcess::signal(int signal_number) {
  if (!process_.signal(signal_number)) give_up("signal a child");
}

void ChildProcess::stop() {
  signal(SIGSTOP);
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid()), &info, WSTOPPED | WNOWAIT) < 0) give_up("wait for a stop");
}

void ChildProcess::resume() { signal(SIGCONT); }

ChildProcess fork_child(const std::function<void(Ready)>& body) { return fork_with(body, 0, false); }

ChildProcess fork_child_as(uid_t uid, const std::function<void(Ready)>& body) { return fork_with(body, uid, true); }

ProgramResult run_program(const std::vector<std::string>& argv, std::string_view input) {
  auto [input_read, input_write] = make_pipe();
  auto [output_read, output_write] = make_pipe();
  auto [error_read, error_write] = make_pipe();

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input_read.get(), 0);
  ::posix_spawn_file_actions_adddup2(&actions, output_write.get(), 1);
  ::posix_spawn_file_actions_adddup2(&actions, error_write.get(), 2);
  std::vector<char*> pointers;
  for (const std::string& argument : argv) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  pid_t pid = 0;
  errno = ::posix_spawnp(&pid, pointers[0], &actions, nullptr, pointers.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (errno != 0) give_up(pointers[0]);
  input_read.reset();
  output_write.reset();
  error_write.reset();

  ProgramResult result;
  const auto drain = [](UniqueFd& from, std::string& into) {
    std::array<char, 65536> buffer{};
    for (ssize_t got = 0; (got = read_some_bytes(from.get(), buffer.data(), buffer.size())) > 0;)
      into.append(buffer.data(), static_cast<std::size_t>(got));
  };
  std::thread feeder{[&] {
    sigset_t sigpipe;
    ::sigemptyset(&sigpipe);
    ::sigaddset(&sigpipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &sigpipe, nullptr);
    while (!input.empty()) {
      const ssize_t put = ::write(input_write.get(), input.data(), input.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) break;
      input.remove_prefix(static_cast<std::size_t>(put));
    }
    input_write.reset();
  }};
  std::thread error_reader{[&] { drain(error_read, result.errors); }};
  drain(output_read, result.output);
  feeder.join();
  error_reader.join();

  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED) < 0)
    if (errno != EINTR) give_up("waitid");
  result.status.how = info.si_code == CLD_EXITED ? ExitStatus::How::exited : ExitStatus::How::killed;
  result.status.value = info.si_status;
  return result;
}

}  // namespace ginnel::test
