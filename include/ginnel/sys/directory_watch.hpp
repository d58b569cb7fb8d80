#pragma once

#include <cstdint>

#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"

namespace ginnel {

/// Becomes readable when something happens to the files of a directory: one appears, goes, is written to with write(2), or is closed
/// by one who had it open for writing, by whatever death. What was written through a mapping is not noticed.
/// Thread-safe apart from moves. Source: inotify(7).
class [[nodiscard]] DirectoryWatch {
 public:
  /// Errors: EMFILE (fs.inotify.max_user_instances: names it), ENOSPC (fs.inotify.max_user_watches), ENOMEM, EBADF.
  [[nodiscard]] static Result<DirectoryWatch> of(int directory);
  DirectoryWatch() noexcept = default;

  [[nodiscard]] int pollable() const noexcept { return notifications_.get(); }
  [[nodiscard]] bool active() const noexcept { return notifications_.valid(); }
  /// Has all who watch its directory notice something: writes one byte there, a zero. Errors: EBADF, ENOSPC.
  [[nodiscard]] static Result<void> ring(int file, std::uint64_t offset);
  /// Takes all that was noticed: it is readable again after the next event. True when a file that was open for writing was closed, or
  /// may have been: its locks come free right after that, and may not be free yet.
  bool clear() const noexcept;

 private:
  explicit DirectoryWatch(UniqueFd notifications) noexcept : notifications_{std::move(notifications)} {}
  UniqueFd notifications_;
};

}  // namespace ginnel
