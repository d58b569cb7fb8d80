#pragma once

#include <set>
#include <vector>

#include "ginnel/inventory/snapshot.hpp"

namespace ginnel::inventory {

/// Only its exit status is left of it, for a parent that does not ask.
bool has_ended(const ProcessInfo& process) noexcept;

/// What of a snapshot bears on every verdict, summed up once: who lives, who could not be looked into, where nobody looked.
struct Sight {
  /// Processes that something could not be read of. Init counts apart: a locked-down one is nothing out of the ordinary.
  struct Closed {
    std::size_t processes = 0;
    bool init = false;
    void add(pid_t pid) noexcept;
  };

  explicit Sight(const Snapshot& snapshot);

  Closed descriptors;  ///< their descriptors
  Closed memory;       ///< their descriptors or their mappings
  Closed networks;     ///< which network namespace they are in
  std::vector<NamespaceInfo> unvisited;
  bool processes_outside = false;  ///< the caller is in a pid namespace, and does not see whoever is not
  bool processes_hidden = false;   ///< as in Coverage
  std::size_t in_flight = 0;       ///< as in Coverage
  bool unaccepted_data = false;    ///< a connection that nobody has accepted holds data, and so perhaps descriptors
  std::set<std::uint32_t> users;   ///< who has a process
};

}  // namespace ginnel::inventory
