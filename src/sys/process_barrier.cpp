#include "ginnel/sys/process_barrier.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ginnel {
namespace {

Result<void> membarrier(int command, const char* operation) {
  if (::syscall(SYS_membarrier, command, 0U, 0) < 0) return std::unexpected{Error::last(operation)};
  return {};
}

}  // namespace

Result<void> register_for_process_barriers() {
  return membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, "membarrier register");
}

Result<void> process_barrier() { return membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED, "membarrier"); }

}  // namespace ginnel
