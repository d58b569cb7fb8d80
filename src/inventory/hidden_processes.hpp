#pragma once

#include <string_view>

namespace ginnel::inventory {

/// Whether /proc, as it is mounted here (hidepid), leaves out processes that the caller may not trace: whoever is missing may
/// still live. Pure: `mounts` is the caller's /proc/self/mountinfo, `status` its /proc/self/status. Source: proc(5).
[[nodiscard]] bool hides_processes(std::string_view mounts, std::string_view status);

}  // namespace ginnel::inventory
