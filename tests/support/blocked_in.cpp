#include "support/blocked_in.hpp"

#include <sched.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "ginnel/core/deadline.hpp"

namespace ginnel::test {

void wait_until_blocked_in(pid_t pid, long system_call) {
  const std::string path = "/proc/" + std::to_string(pid) + "/syscall";
  const Deadline deadline = Deadline::after(std::chrono::seconds{30});
  while (!deadline.passed()) {
    std::ifstream file{path};
    std::string word;
    if (file >> word && word == std::to_string(system_call)) return;  // "running" while it does not sleep
    ::sched_yield();
  }
  std::fprintf(stderr, "test support: process %d did not come to sleep in system call %ld within 30 s\n", pid,
               system_call);
  std::abort();
}

}  // namespace ginnel::test
