#pragma once

#include <string>
#include <vector>

#include "ginnel/inventory/snapshot.hpp"

// What a snapshot shows of the causes of an errno that are no matter of limits. Pure.

namespace ginnel::inventory {

struct Findings {
  std::vector<std::string> here;
  std::vector<std::string> users;
  bool likely = false;  ///< something was found that gives this errno to who meets it
};
using Look = Findings (*)(const Snapshot& snapshot);

[[nodiscard]] Findings look_for_bound_names(const Snapshot& snapshot);  ///< left-over socket paths, and who serves
[[nodiscard]] Findings look_for_stale_paths(const Snapshot& snapshot);  ///< left-over socket paths alone
[[nodiscard]] Findings look_for_full_queues(const Snapshot& snapshot);  ///< POSIX
[[nodiscard]] Findings look_for_full_sysv_queues(const Snapshot& snapshot);
[[nodiscard]] Findings look_for_full_pipes(const Snapshot& snapshot);
[[nodiscard]] Findings look_for_full_backlogs(const Snapshot& snapshot);
[[nodiscard]] Findings look_for_unread_pipes(const Snapshot& snapshot);  ///< that have writers and no reader
[[nodiscard]] Findings look_for_unread_fifos(const Snapshot& snapshot);  ///< that nobody has open for reading
[[nodiscard]] Findings look_for_locks(const Snapshot& snapshot);         ///< who holds them
[[nodiscard]] Findings look_for_deadlocks(const Snapshot& snapshot);

}  // namespace ginnel::inventory
