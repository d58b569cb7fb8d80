#pragma once

#include <span>

#include "ginnel/core/result.hpp"
#include "spaces.hpp"

namespace ginnel::inventory {

/// Looks at the IPC namespace that one gets into by these (see run_inside()); with none, at the caller's own.
/// Errors: those of run_inside(), ENOENT (no /proc/sysvipc).
[[nodiscard]] Result<IpcSpace> look_into_ipc_space(std::span<const int> namespaces);

}  // namespace ginnel::inventory
