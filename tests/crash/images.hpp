#pragma once

#include "crash/world.hpp"

namespace ginnel::crash {

/// Steps through the operation of `process`. After each change of a file of the home it is copied, as it is at that moment, and another
/// process recovers from the copy: as after a death of everybody. How many there were. Throws Broken.
[[nodiscard]] long judge_images(const Course& course, World& world, test::SteppedProcess& process);

}  // namespace ginnel::crash
