#include "ginnel/measure/histogram.hpp"

#include <algorithm>
#include <cmath>

namespace ginnel::measure {

void Histogram::merge(const Histogram& other) noexcept {
  for (std::size_t i = 0; i < bucket_count; ++i) counts_[i] += other.counts_[i];
  total_ += other.total_;
  sum_ += other.sum_;
  smallest_ = std::min(smallest_, other.smallest_);
  largest_ = std::max(largest_, other.largest_);
}

std::uint64_t Histogram::at_percentile(double percent) const noexcept {
  if (total_ == 0) return 0;
  const double share = std::clamp(percent, 0.0, 100.0) / 100;
  // 99.9 % of 1,000 are 999, and not 1,000 as 0.999 * 1000 can come out.
  const double exact = share * static_cast<double>(total_);
  const auto wanted = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(exact - 1e-9 * exact)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < bucket_count; ++i) {
    seen += counts_[i];
    if (seen >= wanted) return std::clamp(highest_of(i), smallest_, largest_);
  }
  return largest_;
}

std::vector<Histogram::Bucket> Histogram::buckets() const {
  std::vector<Bucket> filled;
  for (std::size_t i = 0; i < bucket_count; ++i)
    if (counts_[i] > 0) filled.push_back({.lowest = lowest_of(i), .highest = highest_of(i), .count = counts_[i]});
  return filled;
}

std::vector<Histogram::Bucket> Histogram::coarse_buckets(unsigned wanted_per_octave) const {
  const std::size_t together = per_octave / wanted_per_octave;
  std::vector<Bucket> filled;
  for (std::size_t first = 0; first < bucket_count; first += together) {
    std::uint64_t count = 0;
    for (std::size_t i = first; i < first + together; ++i) count += counts_[i];
    if (count > 0)
      filled.push_back({.lowest = lowest_of(first), .highest = highest_of(first + together - 1), .count = count});
  }
  return filled;
}

}  // namespace ginnel::measure
