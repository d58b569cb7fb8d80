#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ginnel/core/process_id.hpp"
#include "ginnel/core/unique_fd.hpp"

// Real second processes for tests. Readiness comes through a pipe, never from time; every child dies with the test
// (PR_SET_PDEATHSIG) and is killed and collected by its handle at the latest.

namespace ginnel::test {

/// In the child: tells the parent something, and hears when it may go on.
class Ready {
 public:
  Ready(int report, int release) noexcept : report_{report}, release_{release} {}
  /// One line to the parent; the first one makes wait_until_ready() return.
  void say(std::string_view line = "ready") const;
  /// Waits until the parent calls release(); ends the child if the parent has gone.
  void wait_for_release() const;
  /// For ever, until killed.
  [[noreturn]] void stay() const;
  /// The same, with a child of its own from fork(2), which lives on: it inherits all that is open here. Its pid is said as a line, and
  /// whoever hears it ends it.
  [[noreturn]] void stay_with_a_child() const;

 private:
  int report_;
  int release_;
};

class [[nodiscard]] ChildProcess {
 public:
  ChildProcess(Process process, UniqueFd reports, UniqueFd release) noexcept;
  ChildProcess(ChildProcess&&) noexcept = default;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();

  /// The child's next line; empty when it ended without one. A watchdog of 30 s aborts the test.
  [[nodiscard]] std::string next_line();
  /// next_line(), which must not be empty.
  void wait_until_ready();
  void release();
  /// Sends a signal and collects the child.
  ExitStatus kill_and_reap(int signal_number);
  /// Waits for the child's own end, for 30 s at most.
  [[nodiscard]] ExitStatus wait();
  void signal(int signal_number);
  /// Stops it (SIGSTOP) and returns once it has stopped.
  void stop();
  void resume();
  [[nodiscard]] const Process& process() const noexcept { return process_; }
  [[nodiscard]] pid_t pid() const noexcept { return process_.pid(); }

 private:
  Process process_;
  UniqueFd reports_;
  UniqueFd release_;
  std::string pending_;
  bool collected_ = false;
};

/// Forks. The child runs `body` and ends with 0, with 1 when it failed an
/// EXPECT_ or ASSERT_ (whose text it prints), or with 70 when it threw; it never runs the parent's destructors or exit handlers.
[[nodiscard]] ChildProcess fork_child(const std::function<void(Ready)>& body);

/// The same as another user, who has no privilege and no supplementary group. The test is to be skipped when the
/// caller is not root: see require_root().
[[nodiscard]] ChildProcess fork_child_as(uid_t uid, const std::function<void(Ready)>& body);
inline constexpr uid_t other_uid = 65534;

/// Runs a program to its end: what it printed, what it said on standard error, how it ended. Standard input is `input`.
struct ProgramResult {
  std::string output;
  std::string errors;
  ExitStatus status;
};
[[nodiscard]] ProgramResult run_program(const std::vector<std::string>& argv, std::string_view input = {});

}  // namespace ginnel::test

/// Skips a test that needs root, and says so.
#define GINNEL_REQUIRE_ROOT() \
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: a second user, or a mount"
