#include "options.hpp"

#include <grp.h>
#include <pwd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <utility>

namespace ginnel::cli {
namespace {

using namespace std::chrono_literals;
using Duration = Deadline::Clock::duration;

template <class Number>
bool whole_number(std::string_view text, Number& number, int base = 10) {
  const auto [rest, fault] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return fault == std::errc{} && rest == text.data() + text.size() && !text.empty();
}

constexpr std::array<std::pair<std::string_view, Duration>, 7> units{
    {{"", 1s}, {"us", 1us}, {"ms", 1ms}, {"s", 1s}, {"m", 1min}, {"h", 1h}, {"d", 24h}}};

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, fault] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (fault == std::errc{} && number >= 0 && std::isfinite(number)) {
    for (const auto& [unit, length] : units) {
      if (unit != std::string_view{rest, static_cast<std::size_t>(end - rest)}) continue;
      const double span = number * static_cast<double>(length.count());
      if (span >= static_cast<double>(Duration::max().count())) return Duration::max();
      return Duration{static_cast<Duration::rep>(span)};
    }
  }
  return std::unexpected{
      Error{EINVAL, "duration", text, "write a number and a unit: 250ms, 5s, 1.5m, 1h; without a unit it is seconds"}};
}

Result<mode_t> parse_mode(std::string_view text) {
  unsigned mode = 0;
  if (!whole_number(text, mode, 8) || mode > 0777)
    return std::unexpected{
        Error{EINVAL, "mode", text, "write the permission bits in octal, as chmod(1) takes them: 600, 0640"}};
  return static_cast<mode_t>(mode);
}

Result<uid_t> parse_user(std::string_view text) {
  uid_t uid = 0;
  if (whole_number(text, uid)) return uid;
  if (const passwd* entry = ::getpwnam(std::string{text}.c_str())) return entry->pw_uid;
  return std::unexpected{Error{EINVAL, "user", text, "no user of that name; a number is taken as a uid"}};
}

Result<gid_t> parse_group(std::string_view text) {
  gid_t gid = 0;
  if (whole_number(text, gid)) return gid;
  if (const group* entry = ::getgrnam(std::string{text}.c_str())) return entry->gr_gid;
  return std::unexpected{Error{EINVAL, "group", text, "no group of that name; a number is taken as a gid"}};
}

void WaitOptions::add_to(const VerbOptions& options) {
  add_timeout_to(options, "Give up after this long and end with 1: 250ms, 5s, 1m");
  options.add_flag("--nonblock", nonblock_, "Do not wait at all: end with 1 where it would block");
}

void WaitOptions::add_timeout_to(const VerbOptions& options, const std::string& help) {
  options.add_option("--timeout", timeout_, help).type_name("TIME");
}

Result<Deadline> WaitOptions::deadline() const {
  if (nonblock_ && !timeout_.empty())
    return std::unexpected{Error{EINVAL, "usage", "--timeout", "--nonblock does not wait: give one of the two"}};
  if (nonblock_) return Deadline::immediately();
  if (timeout_.empty()) return Deadline::never();
  auto span = parse_duration(timeout_);
  if (!span) return std::unexpected{span.error()};
  return Deadline::after(*span);
}

void ModeOption::add_to(const VerbOptions& options) {
  options.add_option("--mode", text_, "Permission bits in octal (default 600), exactly, whatever the umask")
      .type_name("MODE");
}

Result<mode_t> ModeOption::value(mode_t otherwise) const { return text_.empty() ? otherwise : parse_mode(text_); }

void add_json_flag(const VerbOptions& options, bool& json) { options.add_flag("--json", json, "Print facts as JSON"); }

}  // namespace ginnel::cli
