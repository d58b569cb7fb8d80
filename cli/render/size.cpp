#include "size.hpp"

#include <fmt/core.h>

#include <string_view>

namespace ginnel::cli {

std::string short_size(std::uint64_t bytes) {
  constexpr std::string_view units = "BKMGTPE";
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  if (unit == 0) return std::to_string(bytes);
  const bool whole = value == static_cast<double>(static_cast<std::uint64_t>(value));
  return fmt::format("{:.{}f}{}", value, whole || value >= 100 ? 0 : 1, units[unit]);
}

}  // namespace ginnel::cli
