#pragma once

#include <cstdint>

namespace ginnel::test {

/// splitmix64: enough to scatter, and the same for the same seed.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_{seed} {}
  std::uint64_t next() noexcept {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  std::uint64_t below(std::uint64_t end) noexcept { return next() % end; }
  bool one_in(std::uint64_t count) noexcept { return below(count) == 0; }
  template <class Range>
  const auto& one_of(const Range& range) noexcept {
    return range[below(range.size())];
  }

 private:
  std::uint64_t state_;
};

}  // namespace ginnel::test
