#pragma once

#include <optional>
#include <string_view>

#include "scene.hpp"

// Whose number stands in the word of a mutex. A thread writes there what it is called in its own pid namespace, and that may be the
// number of somebody else here: only who has the memory can have locked it.

namespace ginnel::inventory {

/// The last number of the line NSpid: what the thread calls itself. Where the kernel does not tell it, none.
[[nodiscard]] std::optional<pid_t> innermost_number(std::string_view status);

enum class OwnerFound : std::uint8_t {
  yes,
  dead,       ///< nobody who has the memory has that number, and whoever could is seen
  ambiguous,  ///< several have, each in its own pid namespace
  closed,     ///< somebody has the number who may not be looked into
  unseen,     ///< nobody has that is seen, and not everybody is
  no_mutex,   ///< the word only looks like one
};
struct FoundOwner {
  OwnerFound found = OwnerFound::unseen;
  pid_t pid = 0;
  pid_t tid = 0;
};

/// Who wrote `number` into the word that the thread sleeps on.
[[nodiscard]] FoundOwner find_owner(Scene& scene, const BlockedThread& blocked, const FutexWord& word, pid_t number);

}  // namespace ginnel::inventory
