#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ginnel/inventory/snapshot.hpp"

namespace ginnel::inventory {

/// Who could end a wait: any thread of a process, or, of a mutex, the one that owns it.
struct Culprit {
  pid_t pid = 0;
  pid_t tid = 0;  ///< 0: any of its threads
  bool operator==(const Culprit&) const = default;
};

struct Culprits {
  std::vector<Culprit> who;
  bool known = true;        ///< false: somebody may be able to, and it cannot be told who
  std::string_view note{};  ///< why it cannot
};

/// Of a thread that waits on an object.
[[nodiscard]] Culprits culprits_of(const Snapshot& snapshot, const Object& object, const Waiter& waiter);

/// `writes to a full pipe (65536 of 65536 bytes)`, `opens the FIFO /tmp/x and waits for its other side`.
[[nodiscard]] std::string describe_wait(const Object& object, const Waiter& waiter);

}  // namespace ginnel::inventory
