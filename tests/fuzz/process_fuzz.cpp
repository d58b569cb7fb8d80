#include "ginnel/sys/blocked_call.hpp"
#include "proc_text.hpp"
#include "target.hpp"

// /proc/PID/{stat,status,syscall,sched} and its links.

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace ginnel;
  const std::string_view text = fuzz::text_of(bytes, size);
  if (const auto stat = inventory::parse_stat(text)) fuzz::insist(fuzz::is_within(stat->command, text));
  static_cast<void>(inventory::parse_status(text));
  static_cast<void>(inventory::parse_last_ran(text));
  static_cast<void>(inventory::parse_bracketed(text));
  static_cast<void>(parse_blocked_call(text));
  return 0;
}
