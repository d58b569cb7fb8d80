#include "latest_files.hpp"

namespace ginnel::inventory {
namespace {

constexpr std::string_view value_magic = "GINLAST1";
constexpr const char* value_name = "value";
constexpr const char* successor_name = "value.new";

constexpr std::uint64_t largest_value = std::uint64_t{2} << 30U;
constexpr std::uint32_t fewest_slots = 3;
constexpr std::uint32_t most_slots = 66;

namespace value_at {
constexpr std::size_t longest = 16, slots = 32, keeper = 48, type = 112, current = 256;
}  // namespace value_at
constexpr unsigned slot_bits = 8;  // of `current`; the version is above

void add_value(LatestFiles& latest, const Directory& folder) {
  const auto kept = read_kept_file(folder, value_name);
  if (!kept) return;
  latest.value = ValueFile{.status = kept->status, .locked = kept->locked, .page = {}};
  latest.value->page = kept->file.valid() ? parse_value_page(kept->page, kept->status.size)
                                          : Fact<ValuePage>::missing(kept->locked.reason());
}

}  // namespace

Fact<ValuePage> parse_value_page(std::string_view page, std::uint64_t file_bytes) {
  if (const auto why = why_foreign(page, value_magic); !why.empty()) return Fact<ValuePage>::missing(why);
  ValuePage value;
  value.keeper = keeper_at(page, value_at::keeper);
  value.type = message_type_at(page, value_at::type);
  value.longest = number_at<std::uint64_t>(page, value_at::longest);
  value.slots = number_at<std::uint32_t>(page, value_at::slots);
  value.version = number_at<std::uint64_t>(page, value_at::current) >> slot_bits;
  if (value.longest > largest_value || value.slots < fewest_slots || value.slots > most_slots)
    return Fact<ValuePage>::missing("its shape is no possible one");
  if (file_bytes < kept_page_bytes + value.slots * value.longest)
    return Fact<ValuePage>::missing("it is shorter than it says");
  return value;
}

LatestFiles read_latest(Directory& folder, const FileStatus& status) {
  LatestFiles latest;
  latest.status = status;
  latest.bell = find_bell(folder);
  for (const std::string& name : names_in(folder, latest)) {
    if (name == value_name) {
      add_value(latest, folder);
    } else if (name == successor_name) {
      const auto successor = folder.status(successor_name, Follow::no);
      if (successor && successor->type == FileType::regular) latest.successor = *successor;
    } else {
      add_other_file(latest, latest.readers, folder, name);
    }
  }
  return latest;
}

}  // namespace ginnel::inventory
