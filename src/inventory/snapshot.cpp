#include "ginnel/inventory/snapshot.hpp"

#include <algorithm>

namespace ginnel::inventory {

bool Coverage::complete() const noexcept {
  return unreadable.empty() && !processes_hidden && std::ranges::all_of(namespaces, &NamespaceInfo::visited) &&
         notes.empty();
}

const ProcessInfo* Snapshot::process(pid_t pid) const noexcept {
  const auto found = std::ranges::lower_bound(processes, pid, {}, &ProcessInfo::pid);
  return found != processes.end() && found->pid == pid ? &*found : nullptr;
}

const Object* Snapshot::object(const ObjectId& id) const noexcept {
  const auto found = std::ranges::lower_bound(objects, id, {}, &Object::id);
  return found != objects.end() && found->id == id ? &*found : nullptr;
}

Time Snapshot::started_at(const ProcessInfo& process) const noexcept {
  const auto ticks = static_cast<std::int64_t>(process.start_ticks);
  return booted_at + std::chrono::seconds{ticks / ticks_per_second} +
         std::chrono::nanoseconds{ticks % ticks_per_second * (1'000'000'000 / ticks_per_second)};
}

}  // namespace ginnel::inventory
