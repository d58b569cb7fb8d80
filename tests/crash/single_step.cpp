#include "crash/single_step.hpp"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace ginnel::crash {
namespace {

enum Progress : std::uint32_t { before = 0, inside = 1, after = 2 };
constexpr rlim_t processor_time_s = 2;
constexpr int skipped = 77;  // as ctest is told

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(3);
}

std::uint32_t* share_a_word() {
  void* page = ::mmap(nullptr, sizeof(std::uint32_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) give_up("mmap");
  return static_cast<std::uint32_t*>(page);
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) give_up("waitpid");
  return status;
}

[[noreturn]] void be_stepped(const std::function<void()>& body, std::uint32_t* shared_progress) {
  const std::atomic_ref progress{*shared_progress};
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit limit{.rlim_cur = processor_time_s, .rlim_max = processor_time_s + 1};
  ::setrlimit(RLIMIT_CPU, &limit);
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) < 0) ::_exit(skipped);
  ::raise(SIGSTOP);
  progress.store(inside);
  body();
  progress.store(after);
  ::_exit(0);
}

}  // namespace

SteppedProcess::SteppedProcess(const std::function<void()>& body) : progress_{share_a_word()} {
  std::fflush(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) give_up("fork");
  if (pid_ == 0) be_stepped(body, progress_);
  alive_ = true;
  if (!WIFSTOPPED(wait_for(pid_))) {
    std::fputs("tracing is forbidden here\n", stderr);
    std::exit(skipped);
  }
  while (std::atomic_ref{*progress_}.load() == before)
    if (!step_once()) give_up("a child's first steps");
}

bool SteppedProcess::step_once() {
  if (::ptrace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr) < 0) give_up("ptrace");
  const int status = wait_for(pid_);
  if (WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP) return true;
  if (!WIFSTOPPED(status)) alive_ = false;
  return false;
}

long SteppedProcess::step(long most) {
  long steps = 0;
  while (steps < most && !ended() && step_once()) ++steps;
  return steps;
}

bool SteppedProcess::ended() const noexcept { return std::atomic_ref{*progress_}.load() == after; }

bool SteppedProcess::run_to_end() {
  if (ended()) return true;
  if (::ptrace(PTRACE_CONT, pid_, nullptr, nullptr) < 0) give_up("ptrace");
  const int status = wait_for(pid_);
  if (!WIFSTOPPED(status)) alive_ = false;
  return ended();
}

void SteppedProcess::kill() {
  if (alive_) {
    ::kill(pid_, SIGKILL);
    while (WIFSTOPPED(wait_for(pid_))) {
    }
    alive_ = false;
  }
}

SteppedProcess::~SteppedProcess() {
  kill();
  ::munmap(progress_, sizeof(std::uint32_t));
}

long count_instructions(const std::function<void()>& body) {
  SteppedProcess process{body};
  const long count = process.step(LONG_MAX);
  if (!process.ended()) give_up("count the instructions of an operation");
  return count;
}

}  // namespace ginnel::crash
