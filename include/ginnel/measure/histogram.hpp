#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

namespace ginnel::measure {

/// Counts durations (or any 64-bit numbers) in buckets whose width grows with the value: exact up to 255, and within 1/128 of it above.
/// Whatever value comes has a bucket: nothing is cut off or thrown away at the top, and smallest and largest are kept exactly.
/// Trivially copyable, so that it can lie in memory that processes share; one writer at a time.
class Histogram {
 public:
  void record(std::uint64_t value) noexcept {
    ++counts_[index_of(value)];
    ++total_;
    sum_ += static_cast<double>(value);
    if (value < smallest_) smallest_ = value;
    if (value > largest_) largest_ = value;
  }
  void merge(const Histogram& other) noexcept;
  void clear() noexcept { *this = Histogram{}; }

  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  [[nodiscard]] bool empty() const noexcept { return total_ == 0; }
  /// 0 while nothing is recorded.
  [[nodiscard]] std::uint64_t smallest() const noexcept { return total_ == 0 ? 0 : smallest_; }
  [[nodiscard]] std::uint64_t largest() const noexcept { return largest_; }
  [[nodiscard]] double mean() const noexcept { return total_ == 0 ? 0 : sum_ / static_cast<double>(total_); }

  /// The value that so many percent of all do not exceed (0 to 100): never less than the true one, and at most 1/128 more; 100 is the
  /// largest. 0 while nothing is recorded.
  [[nodiscard]] std::uint64_t at_percentile(double percent) const noexcept;

  /// Values from `lowest` to `highest`, both included.
  struct Bucket {
    std::uint64_t lowest = 0;
    std::uint64_t highest = 0;
    std::uint64_t count = 0;
    bool operator==(const Bucket&) const = default;
  };
  /// Those that are not empty, lowest first.
  [[nodiscard]] std::vector<Bucket> buckets() const;
  /// The same in `per_octave` buckets (a power of two, at most 128) between a power of two and the next, for pictures.
  [[nodiscard]] std::vector<Bucket> coarse_buckets(unsigned per_octave) const;

 private:
  static constexpr unsigned precision_bits = 7;
  static constexpr std::size_t per_octave = std::size_t{1} << precision_bits;
  static constexpr std::size_t bucket_count = (64 - precision_bits + 1) * per_octave;

  [[nodiscard]] static constexpr std::size_t index_of(std::uint64_t value) noexcept {
    const auto width = static_cast<unsigned>(std::bit_width(value));
    if (width <= precision_bits + 1) return static_cast<std::size_t>(value);
    const unsigned shift = width - precision_bits - 1;
    return (std::size_t{shift} << precision_bits) + static_cast<std::size_t>(value >> shift);
  }
  [[nodiscard]] static constexpr std::uint64_t lowest_of(std::size_t index) noexcept {
    if (index < 2 * per_octave) return index;
    const std::size_t shift = (index >> precision_bits) - 1;
    return (std::uint64_t{index} - (std::uint64_t{shift} << precision_bits)) << shift;
  }
  [[nodiscard]] static constexpr std::uint64_t highest_of(std::size_t index) noexcept {
    return index + 1 == bucket_count ? std::numeric_limits<std::uint64_t>::max() : lowest_of(index + 1) - 1;
  }

  std::array<std::uint64_t, bucket_count> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t smallest_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t largest_ = 0;
  double sum_ = 0;
};
static_assert(std::is_trivially_copyable_v<Histogram>);

}  // namespace ginnel::measure
