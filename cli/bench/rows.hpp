#pragma once

#include <string>
#include <vector>

#include "ginnel/measure/run.hpp"

namespace ginnel::cli::bench {

/// What belongs side by side in a table: one carrier in one manner, size and placement.
struct Row {
  std::string carrier{};
  measure::Manner manner{};
  std::size_t size = 0;
  std::string placement{};
  const measure::Figure* round_trip = nullptr;
  const measure::Figure* one_way = nullptr;
  std::vector<const measure::Figure*> open_loops{};
};

/// In the order of the report's figures. They point into the report.
[[nodiscard]] std::vector<Row> rows_of(const measure::Report& report);

}  // namespace ginnel::cli::bench
