#include "segments.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "words.hpp"

namespace ginnel::inventory {
namespace {

constexpr std::string_view segment_prefix = "/SYSV";

using Mappings = std::vector<const MappedFile*>;
/// By id and handle; without a handle, by id and the namespace of the process.
using Groups = std::map<std::pair<std::uint64_t, std::uint64_t>, Mappings>;

std::uint64_t namespace_of(const Scene& scene, const MappedFile& mapping) {
  const ProcessInfo* process = scene.snapshot.process(mapping.pid);
  return process != nullptr ? process->ipc_namespace.value_or(0) : 0;
}

Groups group(const Scene& scene) {
  Groups groups;
  for (const MappedFile& mapping : scene.census.mappings) {
    if (!mapping.path.starts_with(segment_prefix)) continue;
    const MappedFile::Origin* origin = mapping.proven_origin();
    const bool told_apart = origin != nullptr && origin->handle != 0;
    groups[{mapping.inode, told_apart ? origin->handle : namespace_of(scene, mapping)}].push_back(&mapping);
  }
  return groups;
}

/// How well a segment fits a group: that it counts as many, above all, and that the processes are in its namespace.
int fitness(const Scene& scene, const Object& segment, const Mappings& mappings) {
  const Detail* attached = segment.detail("nattch");
  const bool counts_so_many =
      attached != nullptr && to_number<std::size_t>(attached->value) == std::optional{mappings.size()};
  const auto at_home = std::ranges::count_if(
      mappings, [&](const MappedFile* mapping) { return namespace_of(scene, *mapping) == segment.id.space; });
  return (counts_so_many ? 2 : 0) + (at_home > 0 ? 1 : 0);
}

Object* best_fit(Scene& scene, std::uint64_t id, const Mappings& mappings) {
  Object* best = nullptr;
  int best_fitness = 0;
  for (Object& candidate : scene.objects.all()) {
    if (candidate.id.kind != Kind::sysv_shm || candidate.id.number != id || !candidate.holders.empty()) continue;
    const int fit = fitness(scene, candidate, mappings);
    if (fit > best_fitness) {
      best = &candidate;
      best_fitness = fit;
    }
  }
  return best;
}

}  // namespace

void attach_segments(Scene& scene) {
  for (const auto& [key, mappings] : group(scene)) {
    Object* segment = best_fit(scene, key.first, mappings);
    if (segment == nullptr) continue;  // of a namespace that was not visited
    for (const MappedFile* mapping : mappings)
      segment->holders.push_back(
          {.pid = mapping->pid, .tid = mapping->pid, .fd = -1, .how = How::mapping, .access = mapping->access});
  }
}

}  // namespace ginnel::inventory
