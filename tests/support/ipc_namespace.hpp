#pragma once

#include <string>

// Limits of System V objects and POSIX queues are met in an IPC namespace of the test's own, with limits lowered there: the
// machine's are untouched, and what a failed test leaves behind is gone with its last process.

namespace ginnel::test {

/// Whether this user may make one: root outside of a container that forbids it.
[[nodiscard]] bool ipc_namespace_possible();
/// Moves this process, a child made for it, into a new IPC namespace. Aborts when refused.
void enter_new_ipc_namespace();
/// Sets a limit of the present namespace by its name, as `kernel.msgmni`. Aborts when refused.
void set_kernel_setting(std::string name, const std::string& value);
/// Becomes another user without any privilege. Aborts when refused.
void become_user(unsigned uid);

}  // namespace ginnel::test

#define GINNEL_REQUIRE_IPC_NAMESPACE() \
  if (!::ginnel::test::ipc_namespace_possible()) GTEST_SKIP() << "needs the right to make an IPC namespace"
