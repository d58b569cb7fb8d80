#include "ginnel/inventory/limits.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "limits_parts.hpp"
#include "limits_settings.hpp"

namespace ginnel::inventory {

std::string_view to_string(LimitScope scope) noexcept {
  switch (scope) {
    case LimitScope::kernel:
      return "kernel";
    case LimitScope::ipc_namespace:
      return "ipc-namespace";
    case LimitScope::network_namespace:
      return "network-namespace";
    case LimitScope::user:
      return "user";
    case LimitScope::process:
      return "process";
    case LimitScope::cgroup:
      return "cgroup";
    case LimitScope::file_system:
      return "file-system";
  }
  return "?";
}

bool Limit::nearly_reached() const noexcept { return value && used && *used >= *value - *value / 10; }

Result<std::vector<Limit>> limits(const Snapshot& snapshot, pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid);
  const ProcessInfo* process = snapshot.process(pid);
  if (process == nullptr) return std::unexpected{Error{ESRCH, "limits", path, "no such process was there"}};
  const auto folder = Directory::open(path.c_str());
  if (!folder && folder.error().code() == ENOENT) return std::unexpected{Error{ESRCH, "limits", path, "it has ended"}};
  if (!folder) return std::unexpected{folder.error()};
  const auto descriptors = count_descriptors(snapshot, process->user);
  if (!descriptors) return std::unexpected{descriptors.error()};

  const Viewpoint here{.snapshot = snapshot, .process = *process, .descriptors = *descriptors};
  std::vector<Limit> all = setting_limits(here);
  for (std::vector<Limit> part : {machine_limits(), process_limits(here, *folder), cgroup_limits(here, *folder),
                                  file_system_limits(here, *folder)})
    std::ranges::move(part, std::back_inserter(all));
  return all;
}

}  // namespace ginnel::inventory
