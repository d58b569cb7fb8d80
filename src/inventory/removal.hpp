#pragma once

#include <functional>
#include <string>

#include "ginnel/core/error.hpp"
#include "ginnel/inventory/plan.hpp"

// Each kind is removed in its own way, and each looks once more at what it is about to remove.

namespace ginnel::inventory {

struct RemovalOutcome {
  Removal result = Removal::removed;
  std::string text;
};

[[nodiscard]] inline RemovalOutcome refused(const Error& error) { return {Removal::refused, error.message()}; }
[[nodiscard]] inline RemovalOutcome gone() { return {Removal::gone, "it is not there any more"}; }
[[nodiscard]] inline RemovalOutcome changed(std::string why) { return {Removal::changed, std::move(why)}; }

/// A set, segment or queue of System V, of the caller's IPC namespace.
[[nodiscard]] RemovalOutcome remove_sysv(const Object& seen, bool force);
/// A POSIX queue of the caller's IPC namespace.
[[nodiscard]] RemovalOutcome remove_posix_queue(const Object& seen, bool force);
/// What has a path: FIFOs, paths without a socket, POSIX memory and semaphores; in whichever mount namespace the path is of it.
[[nodiscard]] RemovalOutcome remove_file(const Snapshot& snapshot, const Object& seen, bool force);

/// A topic, newest value or queue of ginnel's own, with what the dead have left in it; in whichever mount namespace its folder is.
[[nodiscard]] RemovalOutcome remove_messaging(const Snapshot& snapshot, const Object& seen, bool force);

/// Removes below the root of the caller, and where it is not there, below that of a process of each other mount namespace.
[[nodiscard]] RemovalOutcome in_each_mount_namespace(
    const Snapshot& snapshot, const std::function<RemovalOutcome(const std::string& root)>& remove_below);

}  // namespace ginnel::inventory
