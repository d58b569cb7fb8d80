#include "ginnel/core/bytes.hpp"

#include <cerrno>
#include <charconv>
#include <limits>

namespace ginnel {
namespace {

constexpr std::string_view units = "KMGT";
constexpr std::string_view accepted_form =
    "write a whole number of bytes, with K, M, G or T for powers of 1024: 4096, 64K, 1M";

}  // namespace

Result<Bytes> Bytes::parse(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, fault] = std::from_chars(text.data(), end, number);
  if (fault == std::errc::invalid_argument) return std::unexpected{Error{EINVAL, "size", text, accepted_form}};

  unsigned shift = 0;
  std::string_view suffix{rest, static_cast<std::size_t>(end - rest)};
  if (!suffix.empty()) {
    const auto unit =
        units.find(suffix.front() >= 'a' ? static_cast<char>(suffix.front() - 'a' + 'A') : suffix.front());
    const std::string_view tail = suffix.substr(1);
    const bool plain_bytes = suffix == "B";
    if (!plain_bytes && (unit == std::string_view::npos || !(tail.empty() || tail == "iB")))
      return std::unexpected{Error{EINVAL, "size", text, accepted_form}};
    if (!plain_bytes) shift = 10 * (static_cast<unsigned>(unit) + 1);
  }

  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (fault == std::errc::result_out_of_range || number > (most >> shift))
    return std::unexpected{Error{ERANGE, "size", text, "no kernel object can be larger than 2^63 - 1 bytes"}};
  return Bytes{number << shift};
}

std::string Bytes::to_string() const {
  if (count_ == 0) return "0";
  std::size_t unit = 0;
  std::uint64_t number = count_;
  while (unit < units.size() && number % 1024 == 0) {
    number /= 1024;
    ++unit;
  }
  std::string text = std::to_string(number);
  if (unit > 0) text.push_back(units[unit - 1]);
  return text;
}

}  // namespace ginnel
