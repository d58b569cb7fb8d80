#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "ginnel/core/outcome.hpp"
#include "ginnel/core/process_id.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/sys/io.hpp"

namespace ginnel {

// Copies between the memories of two processes in one step, without a buffer in the kernel. The other process consents by
// what ptrace(2) asks for: same user and dumpable, and under Yama's ptrace_scope 1 PR_SET_PTRACER (allow_access_by).
// The copy is not atomic: what changes meanwhile may come half-changed.

/// Reads from an address of the other process; fewer bytes than asked for when the range ends in unmapped memory.
/// Errors: EPERM (no consent; the hint names the rules that may forbid it), EFAULT (nothing readable at that address),
/// ENOSYS. PeerGone when the process has ended. The process is known by its pidfd before and after the copy, so that a
/// reused pid is never taken for it; a process that calls execve(2) stays the same process with another memory.
/// Thread-safe. Source: process_vm_readv(2), ptrace(2).
[[nodiscard]] Result<Outcome<BytesRead, PeerGone>> read_memory(const Process& process, std::uintptr_t address,
                                                               std::span<std::byte> destination);
/// Writes there, with the same outcomes and errors (EFAULT: nothing writable at that address). Since the kernel takes a
/// bare pid, the check before the write can be overtaken by the reuse of the pid within the call; the pid of a child that
/// is not collected yet cannot be reused.
[[nodiscard]] Result<Outcome<BytesWritten, PeerGone>> write_memory(const Process& process, std::uintptr_t address,
                                                                   std::span<const std::byte> data);
/// Lets one process (and its descendants) read and write this one's memory, where Yama restricts that; does nothing
/// elsewhere. It takes the place of an earlier permission. Errors: ESRCH (that process has ended).
/// Source: prctl(2), PR_SET_PTRACER.
[[nodiscard]] Result<void> allow_access_by(const Process& process);

}  // namespace ginnel
