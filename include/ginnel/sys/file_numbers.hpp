#pragma once

#include "ginnel/core/result.hpp"

namespace ginnel {

/// Whether the file system of an open file is known to show by stat(2) the device and inode numbers that the kernel itself keeps, and
/// tells in /proc/PID/maps and over sock_diag(7): tmpfs, ext2 to ext4, XFS, F2FS. Of overlayfs and btrfs it is known that they may show
/// others; of the rest it is not known. Errors: EBADF, EIO. Source: fstatfs(2).
[[nodiscard]] Result<bool> shows_kernel_numbers(int fd);

}  // namespace ginnel
