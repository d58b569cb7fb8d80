#include "limits_cgroup.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "limits_parts.hpp"
#include "limits_text.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

/// Version 1 has no `max`: it writes the largest number of pages that a signed number of bytes can hold.
constexpr std::uint64_t no_limit_in_v1 = (1ULL << 63U) - (1U << 16U);

struct Knob {
  std::string_view controller;  ///< as in CgroupPlace
  std::string_view limit_file;
  std::string_view used_file;
  std::string_view unit;
  std::string_view at_limit;
};

constexpr std::string_view out_of_memory =
    "the kernel takes back what it can and then kills a process of the cgroup; a system call may fail with ENOMEM";
constexpr std::string_view no_swap = "memory of the cgroup, shared memory too, is swapped out no more";
constexpr std::string_view nowhere_set = "no cgroup with this limit is to be seen from here";
constexpr std::string_view no_fork = "fork and clone fail with EAGAIN";

constexpr std::array knobs{
    Knob{"", "memory.max", "memory.current", "bytes", out_of_memory},
    Knob{"", "memory.swap.max", "memory.swap.current", "bytes", no_swap},
    Knob{"", "pids.max", "pids.current", "threads", no_fork},
    Knob{"memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "bytes", out_of_memory},
    Knob{"memory", "memory.memsw.limit_in_bytes", "memory.memsw.usage_in_bytes", "bytes", out_of_memory},
    Knob{"pids", "pids.max", "pids.current", "threads", no_fork},
};

/// The path below a mount whose root is that directory of the hierarchy; nothing when it lies elsewhere.
std::optional<std::string_view> below(std::string_view path, std::string_view root) {
  if (root == "/") return path == "/" ? "" : path;
  if (!path.starts_with(root)) return std::nullopt;
  path.remove_prefix(root.size());
  return path.empty() || path.starts_with('/') ? std::optional{path} : std::nullopt;
}

bool is_of(const MountLine& mount, std::string_view controller) {
  return controller.empty() ? mount.type == "cgroup2" : mount.type == "cgroup" && lists(mount.options, controller);
}

/// From the cgroup itself upwards.
void add_levels(std::vector<CgroupPlace>& places, std::string_view controller, std::string_view path,
                const MountLine& mount) {
  const auto inside = below(path, mount.root);
  if (!inside) return;
  for (std::string_view level = *inside;; level = level.substr(0, level.rfind('/'))) {
    const std::string_view shown = path.substr(0, path.size() - (inside->size() - level.size()));
    places.push_back({.controller = std::string{controller},
                      .path = shown.empty() ? "/" : std::string{shown},
                      .directory = mount.point + std::string{level}});
    if (level.find('/') == std::string_view::npos) return;
  }
}

void add_hierarchy(std::vector<CgroupPlace>& places, std::string_view controller, std::string_view path,
                   std::string_view mounts) {
  while (!mounts.empty()) {
    const auto mount = parse_mount_line(take_line(mounts));
    if (!mount || !is_of(*mount, controller)) continue;
    const std::size_t before = places.size();
    add_levels(places, controller, path, *mount);
    if (places.size() > before) return;  // a second mount of it shows the same
  }
}

Fact<std::uint64_t> read_amount(const Directory& folder, std::string_view file) {
  std::string text;
  if (!folder.read_file(std::string{file}.c_str(), text)) return Fact<std::uint64_t>::missing("may not be read");
  const auto amount = parse_setting(text);
  return amount && *amount >= no_limit_in_v1 ? Fact<std::uint64_t>::missing(unlimited) : amount;
}

Limit limit_of(const Knob& knob, const CgroupPlace& place, const Viewpoint& here) {
  Limit limit{.name = std::string{knob.limit_file},
              .place = place.path,
              .scope = LimitScope::cgroup,
              .value = Fact<std::uint64_t>::missing(nowhere_set),
              .used = Fact<std::uint64_t>::missing(nowhere_set),
              .unit = knob.unit,
              .at_limit = knob.at_limit,
              .raise = "write more to " + std::string{knob.limit_file} +
                       " of the cgroup, or by its manager: systemctl "
                       "set-property, docker update",
              .estimate = {},
              .consumers = {}};
  if (place.directory.empty()) return limit;
  const auto folder = Directory::open(place.directory.c_str());
  if (!folder) return limit;
  limit.value = read_amount(*folder, knob.limit_file);
  limit.used = read_amount(*folder, knob.used_file);
  if (knob.unit == "threads") limit.consumers = threads_below(here.snapshot, place.path);
  return limit;
}

bool has_file(const std::string& directory, std::string_view file) {
  const auto folder = Directory::open(directory.c_str());
  return folder && folder->status(std::string{file}.c_str(), Follow::no).has_value();
}

}  // namespace

std::vector<CgroupPlace> cgroup_places(std::string_view cgroup, std::string_view mounts) {
  std::vector<CgroupPlace> places;
  while (!cgroup.empty()) {
    const auto line = parse_cgroup_line(take_line(cgroup));
    if (!line) continue;
    if (line->unified) add_hierarchy(places, "", line->path, mounts);
    for (const std::string_view controller : {"memory", "pids"})
      if (lists(line->controllers, controller)) add_hierarchy(places, controller, line->path, mounts);
  }
  return places;
}

std::vector<Limit> cgroup_limits(const Viewpoint& here, const Directory& folder) {
  std::string cgroup;
  std::string mounts;
  static_cast<void>(folder.read_file("cgroup", cgroup));
  const auto self = Directory::open("/proc/self");
  if (self) static_cast<void>(self->read_file("mountinfo", mounts));

  std::vector<Limit> limits;
  for (const CgroupPlace& place : cgroup_places(cgroup, mounts))
    for (const Knob& knob : knobs)
      if (knob.controller == place.controller && has_file(place.directory, knob.limit_file))
        limits.push_back(limit_of(knob, place, here));
  for (const std::string_view unit : {"bytes", "threads"})
    if (std::ranges::none_of(limits, [&](const Limit& limit) { return limit.unit == unit; }))
      limits.push_back(limit_of(*std::ranges::find(knobs, unit, &Knob::unit), {}, here));
  return limits;
}

}  // namespace ginnel::inventory
