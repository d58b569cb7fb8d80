#include <array>

#include "crash/engine.hpp"

// Faults of faults.txt are put into a copy of the floors at build time (plant.py), which the build of `ginnel_crash` does not use.

#ifdef GINNEL_PLANTED_FAULTS
extern "C" {
int ginnel_planted_fault = 0;
}
#endif

namespace ginnel::crash {
namespace {

constexpr std::array faults{
#ifdef GINNEL_PLANTED_FAULTS
#include "crash_faults.inc"
#endif
    Fault{.name = "a push is published before it is written", .operations = {"slot.push-publishes-before-it-writes"}},
    Fault{.name = "a cell is reopened before its slot is held", .operations = {"slot.pop-reopens-before-it-holds"}},
    Fault{.name = "a cell is looked at only once", .operations = {"slot.pop-looks-once-at-the-cell"}},
    Fault{.name = "a dead one's number is vacated first", .operations = {"slot.recovery-vacates-the-number-first"}},
    Fault{.name = "a recovery does not look at the cells", .operations = {"slot.recovery-does-not-look-at-cells"}},
    Fault{.name = "a late recovery does not know it", .operations = {"slot.recovery-forgets-that-it-may-be-late"}},
    Fault{.name = "an acknowledged slot names nobody", .operations = {"slot.acknowledge-names-nobody"}},
};

}  // namespace

std::span<const Fault> all_faults() { return faults; }

void activate_fault([[maybe_unused]] int number) noexcept {
#ifdef GINNEL_PLANTED_FAULTS
  ginnel_planted_fault = number;
#endif
}

}  // namespace ginnel::crash
