#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ginnel/inventory/snapshot.hpp"

namespace ginnel::inventory {

/// Whose limit it is: who shares it, and so who else can use it up.
enum class LimitScope : std::uint8_t { kernel, ipc_namespace, network_namespace, user, process, cgroup, file_system };
/// As in the JSON: `kernel ipc-namespace network-namespace user process cgroup file-system`.
[[nodiscard]] std::string_view to_string(LimitScope scope) noexcept;

/// Who uses a limit up, and how much of it, in the limit's unit: `uid 1000`, `postgres(812)`, `mq:/jobs`.
struct Consumer {
  std::string who;
  std::uint64_t amount = 0;
  bool operator==(const Consumer&) const = default;
};

/// One limit that IPC can meet.
struct Limit {
  std::string name;   ///< `kernel.msgmni`, `kernel.sem SEMMNI`, `RLIMIT_NOFILE`, `memory.max`, `/dev/shm`
  std::string place;  ///< of a cgroup its path, of $XDG_RUNTIME_DIR the directory; else empty
  LimitScope scope = LimitScope::kernel;
  Fact<std::uint64_t> value;  ///< missing with the reason `unlimited` where there is none
  Fact<std::uint64_t> used;   ///< missing with a reason where it bounds each object or call by itself
  std::string_view unit;      ///< `bytes`, `queues`, `descriptors`
  std::string_view at_limit;  ///< what happens: `msgget fails with ENOSPC`
  std::string raise;          ///< how to raise it: `sysctl -w kernel.msgmni=N`
  /// How the use was found where the kernel does not tell it: it may count a little more or less. Empty: the kernel's own number.
  std::string_view estimate;
  std::vector<Consumer> consumers;  ///< the largest first, at most 10

  /// At least nine tenths are used.
  [[nodiscard]] bool nearly_reached() const noexcept;
};

/// Every IPC limit that a process meets: of the kernel, of its namespaces, its user, itself, its cgroup with all above that,
/// and of the file systems where IPC keeps files, each with its use. Always the same ones in the same order, but for those
/// of cgroups; what cannot be told has the reason in place of the number.
/// The use is counted in `snapshot`, which should be of all kinds, and in /proc and /sys as they are now. Starts and ends a
/// short-lived helper process for each namespace that is not the caller's.
/// Errors: ESRCH (no such process in the snapshot, or it has ended), EMFILE, ENFILE, ENOMEM.
[[nodiscard]] Result<std::vector<Limit>> limits(const Snapshot& snapshot, pid_t pid);

/// What an errno or a signal of one call can mean here.
struct Explanation {
  std::string_view call;                 ///< `mq_open`
  std::string_view meaning;              ///< what the errno says of that call, in a sentence
  std::vector<std::string_view> limits;  ///< names of the limits behind it; none where it is no matter of limits
  std::vector<std::string> here;         ///< what is true here now: `kernel.msgmni: 3 of 32000 queues in use`
  std::vector<std::string> users;        ///< who uses it up or stands in the way, the largest first
  std::string_view tell;                 ///< how to find out whether it is this one
  std::string_view remedy;
  std::string_view source;  ///< `mq_open(3), mq_overview(7)`
  bool likely =
      false;  ///< a limit behind it is nearly reached, or what it speaks of is to be seen: this may well be it
};

/// What an errno (`ENOSPC`) or signal (`SIGBUS`) means for each IPC call that gives it, or for one call only, in small letters or
/// capital ones; the likely ones first. EWOULDBLOCK is EAGAIN, and EDEADLOCK is EDEADLK. `limits` are those of the process that met it. Pure.
/// Errors: EINVAL (an errno, or a call with this errno, that is not known here: the hint lists those that are).
[[nodiscard]] Result<std::vector<Explanation>> explain(const Snapshot& snapshot, const std::vector<Limit>& limits,
                                                       std::string_view errno_name, std::string_view call = {});

}  // namespace ginnel::inventory
