#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"

namespace ginnel {

/// What a helper brings back from other namespaces: text of its own form, and descriptors opened there, at most 253.
/// A descriptor goes on seeing where it was opened: /proc/sysvipc/shm its IPC namespace, a netlink socket its network namespace.
struct Carried {
  std::string bytes;
  std::vector<UniqueFd> descriptors;
};

/// Runs `work` in a helper process that has entered these namespaces (descriptors of /proc/PID/ns files, in this order), and
/// gives what it returned. The caller's own namespaces never change. The helper is a fork: it sees the caller's memory as
/// it is now, and what `work` changes is lost; it dies with the calling thread, and is killed at the deadline.
/// Of a pid namespace only its children would be members. In a program with several threads `work` may not take locks of
/// the program's own.
/// Errors: EPERM (setns: needs CAP_SYS_ADMIN there and here), ETIMEDOUT, ECHILD (the helper was killed), EAGAIN, ENOMEM, EMFILE, those of
/// `work`. Source: fork(2), setns(2).
[[nodiscard]] Result<Carried> run_inside(std::span<const int> namespaces, const std::function<Result<Carried>()>& work,
                                         Deadline deadline = Deadline::after(std::chrono::seconds{10}));

}  // namespace ginnel
