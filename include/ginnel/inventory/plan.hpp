#pragma once

#include <set>
#include <string>
#include <vector>

#include "ginnel/inventory/verdict.hpp"

namespace ginnel::inventory {

/// One object that a plan would remove, with all that the removal will check again.
struct PlanEntry {
  ObjectId id;
  std::string name;  ///< address or path
  Judgement judgement;
};

/// What may go. Nothing is removed by making one.
struct Plan {
  std::string id;  ///< a hash of boot and entries: a plan that was edited is refused
  std::string boot_id;
  Time taken_at{};
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
  changed,  ///< it is in use now, or is another object of the same name: left alone
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

/// Removes what the plan calls safe, and the likely ones that were named. Scans again first and re-checks each identity and verdict at the last
/// moment: what changed is left alone. Killed at any point, the next run goes on: nothing is half-removed.
/// Errors: ESTALE (the plan is of another boot), EINVAL (the plan was edited: its id does not fit), those of scan().
[[nodiscard]] Result<std::vector<RemovalReport>> execute(const Plan& plan, const ExecuteOptions& options = {});

/// Removes one object of a snapshot after checking its identity again; the verdict is for the caller to look at. With `force` also what
/// is attached or has unread messages; a regular file that somebody has open stays all the same.
[[nodiscard]] RemovalReport remove(const Snapshot& snapshot, const Object& seen, bool force);

}  // namespace ginnel::inventory
