#include "sight.hpp"

#include <algorithm>

namespace ginnel::inventory {
namespace {

bool is_unaccepted_with_data(const Object& socket) {
  return socket.holders.empty() && socket.detail("stale-path") == nullptr && socket.fill &&
         socket.fill->used.value_or(0) > 0;
}

}  // namespace

bool has_ended(const ProcessInfo& process) noexcept {
  return (process.state == 'Z' || process.state == 'X') && process.threads <= 1;
}

void Sight::Closed::add(pid_t pid) noexcept {
  if (pid == 1)
    init = true;
  else
    ++processes;
}

Sight::Sight(const Snapshot& snapshot)
    : processes_hidden{snapshot.coverage.processes_hidden}, in_flight{snapshot.coverage.in_flight} {
  for (const pid_t pid : snapshot.coverage.unreadable) {
    const ProcessInfo* process = snapshot.process(pid);
    memory.add(pid);
    if (process == nullptr || !process->descriptors_readable) descriptors.add(pid);
  }
  for (const ProcessInfo& process : snapshot.processes) {
    if (process.kernel_thread || has_ended(process)) continue;
    if (!process.network_namespace) networks.add(process.pid);
    if (process.user) users.insert(*process.user);
  }
  for (const NamespaceInfo& space : snapshot.coverage.namespaces) {
    if (space.visited) continue;
    unvisited.push_back(space);
    processes_outside = processes_outside || space.kind == NamespaceKind::pid;
  }
  const auto kind_of = [](const Object& object) { return object.id.kind; };
  const auto sockets = std::ranges::equal_range(snapshot.objects, Kind::unix_socket, {}, kind_of);
  unaccepted_data = std::ranges::any_of(sockets, is_unaccepted_with_data);
}

}  // namespace ginnel::inventory
