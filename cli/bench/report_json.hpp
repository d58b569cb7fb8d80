#pragma once

#include "ginnel/measure/run.hpp"
#include "render/json.hpp"

namespace ginnel::cli::bench {

/// How much of the distributions goes along.
enum class Detail {
  percentiles,  ///< five of each: for the file that `ginnel choose` reads
  histograms,   ///< all buckets, eight to an octave, and a percentile curve
};

/// The document that docs/MEASURE.md describes.
[[nodiscard]] Json to_json(const measure::Report& report, Detail detail);

}  // namespace ginnel::cli::bench
