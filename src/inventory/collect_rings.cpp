#include <algorithm>
#include <array>
#include <map>

#include "ring_files.hpp"
#include "scene.hpp"

// What an io_uring keeps open has no descriptor any more, and is in use all the same. Only its path is told, so that whatever has
// that name counts as held.

namespace ginnel::inventory {
namespace {

constexpr std::string_view ring_target = "anon_inode:[io_uring]";
constexpr std::array kept_kinds{Kind::posix_queue, Kind::posix_shm, Kind::posix_semaphore, Kind::fifo};

std::string_view last_part(std::string_view path) noexcept { return path.substr(path.rfind('/') + 1); }

/// The name of the file that an object is, as the last part of its path.
std::string file_name_of(const Object& object) {
  const std::string name{last_part(object.name)};
  return object.id.kind == Kind::posix_semaphore ? "sem." + name : name;
}

}  // namespace

void collect_rings(Scene& scene) {
  std::multimap<std::string, const OpenFile*> kept;
  for (const OpenFile& file : scene.census.files) {
    if (file.target != ring_target) continue;
    for (const std::string& path : files_of_ring(file.info)) kept.emplace(last_part(without_deleted_mark(path)), &file);
  }
  if (kept.empty()) return;
  for (Object& object : scene.objects.all()) {
    if (std::ranges::find(kept_kinds, object.id.kind) == kept_kinds.end()) continue;
    const auto [first, last] = kept.equal_range(file_name_of(object));
    for (auto ring = first; ring != last; ++ring)
      object.holders.push_back({.pid = ring->second->pid,
                                .tid = ring->second->tid,
                                .fd = ring->second->fd,
                                .how = How::in_flight,
                                .access = Access::none});
  }
}

}  // namespace ginnel::inventory
