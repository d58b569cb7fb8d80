#include "hidden_processes.hpp"

#include <cstdint>
#include <string>

#include "limits_text.hpp"
#include "proc_text.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

constexpr unsigned may_trace_bit = 19;  // CAP_SYS_PTRACE

/// `invisible` or `2`; empty where nothing is hidden.
std::string hidepid(std::string_view mounts) {
  constexpr std::string_view key = "hidepid=";
  std::string found;
  while (!mounts.empty()) {
    const auto mount = parse_mount_line(take_line(mounts));
    if (!mount || mount->point != "/proc") continue;
    found.clear();  // what is mounted later covers it
    for (std::string_view options = mount->options; !options.empty();)
      if (const std::string_view option = take_until(options, ','); option.starts_with(key))
        found = option.substr(key.size());
  }
  return found == "0" || found == "off" ? "" : found;
}

bool may_trace_all(std::string_view status) {
  const auto text = value_of(status, "CapEff");
  const auto capabilities = text ? to_number<std::uint64_t>(*text, 16) : std::nullopt;
  return capabilities && (*capabilities >> may_trace_bit & 1U) != 0;
}

}  // namespace

bool hides_processes(std::string_view mounts, std::string_view status) {
  const std::string how = hidepid(mounts);
  if (how.empty()) return false;
  // With `ptraceable` what a security module protects is hidden from everybody.
  return how == "4" || how == "ptraceable" || !may_trace_all(status);
}

}  // namespace ginnel::inventory
