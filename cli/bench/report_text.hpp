#pragma once

#include <string>

#include "ginnel/measure/run.hpp"
#include "render/screen.hpp"

namespace ginnel::cli::bench {

/// The machine, its limits, a table of all figures, and what to know before believing them.
[[nodiscard]] std::string report_text(const measure::Report& report, const Screen& screen);

/// `2 processors (AMD EPYC), Linux 6.18, 23.5G of memory`.
[[nodiscard]] std::string machine_text(const measure::Report& report);

}  // namespace ginnel::cli::bench
