#pragma once

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
  std::vector<Culprit> who{};
  bool known = true;          ///< false: `who` are candidates, and who of them or of others it is cannot be told
  bool each = false;          ///< one of them is not enough: all have to give way, as those who share a lock
  bool newcomers = false;     ///< whoever opens it by its name could end the wait too
  std::string_view remark{};  ///< why there is nobody, or why it cannot be told
};

/// Those who have a hand on what the thread waits for, the waiting process itself among them where it has.
[[nodiscard]] Culprits culprits_of(const Snapshot& snapshot, const Object& object, const Waiter& waiter);

[[nodiscard]] bool may_read(Access access) noexcept;
[[nodiscard]] bool may_write(Access access) noexcept;
/// Whether the futex lies in memory that only one process has: a thread that sleeps on one without an owner is idle, as a rule.
[[nodiscard]] bool is_private_futex(const Object& object) noexcept;
/// The process that used a System V object last, which is a trace and no proof; 0 where it is dead or not told.
[[nodiscard]] pid_t last_user(const Object& object) noexcept;

}  // namespace ginnel::inventory
