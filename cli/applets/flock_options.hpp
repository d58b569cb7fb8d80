#pragma once

#include <expected>

#include "ginnel/core/deadline.hpp"
#include "ginnel/sys/file_lock.hpp"

namespace ginnel::cli {

/// What flock(1) was asked to do.
struct FlockOptions {
  bool unlock = false;  ///< then mode and deadline mean nothing
  LockMode mode = LockMode::exclusive;
  Deadline deadline = Deadline::never();
  int conflict_code = 1;  ///< to end with when the lock was not to be had
  bool close = false;     ///< the command does not get the descriptor
  bool in_place = false;  ///< the command takes the place of flock, without a fork
  bool verbose = false;

  const char* path = nullptr;  ///< what to lock; null: `descriptor`
  int descriptor = -1;
  char** command = nullptr;  ///< with a null pointer behind; null: none
  bool by_shell = false;     ///< `command` is one line for the user's shell
};

/// The options, or the code to end with: the use was wrong, which has been said, or a text was asked for.
[[nodiscard]] std::expected<FlockOptions, int> parse_flock(int argc, char** argv);

}  // namespace ginnel::cli
