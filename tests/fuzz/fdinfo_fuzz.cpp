#include "limits_text.hpp"
#include "proc_text.hpp"
#include "ring_files.hpp"
#include "target.hpp"

// /proc/PID/fdinfo/N: `key: value` lines, and those of an inotify descriptor and of an io_uring.

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace ginnel;
  const std::string_view text = fuzz::text_of(bytes, size);
  for (const std::string_view key :
       {"eventfd-count", "eventfd-id", "sigmask", "clockid", "scm_fds", "Pid", "pos", "it_value", "ticks"})
    if (const auto value = inventory::value_of(text, key)) fuzz::insist(fuzz::is_within(*value, text));
  fuzz::insist(inventory::count_inotify_watches(text) <= size);
  for (const auto& path : inventory::files_of_ring(text)) fuzz::insist(path.starts_with('/') && path.size() <= size);
  return 0;
}
