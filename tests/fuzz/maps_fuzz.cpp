#include "limits_text.hpp"
#include "proc_text.hpp"
#include "target.hpp"
#include "words.hpp"

// /proc/PID/maps.

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace ginnel;
  const std::string_view text = fuzz::text_of(bytes, size);
  std::uint64_t lines = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const auto mapping = inventory::parse_maps_line(inventory::take_line(rest));
    if (!mapping) continue;
    ++lines;
    fuzz::insist(fuzz::is_within(mapping->path, text));
  }
  fuzz::insist(inventory::count_mappings(text) <= lines);
  return 0;
}
