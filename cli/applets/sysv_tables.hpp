#pragma once

#include <cstdint>
#include <vector>

#include "ginnel/core/result.hpp"

// The System V objects of the IPC namespace, as /proc/sysvipc lists them: all of them, also those that the caller may not read.
// Times are seconds since the epoch, 0: never. Source: sysvipc(7), proc(5).

namespace ginnel::cli {

/// What the three kinds have in common.
struct SysvObject {
  std::int32_t key = 0;
  int id = 0;
  unsigned mode = 0;  ///< for segments with SHM_DEST and SHM_LOCKED
  unsigned uid = 0;
  unsigned gid = 0;
  unsigned creator_uid = 0;
  unsigned creator_gid = 0;
};

struct SegmentRow : SysvObject {
  std::uint64_t bytes = 0;
  int creator = 0;
  int last_user = 0;
  std::uint64_t attached = 0;
  std::int64_t attach_time = 0;
  std::int64_t detach_time = 0;
  std::int64_t change_time = 0;
};

struct QueueRow : SysvObject {
  std::uint64_t bytes = 0;
  std::uint64_t messages = 0;
  int last_sender = 0;
  int last_receiver = 0;
  std::int64_t send_time = 0;
  std::int64_t receive_time = 0;
  std::int64_t change_time = 0;
};

struct SemaphoreSetRow : SysvObject {
  std::uint64_t count = 0;
  std::int64_t operation_time = 0;
  std::int64_t change_time = 0;
};

/// Errors: ENOENT (a kernel without System V objects, or no /proc), EIO (not of the known form).
[[nodiscard]] Result<std::vector<SegmentRow>> read_segments();
[[nodiscard]] Result<std::vector<QueueRow>> read_queues();
[[nodiscard]] Result<std::vector<SemaphoreSetRow>> read_semaphore_sets();

}  // namespace ginnel::cli
