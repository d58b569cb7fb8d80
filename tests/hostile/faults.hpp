#pragma once

#include <array>
#include <span>
#include <string_view>

namespace ginnel::hostile {

/// A fault of faults.txt, which is in the build of ginnel_hostile_planted.
struct Fault {
  std::string_view name;
  int planted = 0;                               ///< its number
  std::array<std::string_view, 3> operations{};  ///< the victims that find it
  bool fits = true;                              ///< the place to plant it was found
};
[[nodiscard]] std::span<const Fault> all_faults();

/// 0: none.
void activate_fault(int number) noexcept;

}  // namespace ginnel::hostile
