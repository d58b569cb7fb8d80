#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "pair.hpp"

// Figures beside the limits of the machine: a bare cache line and a bare futex, bounced between the same two processes.
//
// The processors of a virtual machine are near to each other or far, and that changes within seconds. So a figure is taken in windows of
// a fraction of a millisecond, in two processes that stay: the limit, the figure, the limit. A window whose two limits disagree, or
// are not those of near processors, is thrown away; told is the median of the others.

namespace ginnel::bench {

enum class Unit : std::uint8_t {
  line,    ///< a multiple of the round trip of a cache line
  futex,   ///< a multiple of the round trip of two futex calls each way
  rate,    ///< millions a second
  micros,  ///< µs
  nanos,   ///< ns
  tail,    ///< the 99th of a hundred by the median, of single round trips
};

/// What one process does a number of times, made in that process.
using Act = std::function<void(std::uint32_t times)>;
using MakeAct = std::function<Act()>;

struct Figure {
  std::string what;
  Unit unit = Unit::line;
  std::uint32_t times = 100;  ///< in one window
  MakeAct other;              ///< in a child on the second processor
  MakeAct own;                ///< here on the first, and timed
  std::function<void()> clean_up{};
  std::function<void()> begin{};  ///< before the first window, and
  std::function<void()> end{};    ///< after the last: what has to run beside the two

  std::vector<double> values{};
  std::vector<double> limits{};
  unsigned thrown_away = 0;
};

/// Called by what is timed for Unit::tail, at the end of each single round trip.
void note_round_trip() noexcept;

/// Measures each figure in turn again and again for so many seconds, and prints all of them.
void report(std::vector<Figure> figures, double seconds);

}  // namespace ginnel::bench
