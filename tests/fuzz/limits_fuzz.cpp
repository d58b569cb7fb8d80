#include "limits_text.hpp"
#include "target.hpp"

// /proc/PID/{limits,status,environ}, /proc/meminfo, and the one-line files of /proc/sys and of cgroups.

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace ginnel;
  const std::string_view text = fuzz::text_of(bytes, size);
  for (std::size_t place = 0; place < 4; ++place) static_cast<void>(inventory::parse_setting(text, place));
  for (const std::string_view title : {"Max open files", "Max pending signals", "Max msgqueue size"})
    static_cast<void>(inventory::parse_process_limit(text, title));
  static_cast<void>(inventory::parse_kilobytes(text, "VmLck"));
  static_cast<void>(inventory::parse_kilobytes(text, "MemTotal"));
  const auto pool = inventory::parse_huge_page_pool(text);
  if (pool.total && pool.used) fuzz::insist(*pool.used <= *pool.total);
  if (const auto folder = inventory::environment_value(text, "XDG_RUNTIME_DIR"))
    fuzz::insist(fuzz::is_within(*folder, text));
  return 0;
}
