#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>

#include "ginnel/core/unique_fd.hpp"
#include "support/child_process.hpp"

namespace ginnel::test {

/// A file of a file system that another process serves (fuse(4)), as a stranger may hand it over: every question about it is put to that
/// process. This one answers to opening and closing; all else it refuses with EIO, and counts.
class FuseFile {
 public:
  /// Empty where there is no /dev/fuse, or no right to mount.
  [[nodiscard]] static std::optional<FuseFile> open();
  [[nodiscard]] int descriptor() const noexcept { return file_.get(); }
  [[nodiscard]] UniqueFd duplicate() const;
  /// How many questions were put since it is open.
  [[nodiscard]] int questions() const noexcept;

 private:
  struct Shared;
  FuseFile(std::shared_ptr<Shared> shared, ChildProcess server, UniqueFd file);
  std::shared_ptr<Shared> shared_;
  ChildProcess server_;
  UniqueFd file_;  // closed before its server ends, which its close asks
};

}  // namespace ginnel::test
