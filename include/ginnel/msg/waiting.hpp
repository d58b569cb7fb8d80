#pragma once

#include <cstdint>

namespace ginnel {

/// What is done until there is something to receive, or room to send.
enum class Waiting : std::uint8_t {
  adaptive,  ///< spins for as long as that has paid lately, 50 µs at most, then sleeps
  polling,   ///< never sleeps: the shortest latency, for a processor of its own
  sleeping,  ///< sleeps at once
};

}  // namespace ginnel
