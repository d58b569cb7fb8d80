#pragma once

#include "census.hpp"
#include "spaces.hpp"

namespace ginnel::inventory {

/// A Unix socket belongs to the network namespace it was made in, and that may have no process left to be found by. Visits those of
/// all Unix sockets that no namespace has listed, so that no path is taken for stale whose socket is open.
void visit_hidden_networks(Census& census, Spaces& spaces);

}  // namespace ginnel::inventory
