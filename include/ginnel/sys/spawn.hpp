#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ginnel/core/process_id.hpp"
#include "ginnel/core/result.hpp"

namespace ginnel {

/// A program and its arguments; argv[0] is looked up in the PATH that the program is to have, unless it has a slash.
using Command = std::vector<std::string>;

struct SpawnOptions {
  /// {descriptor here, number there}: all that the child gets beyond 0, 1 and 2. Everything else is closed on exec, also
  /// what other threads open without O_CLOEXEC meanwhile.
  std::vector<std::pair<int, int>> descriptors{};
  std::vector<std::string> extra_environment{};  ///< `NAME=value`, put in place of a variable of that name
  bool end_with_parent = false;                  ///< SIGKILL when the spawning thread ends (PR_SET_PDEATHSIG)
  std::vector<int> enter_namespaces{};           ///< descriptors of namespaces (setns) joined before exec
  std::optional<int> unshare_flags{};            ///< CLONE_NEW* flags given to unshare(2) before exec
  bool map_root_user = false;                    ///< with CLONE_NEWUSER: uid and gid of the caller become 0 inside
};

/// Starts a program, and returns once it runs: the calling thread, not the others, sleeps until the child has been executed.
/// Signals that the caller blocked or ignored are restored to what a shell would give: nothing blocked, SIGPIPE default; all
/// else as inherited. A program that cannot be executed is an error HERE, not a child that dies with 127. On any error
/// nothing is left running and nothing is left to collect.
/// The program is a child of the caller. Where SIGCHLD is ignored (SIG_IGN, SA_NOCLDWAIT) the kernel collects it: then
/// collect() is ECHILD and wait() still tells its end; one that ended before it could be identified is ESRCH here.
/// Thread-safe, also beside threads that fork. Works under seccomp filters that refuse clone3.
/// Errors: E2BIG, EACCES (not executable), ENOENT (not found: the error names the program), ENOEXEC, EAGAIN
/// (RLIMIT_NPROC or the cgroup's pids.max), ENOMEM, EMFILE; EPERM, ENOSPC of unshare and setns. Source: clone(2), execve(2).
[[nodiscard]] Result<Process> spawn(const Command& command, SpawnOptions options = {});

}  // namespace ginnel
