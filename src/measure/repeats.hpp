#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ginnel/measure/figure.hpp"
#include "ginnel/measure/trial.hpp"

namespace ginnel::measure {

/// The trials of one subject, until they are summed up.
class Repeats {
 public:
  void add(What what, Result<Outcome<TrialFigures, Interrupted>> trial);
  [[nodiscard]] bool any() const noexcept { return !values_.empty() || !failure_.empty(); }
  [[nodiscard]] Figure figure(Subject subject) &&;

 private:
  std::vector<double> values_;
  std::vector<double> rates_;
  std::unique_ptr<Histogram> latencies_;
  std::uint64_t sent_ = 0;
  std::uint64_t came_ = 0;
  ResourceUse first_;
  ResourceUse second_;
  bool overrun_ = false;
  std::string failure_;
};

/// How many processors the placements use.
[[nodiscard]] std::size_t processors_of(const std::vector<Placement>& places);

}  // namespace ginnel::measure
