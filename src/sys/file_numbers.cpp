#include "ginnel/sys/file_numbers.hpp"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>

#include "system_call.hpp"

namespace ginnel {
namespace {

constexpr std::uint32_t xfs_magic = 0x58465342;  // XFS_SUPER_MAGIC, newer than the headers of Debian 12
constexpr std::array<std::uint32_t, 5> plain{TMPFS_MAGIC, RAMFS_MAGIC, EXT4_SUPER_MAGIC, F2FS_SUPER_MAGIC, xfs_magic};

}  // namespace

Result<bool> shows_kernel_numbers(int fd) {
  struct statfs raw{};
  if (retry_interrupted([&] { return ::fstatfs(fd, &raw); }) < 0) return std::unexpected{Error::last("fstatfs")};
  return std::ranges::find(plain, static_cast<std::uint32_t>(raw.f_type)) != plain.end();
}

}  // namespace ginnel
