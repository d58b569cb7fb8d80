#pragma once

#include <cstdint>
#include <optional>

#include "ginnel/core/result.hpp"

namespace ginnel {

/// How much a file system holds and could hold, as df(1) counts: what is kept back for root belongs to neither.
struct FileSystemRoom {
  struct Room {
    std::uint64_t size = 0;
    std::uint64_t used = 0;
  };
  std::optional<Room> bytes;   ///< none: it has no size of its own (mqueue, proc)
  std::optional<Room> inodes;  ///< none: it sets no limit (btrfs, tmpfs with nr_inodes=0)
};

/// Of the file system that an open file or directory is in. Errors: EBADF, EIO, ENOSYS (the file system cannot tell).
/// Source: fstatvfs(3).
[[nodiscard]] Result<FileSystemRoom> file_system_room(int fd);

}  // namespace ginnel
