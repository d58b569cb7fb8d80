#include "limits_cgroup.hpp"
#include "limits_text.hpp"
#include "proc_text.hpp"
#include "target.hpp"
#include "words.hpp"

// /proc/PID/cgroup and /proc/PID/mountinfo; both together with a byte 0 between them.

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace ginnel;
  std::string_view mounts = fuzz::text_of(bytes, size);
  const std::string_view cgroup = inventory::take_until(mounts, '\0');
  static_cast<void>(inventory::container_of(inventory::parse_cgroup(cgroup)));
  for (std::string_view rest = cgroup; !rest.empty();)
    if (const auto line = inventory::parse_cgroup_line(inventory::take_line(rest)))
      fuzz::insist(line->path.starts_with('/'));
  for (std::string_view rest = mounts; !rest.empty();)
    if (const auto mount = inventory::parse_mount_line(inventory::take_line(rest))) {
      fuzz::insist(mount->point.starts_with('/') && !mount->type.empty());
      static_cast<void>(inventory::lists(mount->options, "memory"));
    }
  static_cast<void>(inventory::cgroup_places(cgroup, mounts));
  return 0;
}
