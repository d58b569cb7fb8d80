#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "ginnel/sys/signal.hpp"

namespace ginnel {
namespace {

/// What people write that is not the C library's own abbreviation.
constexpr std::array other_names{std::pair{"IO", SIGIO}, std::pair{"POLL", SIGPOLL}, std::pair{"IOT", SIGABRT},
                                 std::pair{"CLD", SIGCHLD}};

/// Between the standard and the real-time signals lie those that the C library keeps for its threads.
bool exists(int number) {
  return (number >= SIGRTMIN && number <= SIGRTMAX) || (number > 0 && ::sigabbrev_np(number) != nullptr);
}

std::optional<int> whole_number(std::string_view text) {
  int number = 0;
  const auto [rest, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc{} || rest != text.data() + text.size() || text.front() == '-') return std::nullopt;
  return number;
}

std::optional<int> standard_signal(std::string_view name) {
  for (const auto& [other, number] : other_names)
    if (name == other) return number;
  for (int number = 1; number < SIGRTMIN; ++number) {
    const char* abbreviation = ::sigabbrev_np(number);
    if (abbreviation != nullptr && name == abbreviation) return number;
  }
  return std::nullopt;
}

/// `RTMIN`, `RTMIN+1`, `RTMAX`, `RTMAX-2`.
std::optional<int> real_time_signal(std::string_view name) {
  const bool from_first = name.starts_with("RTMIN");
  if (!from_first && !name.starts_with("RTMAX")) return std::nullopt;
  const int base = from_first ? SIGRTMIN : SIGRTMAX;
  const std::string_view rest = name.substr(5);
  if (rest.empty()) return base;
  if (rest.size() < 2 || rest.front() != (from_first ? '+' : '-')) return std::nullopt;
  const auto distance = whole_number(rest.substr(1));
  if (!distance || *distance > SIGRTMAX - SIGRTMIN) return std::nullopt;
  return from_first ? base + *distance : base - *distance;
}

}  // namespace

Result<int> parse_signal(std::string_view text) {
  std::string name{text};
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  std::string_view plain = name;
  if (plain.starts_with("SIG")) plain.remove_prefix(3);

  std::optional<int> number = plain.empty() ? std::nullopt : standard_signal(plain);
  if (!number) number = real_time_signal(plain);
  if (!number && !plain.empty() && plain.size() == name.size()) number = whole_number(plain);
  if (number && exists(*number)) return *number;
  return std::unexpected{
      Error{EINVAL, "signal", text,
            "expected a name (TERM, SIGTERM), a real-time signal (RTMIN+1, RTMAX-2) or a number from 1 to " +
                std::to_string(SIGRTMAX)}};
}

std::string signal_name(int signal_number) {
  if (signal_number == SIGRTMIN) return "SIGRTMIN";
  if (signal_number > SIGRTMIN && signal_number <= SIGRTMAX)
    return "SIGRTMIN+" + std::to_string(signal_number - SIGRTMIN);
  const char* abbreviation = signal_number > 0 ? ::sigabbrev_np(signal_number) : nullptr;
  if (abbreviation == nullptr) return "signal " + std::to_string(signal_number);
  return std::string{"SIG"} + abbreviation;
}

}  // namespace ginnel
