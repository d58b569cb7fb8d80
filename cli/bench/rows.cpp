#include "bench/rows.hpp"

#include <algorithm>

namespace ginnel::cli::bench {

std::vector<Row> rows_of(const measure::Report& report) {
  std::vector<Row> rows;
  for (const measure::Figure& figure : report.figures) {
    const measure::Subject& subject = figure.subject;
    auto row = std::ranges::find_if(rows, [&](const Row& known) {
      return known.carrier == subject.carrier && known.manner == subject.manner && known.size == subject.size &&
             known.placement == subject.placement;
    });
    if (row == rows.end())
      row = rows.insert(
          row,
          {.carrier = subject.carrier, .manner = subject.manner, .size = subject.size, .placement = subject.placement});
    switch (subject.what) {
      case measure::What::round_trip:
        row->round_trip = &figure;
        break;
      case measure::What::one_way:
        row->one_way = &figure;
        break;
      case measure::What::open_loop:
        row->open_loops.push_back(&figure);
        break;
    }
  }
  return rows;
}

}  // namespace ginnel::cli::bench
