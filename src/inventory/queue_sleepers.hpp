#pragma once

#include <cstddef>

namespace ginnel::inventory {

/// How many threads sleep at this moment in msgrcv(2) or msgsnd(2) at a queue of the caller's IPC namespace. The kernel keeps no such
/// count: all threads are looked at, in some milliseconds, and those that may not be looked into are not counted.
[[nodiscard]] std::size_t sleepers_at_queue(int id);

}  // namespace ginnel::inventory
