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

/// A child that lets itself be traced and stands before what the prepared body does; it stands again behind it, and ends with 0 or 1.
pid_t fork_traced(const std::function<std::function<bool()>()>& prepare) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) {
    std::perror("fork");
    std::abort();
  }
  if (child > 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const std::function<bool()> body = prepare();
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) < 0) ::_exit(tracing_is_forbidden);
  ::raise(SIGSTOP);
  const bool success = body();
  ::raise(SIGSTOP);
  ::_exit(success ? 0 : 1);
}

/// From where it stands.
Stepped step(pid_t child, long most) {
  Stepped stepped;
  while (stepped.steps < most && !stepped.ended) {
    if (::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) < 0) break;
    const int status = wait_for_stop(child);
    stepped.ended = !WIFSTOPPED(status) || WSTOPSIG(status) == SIGSTOP;
    if (!stepped.ended) ++stepped.steps;
  }
  return stepped;
}

std::optional<Stepped> step_and_kill(long most, const std::function<void()>& body) {
  const pid_t child = fork_traced([&] {
    return [&] {
      body();
      return true;
    };
  });
  if (WIFEXITED(wait_for_stop(child))) return std::nullopt;
  const Stepped stepped = step(child, most);
  ::kill(child, SIGKILL);
  while (WIFSTOPPED(wait_for_stop(child))) {
  }
  return stepped;
}

}  // namespace

std::optional<bool> kill_after_steps(long steps, const std::function<void()>& body) {
  const auto stepped = step_and_kill(steps, body);
  if (!stepped) return std::nullopt;
  return !stepped->ended;
}

std::optional<long> count_steps(const std::function<void()>& body) {
  const auto stepped = step_and_kill(LONG_MAX, body);
  if (!stepped) return std::nullopt;
  return stepped->steps;
}

std::optional<Stand> stand_after_steps(long steps, const std::function<std::function<bool()>()>& prepare,
                                       const std::function<void()>& meanwhile) {
  const pid_t child = fork_traced(prepare);
  if (WIFEXITED(wait_for_stop(child))) return std::nullopt;
  const Stepped stepped = step(child, steps);
  int status = 0;
  do {
    meanwhile();
    ::ptrace(PTRACE_CONT, child, nullptr, nullptr);
    status = wait_for_stop(child);
  } while (WIFSTOPPED(status));
  return Stand{.ended_before = stepped.ended, .success = WIFEXITED(status) && WEXITSTATUS(status) == 0};
}

}  // namespace ginnel::test
