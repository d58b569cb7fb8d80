#include "numbers.hpp"

#include <cerrno>
#include <cinttypes>
#include <clocale>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string_view>

namespace ginnel::cli {
namespace {

/// The longest run of digits at the front of what is left, as a fraction of one: `25…` is 0.25.
long double take_fraction(std::string_view& rest) {
  long double value = 0;
  long double place = 1;
  while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
    place /= 10;
    value += place * static_cast<long double>(rest.front() - '0');
    rest.remove_prefix(1);
  }
  return value;
}

bool same_letter(char letter, char upper) { return letter == upper || letter == upper - 'A' + 'a'; }

/// What `K`, `KiB`, `KB` and their like multiply by; 0 for anything else.
long double factor_of(std::string_view unit) {
  constexpr std::string_view units = "KMGTPEZY";
  std::size_t power = 0;
  while (power < units.size() && !same_letter(unit.front(), units[power])) ++power;
  if (power == units.size()) return 0;
  const std::string_view rest = unit.substr(1);
  if (rest.empty() || (rest.size() == 2 && rest[0] == 'i' && same_letter(rest[1], 'B')))
    return std::pow(1024.0L, static_cast<int>(power) + 1);
  if (rest.size() == 1 && same_letter(rest[0], 'B')) return std::pow(1000.0L, static_cast<int>(power) + 1);
  return 0;
}

}  // namespace

std::expected<std::int32_t, BadNumber> parse_int32(const std::string& text) {
  char* end = nullptr;
  errno = 0;
  const std::intmax_t value = std::strtoimax(text.c_str(), &end, 10);
  if (end == text.c_str() || *end != '\0') return std::unexpected{BadNumber::malformed};
  if (errno == ERANGE || value < INT32_MIN || value > INT32_MAX) return std::unexpected{BadNumber::out_of_range};
  return static_cast<std::int32_t>(value);
}

std::expected<std::uint64_t, BadNumber> parse_unsigned(const std::string& text) {
  char* end = nullptr;
  errno = 0;
  const unsigned long value = std::strtoul(text.c_str(), &end, 0);
  if (end == text.c_str() || *end != '\0') return std::unexpected{BadNumber::malformed};
  if (errno == ERANGE) return std::unexpected{BadNumber::out_of_range};
  return value;
}

std::expected<std::uint64_t, BadNumber> parse_size(const std::string& text) {
  if (text.find('-') != std::string::npos) return std::unexpected{BadNumber::malformed};
  char* end = nullptr;
  errno = 0;
  const std::uintmax_t whole = std::strtoumax(text.c_str(), &end, 0);
  if (end == text.c_str()) return std::unexpected{BadNumber::malformed};
  if (errno == ERANGE) return std::unexpected{BadNumber::out_of_range};
  if (*end == '\0') return whole;

  std::string_view rest{end};
  long double fraction = 0;
  if (rest.front() == '.') {
    rest.remove_prefix(1);
    fraction = take_fraction(rest);
  }
  const long double factor = rest.empty() ? 0 : factor_of(rest);
  if (factor == 0) return std::unexpected{BadNumber::malformed};
  const long double size = std::floor((static_cast<long double>(whole) + fraction) * factor);
  constexpr int bits = std::numeric_limits<std::uint64_t>::digits;
  if (size >= std::ldexp(1.0L, bits)) return std::unexpected{BadNumber::out_of_range};
  return static_cast<std::uint64_t>(size);
}

std::string human_size(std::uint64_t bytes) {
  constexpr std::string_view units = "BKMGTPE";
  std::size_t unit = 0;
  while (unit + 1 < units.size() && bytes >> (10 * (unit + 1)) != 0) ++unit;
  const std::uint64_t one = std::uint64_t{1} << (10 * unit);
  std::uint64_t whole = bytes / one;
  const std::uint64_t rest = bytes % one;
  // In thousandths first, as the tools round. The largest unit is divided before, or the product would not fit.
  const std::uint64_t thousandths = unit < 2 ? rest * 1000 / one : rest / 1024 * 1000 / (one / 1024);
  std::uint64_t tenths = (thousandths + 50) / 100;
  if (tenths == 10) {
    ++whole;
    tenths = 0;
  }
  std::string text = std::to_string(whole);
  if (tenths != 0) text += std::localeconv()->decimal_point + std::to_string(tenths);
  return text + units[unit];
}

}  // namespace ginnel::cli
