#include "inventory/asked_process.hpp"

#include <unistd.h>

namespace ginnel::cli {

pid_t asked_process(const inventory::Snapshot& snapshot, std::optional<pid_t> named) {
  if (named) return *named;
  const pid_t caller = ::getppid();
  return snapshot.process(caller) != nullptr ? caller : ::getpid();  // the caller may be in a pid namespace above
}

}  // namespace ginnel::cli
