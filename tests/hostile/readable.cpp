#include "hostile/readable.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>

namespace ginnel::hostile {

bool Readable::known(std::span<const std::byte> bytes) const {
  const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data());
  return std::ranges::any_of(
      ranges_, [&](const Range& range) { return begin >= range.begin && begin + bytes.size() <= range.end; });
}

/// Ranges that touch each other are one: a ring is mapped in pieces.
void Readable::look() {
  ranges_.clear();
  std::ifstream maps{"/proc/self/maps"};
  for (std::string line; std::getline(maps, line);) {
    Range range;
    char mode[5] = {};
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %4s", &range.begin, &range.end, mode) != 3) continue;
    if (std::string{mode} != "r--s") continue;
    if (!ranges_.empty() && ranges_.back().end == range.begin)
      ranges_.back().end = range.end;
    else
      ranges_.push_back(range);
  }
}

bool Readable::holds(std::span<const std::byte> bytes) {
  if (known(bytes)) return true;
  look();
  return known(bytes);
}

std::uint64_t sum_of(std::span<const std::byte> bytes) noexcept {
  std::uint64_t sum = 0;
  for (const std::byte byte : bytes) sum = sum * 31 + static_cast<std::uint64_t>(byte);
  return sum;
}

}  // namespace ginnel::hostile
