#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ginnel/inventory/snapshot.hpp"

namespace ginnel::inventory {

enum class LimitScope : std::uint8_t { kernel, ipc_namespace, user, process, cgroup, file_system };
[[nodiscard]] std::string_view to_string(LimitScope scope) noexcept;

/// One limit that IPC can meet.
struct Limit {
  std::string_view name;  ///< `kernel.msgmni`, `RLIMIT_NOFILE`, `memory.max`, `/dev/shm`
  LimitScope scope = LimitScope::kernel;
  Fact<std::uint64_t> value;  ///< missing with the reason `unlimited` where there is none
  Fact<std::uint64_t> used;
  std::string_view unit;      ///< `bytes`, `queues`, `descriptors`
  std::string_view at_limit;  ///< what happens: `msgget fails with ENOSPC`
  std::string_view raise;     ///< how to raise it: `sysctl -w kernel.msgmni=N`
};

/// Every IPC limit of the kernel, this IPC namespace, the user, the process and its cgroup, with its use.
/// `pid` is the process whose limits are told; errors: ESRCH, EACCES (another user's).
[[nodiscard]] Result<std::vector<Limit>> limits(const Snapshot& snapshot, pid_t pid);

/// Which limit an errno means here.
struct Explanation {
  std::string_view call;           ///< `mq_open`
  std::string meaning;             ///< what the errno says of that call, in a sentence
  std::vector<std::string> here;   ///< what is true on this machine now: `kernel.msgmni 32000, 3 in use`
  std::vector<std::string> users;  ///< who uses it up
  std::string remedy;
  bool likely = false;  ///< the limit is reached or nearly so: this is it
};

/// What an errno (`ENOSPC`) or signal (`SIGBUS`) means for each IPC call that gives it, or for one call only; the likely ones first.
/// Errors: EINVAL (an errno or call that is not known here: the hint lists those that are).
[[nodiscard]] Result<std::vector<Explanation>> explain(const Snapshot& snapshot, const std::vector<Limit>& limits,
                                                       std::string_view errno_name, std::string_view call = {});

}  // namespace ginnel::inventory
