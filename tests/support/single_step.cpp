#include "support/single_step.hpp"

#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace ginnel::test {
namespace {

constexpr int tracing_is_forbidden = 90;

int wait_for_stop(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) {
      std::perror("waitpid");
      std::abort();
    }
  return status;
}

struct Stepped {
  long steps = 0;
  bool ended = false;
};

std::optional<Stepped> step(long most, const std::function<void()>& body) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) {
    std::perror("fork");
    std::abort();
  }
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) < 0) ::_exit(tracing_is_forbidden);
    ::raise(SIGSTOP);
    body();
    ::raise(SIGSTOP);
    ::_exit(0);
  }

  int status = wait_for_stop(child);
  if (WIFEXITED(status)) return std::nullopt;
  Stepped stepped;
  while (stepped.steps < most) {
    if (::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) < 0) break;
    status = wait_for_stop(child);
    if (!WIFSTOPPED(status) || WSTOPSIG(status) == SIGSTOP) {
      stepped.ended = true;
      break;
    }
    ++stepped.steps;
  }
  if (WIFSTOPPED(status)) {
    ::kill(child, SIGKILL);
    while (WIFSTOPPED(wait_for_stop(child))) {
    }
  }
  return stepped;
}

}  // namespace

std::optional<bool> kill_after_steps(long steps, const std::function<void()>& body) {
  const auto stepped = step(steps, body);
  if (!stepped) return std::nullopt;
  return !stepped->ended;
}

std::optional<long> count_steps(const std::function<void()>& body) {
  const auto stepped = step(LONG_MAX, body);
  if (!stepped) return std::nullopt;
  return stepped->steps;
}

}  // namespace ginnel::test
