#pragma once

#include "ginnel/core/result.hpp"

namespace ginnel {

// A memory barrier that one side pays for both: the side that acts often needs none, because the side that acts rarely makes
// the kernel run one on every processor. Source: membarrier(2), MEMBARRIER_CMD_GLOBAL_EXPEDITED.

/// From now on the barriers of other processes reach the threads of this one. Kept until the process ends or calls exec(2).
/// Errors: ENOSYS, EPERM (a filter of system calls), EINVAL (older than Linux 4.16).
[[nodiscard]] Result<void> register_for_process_barriers();

/// A full barrier on every running thread of every process that is registered, and on the caller; some microseconds.
/// Errors: as above.
[[nodiscard]] Result<void> process_barrier();

}  // namespace ginnel
