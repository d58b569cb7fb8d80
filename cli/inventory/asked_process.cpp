#include "inventory/asked_process.hpp"

#include <fmt/core.h>
#include <unistd.h>

namespace ginnel::cli {

pid_t asked_process(const inventory::Snapshot& snapshot, std::optional<pid_t> named) {
  if (named) return *named;
  const pid_t caller = ::getppid();
  return snapshot.process(caller) != nullptr ? caller : ::getpid();  // the caller may be in a pid namespace above
}

std::optional<std::string> why_nothing_of(const inventory::Snapshot& snapshot, pid_t pid) {
  const inventory::ProcessInfo* process = snapshot.process(pid);
  if (process == nullptr)
    return fmt::format("pid {}: no such process{}", pid,
                       snapshot.coverage.processes_hidden ? ", or it is hidden (hidepid)" : "");
  if (process->alive() && !(process->descriptors_readable && process->mappings_readable) && !process->kernel_thread)
    return fmt::format("{}({}): what it has may not be looked into", process->command, pid);
  return std::nullopt;
}

}  // namespace ginnel::cli
