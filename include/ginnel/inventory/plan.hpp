#pragma once

#include <set>
#include <string>
#include <vector>

#include "ginnel/inventory/verdict.hpp"

namespace ginnel::inventory {

/// One object that a plan would remove, with all that the removal will check again.
struct PlanEntry {
  ObjectId id;
  /// Address or path, in valid UTF-8: bytes that are none come as U+FFFD, so that a plan can be kept as JSON.
  std::string name;
  Judgement judgement;
};

/// What may go. Nothing is removed by making one.
struct Plan {
  std::string id;  ///< a hash of what execute() goes by: a plan that was edited is refused
  std::string boot_id;
  Time taken_at{};                 ///< in execute(), whole seconds count
  std::vector<PlanEntry> entries;  ///< `safe` and `likely` ones; sorted, safe first
};

struct PlanOptions {
  std::set<Kind> kinds;                 ///< none: all
  std::chrono::seconds older_than{60};  ///< the grace time of JudgeOptions
};

[[nodiscard]] Plan make_plan(const Snapshot& snapshot, const PlanOptions& options = {});
/// The id that belongs to these contents.
[[nodiscard]] std::string plan_id(const Plan& plan);

enum class Removal : std::uint8_t {
  removed,
  gone,     ///< somebody else removed it before
  changed,  ///< it is in use now, was used since, or is another object of the same name: left alone
  skipped,  ///< only `likely`, and not named
  refused,  ///< the kernel refused: see text
};
[[nodiscard]] std::string_view to_string(Removal removal) noexcept;

struct RemovalReport {
  PlanEntry entry;
  Removal result = Removal::skipped;
  std::string text;  ///< why
};

struct ExecuteOptions {
  /// `likely` entries to remove too, by id. `safe` ones are removed always.
  std::set<ObjectId> named{};
};

/// Removes what the plan calls safe, and the likely ones that were named. Scans again first and re-checks each identity,
/// verdict and time of last use; the removal itself then looks a last time, as far as the kernel has an answer:
///
/// | kind | looked at last | what remains |
/// |---|---|---|
/// | sysv-shm | times of use, number of attached | between IPC_STAT and IPC_RMID: who attaches then keeps a segment without a key |
/// | sysv-msg | threads asleep at it; times of use, number of messages | between IPC_STAT and IPC_RMID |
/// | sysv-sem | times of use, number of threads that wait | between GETZCNT and IPC_RMID |
/// | posix-mq, posix-shm, posix-sem | write lease: nobody has it | between the lease and unlink: see unlink_checked() |
/// | fifo | identity of the name | since the scan: who opened it then keeps a FIFO without a name |
/// | topic, latest | the lock that whoever comes shares; those of its members | nothing: who comes meanwhile is told so, and makes a new one |
/// | queue | the locks of all participants | nothing: as above |
/// | unix | identity of the name | nothing: a path without a socket is never bound again |
///
/// What changed is left alone. Each removal is one system call, of a topic, newest value or queue one for each file: killed at any point, the next run
/// goes on, for one of these that was begun with the next plan.
/// Errors: ESTALE (the plan is of another boot), EINVAL (the plan was edited: its id does not fit), those of scan().
[[nodiscard]] Result<std::vector<RemovalReport>> execute(const Plan& plan, const ExecuteOptions& options = {});

/// Removes one object of a snapshot after checking its identity again; the verdict is for the caller to look at. With
/// `force` also what is attached, open, mapped, unread or used since: those who have it keep it, without its name.
/// Never removes the file of a lock, nor the path of a socket that lives.
[[nodiscard]] RemovalReport remove(const Snapshot& snapshot, const Object& seen, bool force);

}  // namespace ginnel::inventory
