#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ginnel/inventory.hpp"
#include "render/table.hpp"

// What `ls` can show of an object, a column each.

namespace ginnel::cli {

/// What an engineer must look at first.
enum class Urgency { blocked, full, orphaned, ordinary };

/// An object to be shown, and what was found about it once for all columns.
struct Row {
  const inventory::Snapshot* snapshot;
  const inventory::Object* object;
  inventory::Verdict verdict;
  Urgency urgency;
};
[[nodiscard]] Row row_of(const inventory::Judge& judge, const inventory::Object& object);

/// Whether a thread is held up, and not merely idle: a writer, a lock, a FIFO's open, the owner of a mutex.
[[nodiscard]] bool is_held_up(const inventory::Object& object, const inventory::Waiter& waiter);

/// Its address, with the mount namespace of memory that is not in the caller's own; or else what /proc calls it: `pipe:[81234]`, and
/// for an unnamed socket the name of its peer.
[[nodiscard]] std::string display_name(const inventory::Snapshot& snapshot, const inventory::Object& object);
/// `4.0K/64K`, `10/10`, `3 connections`; empty where there is none.
[[nodiscard]] std::string display_fill(const inventory::Object& object);
/// `bash(1234)r cat(1240)w`, at most `most` processes and then `+N`.
[[nodiscard]] std::string display_holders(const inventory::Snapshot& snapshot, const inventory::Object& object,
                                          std::size_t most);

struct ObjectColumn {
  std::string_view name;  ///< as in `-o`
  std::string_view meaning;
  Column column;
  Cell (*cell)(const Row& row);
};
[[nodiscard]] const std::vector<ObjectColumn>& object_columns();
/// The columns of a list like `kind,name,fill`. Errors: a usage error that lists them all.
[[nodiscard]] Result<std::vector<const ObjectColumn*>> choose_columns(std::string_view list);

}  // namespace ginnel::cli
