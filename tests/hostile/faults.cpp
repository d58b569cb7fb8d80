#include "hostile/faults.hpp"

#include <vector>

#ifdef GINNEL_PLANTED_FAULTS
extern "C" {
int ginnel_planted_fault = 0;
}
#endif

namespace ginnel::hostile {

std::span<const Fault> all_faults() {
  static const std::vector<Fault> faults{
#ifdef GINNEL_PLANTED_FAULTS
#include "hostile_faults.inc"
#endif
  };
  return faults;
}

void activate_fault([[maybe_unused]] int number) noexcept {
#ifdef GINNEL_PLANTED_FAULTS
  ginnel_planted_fault = number;
#endif
}

}  // namespace ginnel::hostile
