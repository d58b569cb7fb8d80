#include "whole_number.hpp"

#include <charconv>
#include <string_view>

namespace ginnel::cli {
namespace {

/// A number without its sign.
bool read(std::string_view text, std::uint64_t& number) {
  const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  if (hexadecimal) text.remove_prefix(2);
  const char* const end = text.data() + text.size();
  const auto [rest, fault] = std::from_chars(text.data(), end, number, hexadecimal ? 16 : 10);
  return fault == std::errc{} && rest == end;
}

}  // namespace

std::string complaint_about_number(const std::string& text, std::int64_t least, std::uint64_t most) {
  const bool negative = text.starts_with('-');
  const std::uint64_t below_zero = least < 0 ? ~static_cast<std::uint64_t>(least) + 1 : 0;
  std::uint64_t number = 0;
  if (read(std::string_view{text}.substr(negative ? 1 : 0), number) && number <= (negative ? below_zero : most))
    return {};
  return "'" + text + "' is no whole number from " + std::to_string(least) + " to " + std::to_string(most);
}

}  // namespace ginnel::cli
