#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"

namespace ginnel {

/// A FIFO held by an O_PATH descriptor: what was checked is what is then opened, watched or changed, whatever is put in
/// its place under its name meanwhile. Opening it so wakes no process and touches no device.
struct FifoInode {
  UniqueFd handle;
  struct stat status{};

  /// Whatever has that name, a symbolic link itself and not what it leads to. Errors: ENOENT, EACCES, EMFILE, ENFILE.
  [[nodiscard]] static Result<FifoInode> hold(const std::string& path, std::string_view operation);
  /// Only a FIFO. Errors: as above, ELOOP (a symbolic link), EINVAL (something else).
  [[nodiscard]] static Result<FifoInode> look_up(const std::string& path, std::string_view operation);
  [[nodiscard]] bool is_fifo() const noexcept { return S_ISFIFO(status.st_mode); }
  [[nodiscard]] bool is_link() const noexcept { return S_ISLNK(status.st_mode); }
  /// Its name under /proc, which leads to the inode itself. Source: proc(5), /proc/PID/fd.
  [[nodiscard]] std::string proc_path() const { return "/proc/self/fd/" + std::to_string(handle.get()); }
};

}  // namespace ginnel
