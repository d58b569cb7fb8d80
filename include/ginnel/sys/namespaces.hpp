#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "ginnel/core/process_id.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"
#include "ginnel/sys/spawn.hpp"

namespace ginnel {

// Any thread may call these, and none changes a namespace of the caller's: commands are run in a child, by spawn(). What is
// said there of threads that fork at the same time, and of who may collect a Process, is so here. A namespace's descriptor
// is inherited by a child of fork(2) and closed by exec(2).

enum class NamespaceKind { cgroup, ipc, mount, network, pid, time, user, uts };
inline constexpr std::array all_namespace_kinds{NamespaceKind::cgroup,  NamespaceKind::ipc, NamespaceKind::mount,
                                                NamespaceKind::network, NamespaceKind::pid, NamespaceKind::time,
                                                NamespaceKind::user,    NamespaceKind::uts};
[[nodiscard]] std::string_view to_string(NamespaceKind kind) noexcept;  ///< as in /proc/PID/ns: `ipc`, `mnt`, `net`, …

/// Which namespace: equal for two processes exactly when they are in the same one, while one of them lives.
struct NamespaceIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  auto operator<=>(const NamespaceIdentity&) const = default;
};

/// Errors: ESRCH (it has ended), EACCES (another user's process; needs CAP_SYS_PTRACE), ENOENT (the kernel has no namespaces
/// of that kind, or /proc is not mounted). Source: namespaces(7).
[[nodiscard]] Result<NamespaceIdentity> namespace_identity(const Process& process, NamespaceKind kind);
[[nodiscard]] Result<NamespaceIdentity> own_namespace_identity(NamespaceKind kind);

/// A descriptor by which to enter it (setns), close-on-exec; keeps the namespace alive while it is open.
/// Errors: as namespace_identity(), EMFILE, ENFILE. Source: namespaces(7).
[[nodiscard]] Result<UniqueFd> open_namespace(const Process& process, NamespaceKind kind);

/// Runs a command in a new IPC namespace: System V objects and POSIX queues of its own, which go with its last process.
/// POSIX shared memory and semaphores are files of the mount namespace, and stay shared.
/// Without the privilege for it (CAP_SYS_ADMIN) a user namespace is made as well, in which the caller is root.
/// Errors: EPERM (user namespaces are switched off here: tells the sysctls), ENOSPC (user.max_ipc_namespaces or
/// user.max_user_namespaces), and those of spawn(). Source: ipc_namespaces(7), unshare(2).
[[nodiscard]] Result<Process> run_in_new_ipc_namespace(const Command& command, SpawnOptions options = {});

/// Runs a command in another process's namespace, where need be by way of the user namespace of that process, which its
/// owner may enter. Of a pid or time namespace only the command's children become members: no process changes its own.
/// Errors: EPERM (needs CAP_SYS_ADMIN there), ESRCH (it has ended), EACCES (another user's process), and those of spawn().
/// Source: setns(2).
[[nodiscard]] Result<Process> run_in_namespace_of(const Process& process, NamespaceKind kind, const Command& command,
                                                  SpawnOptions options = {});

}  // namespace ginnel
