#include "ginnel/sys/file_system_room.hpp"

#include <sys/statvfs.h>

#include "system_call.hpp"

namespace ginnel {
namespace {

std::optional<FileSystemRoom::Room> room(std::uint64_t total, std::uint64_t free, std::uint64_t available,
                                         std::uint64_t unit) {
  if (total == 0 || free > total) return std::nullopt;
  const std::uint64_t used = total - free;
  return FileSystemRoom::Room{.size = (used + available) * unit, .used = used * unit};
}

}  // namespace

Result<FileSystemRoom> file_system_room(int fd) {
  struct statvfs raw{};
  if (retry_interrupted([&] { return ::fstatvfs(fd, &raw); }) < 0) return std::unexpected{Error::last("fstatvfs")};
  return FileSystemRoom{.bytes = room(raw.f_blocks, raw.f_bfree, raw.f_bavail, raw.f_frsize),
                        .inodes = room(raw.f_files, raw.f_ffree, raw.f_favail, 1)};
}

}  // namespace ginnel
