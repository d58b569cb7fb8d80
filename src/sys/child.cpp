#include "ginnel/sys/child.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "system_call.hpp"

namespace ginnel {
namespace {

constexpr int ended_by_exception = 255;

int code_of(const std::function<int()>& body) noexcept {
  try {
    return body();
  } catch (...) {
    return ended_by_exception;
  }
}

}  // namespace

Result<Process> start_child(const std::function<int()>& body) {
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return std::unexpected{Error::last("fork")};
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int code = ::getppid() == parent ? code_of(body) : 0;
    ::_exit(code);  // allowed: the child ends here, without the caller's exit handlers
  }
  auto process = Process::open(child);
  if (process) return process;
  ::kill(child, SIGKILL);
  retry_interrupted([&] { return ::waitpid(child, nullptr, 0); });
  return process;
}

}  // namespace ginnel
