
#include "ginnel/sys/file_system_room.hpp"
#include "limits_parts.hpp"
#include "limits_text.hpp"

namespace ginnel::inventory {
namespace {

struct Place {
  std::string name;
  std::string path;  ///< below the root of the process
  std::string_view at_limit;
  std::string_view raise;
};

constexpr std::string_view no_limit_of_its_own = "the file system has no limit of its own";
constexpr std::string_view not_to_be_seen = "not there, or not to be looked into";
constexpr std::string_view no_inodes_left = "making another file fails with ENOSPC";

std::vector<Place> places_of(const Directory& folder) {
  std::vector<Place> places{
      {"/dev/shm", "dev/shm",
       "writing to shared memory that ftruncate promised kills with SIGBUS; posix_fallocate fails with ENOSPC",
       "mount -o remount,size=N /dev/shm; of a container --shm-size"},
      {"/dev/mqueue", "dev/mqueue", "mq_open is bounded by fs.mqueue.queues_max and RLIMIT_MSGQUEUE", "not needed"},
      {"/tmp", "tmp", "mkfifo, bind and open fail with ENOSPC, writing to a mapped file kills with SIGBUS",
       "make room, or on a tmpfs mount -o remount,size=N /tmp"}};
  std::string environment;
  if (!folder.read_file("environ", environment)) return places;
  const auto directory = environment_value(environment, "XDG_RUNTIME_DIR");
  if (directory && directory->starts_with('/'))
    places.push_back({"$XDG_RUNTIME_DIR", std::string{directory->substr(1)}, "bind, mkfifo and open fail with ENOSPC",
                      "make room, or RuntimeDirectorySize= in logind.conf"});
  return places;
}

Limit empty_limit(const Place& place, std::string_view unit, std::string_view reason) {
  return {.name = place.name,
          .place = place.name.starts_with('$') ? "/" + place.path : std::string{},
          .scope = LimitScope::file_system,
          .value = Fact<std::uint64_t>::missing(reason),
          .used = Fact<std::uint64_t>::missing(reason),
          .unit = unit,
          .at_limit = unit == "inodes" ? no_inodes_left : place.at_limit,
          .raise = std::string{place.raise},
          .estimate = {},
          .consumers = {}};
}

void set_room(Limit& limit, const std::optional<FileSystemRoom::Room>& room) {
  if (!room) return;
  limit.value = room->size;
  limit.used = room->used;
}

/// Without a mount of the POSIX queues the directory belongs to another file system, which says nothing of queues.
bool is_mounted(const Directory& root, const Place& place, const Directory& folder) {
  if (place.name != "/dev/mqueue") return true;
  const auto parent = root.status("dev", Follow::yes);
  const auto own = file_status(folder.descriptor());
  return parent && own && parent->device != own->device;
}

void add(std::vector<Limit>& limits, const Place& place, const Directory& root, const Snapshot& snapshot) {
  const auto folder = root.open_below(place.path.c_str());
  const bool mounted = folder && is_mounted(root, place, *folder);
  const auto room = mounted ? file_system_room(folder->descriptor()) : Result<FileSystemRoom>{FileSystemRoom{}};
  const std::string_view reason = !folder || !room ? not_to_be_seen : mounted ? no_limit_of_its_own : "not mounted";
  Limit bytes = empty_limit(place, "bytes", reason);
  Limit inodes = empty_limit(place, "inodes", reason);
  if (room) {
    set_room(bytes, room->bytes);
    set_room(inodes, room->inodes);
  }
  if (folder)
    if (const auto status = file_status(folder->descriptor())) bytes.consumers = files_on(snapshot, status->device);
  limits.push_back(std::move(bytes));
  limits.push_back(std::move(inodes));
}

}  // namespace

std::vector<Limit> file_system_limits(const Viewpoint& here, const Directory& folder) {
  std::vector<Limit> limits;
  const auto root = folder.open_below("root");
  for (const Place& place : places_of(folder)) {
    if (root) {
      add(limits, place, *root, here.snapshot);
      continue;
    }
    for (const std::string_view unit : {"bytes", "inodes"})
      limits.push_back(empty_limit(place, unit, "another user's process"));
  }
  return limits;
}

}  // namespace ginnel::inventory
