#pragma once

#include <string>
#include <vector>

#include "ginnel/measure/figure.hpp"
#include "ginnel/measure/run.hpp"
#include "render/json.hpp"
#include "render/screen.hpp"

namespace ginnel::cli::bench {

/// A figure that an earlier report has too.
struct Compared {
  const measure::Figure* now = nullptr;
  measure::Spread before;
  measure::Change change;
};

/// Those figures that both have, in the order of this report. `earlier` is a report that read_report() has read.
[[nodiscard]] std::vector<Compared> compare(const measure::Report& report, const Json& earlier);

/// What has changed beyond noise, the worst first; and how many figures have not.
[[nodiscard]] std::string comparison_text(const std::vector<Compared>& compared, const Screen& screen);

}  // namespace ginnel::cli::bench
