#pragma once

#include <chrono>

#include "hostile/victim.hpp"

namespace ginnel::hostile {

/// What came of it. It is true that all held when `contradictions` is 0.
struct Account {
  std::uint64_t contradictions = 0;
  std::uint64_t links = 0;
  std::uint64_t writes = 0;
  std::uint64_t operations = 0;
  std::uint64_t messages = 0;
  std::uint64_t refusals = 0;
  std::uint64_t exchanges = 0;
  double latest_ms = 0;
};

struct Trial {
  std::uint64_t seed = 0;
  std::chrono::milliseconds length{};
  std::chrono::seconds margin{20};
  bool ends_with_first_contradiction = false;  ///< which is not printed
};

/// Has the victim suffer, and watches it: that it does not hang, and how it ends.
[[nodiscard]] Account try_victim(const Victim& victim, const Trial& trial);

}  // namespace ginnel::hostile
