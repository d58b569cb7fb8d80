#pragma once

#include "scene.hpp"

namespace ginnel::inventory {

/// Gives each mapping of a System V segment to the segment it is of. A mapping tells the id only, which two IPC namespaces
/// may both have; a process that changed its namespace keeps what it has attached. Two mappings of one handle are of one
/// segment, and how many there are must fit what that segment counts.
void attach_segments(Scene& scene);

}  // namespace ginnel::inventory
