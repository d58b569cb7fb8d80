#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"

namespace ginnel {

/// What the kernel itself keeps of a pipe or FIFO.
struct PipeState {
  std::uint64_t device = 0;  ///< as makedev(3) puts it together
  std::uint64_t inode = 0;
  std::optional<std::uint64_t> waiting;  ///< bytes to be read; not told of a pipe with very many slots in use
  std::uint64_t capacity = 0;            ///< bytes
  bool full = false;                     ///< a write of one byte would have to wait
  std::uint32_t readers = 0;             ///< open file descriptions that may read, in whatever process or on their way
  std::uint32_t writers = 0;
};

/// Asks the kernel about all pipes at once, by a small program that it runs over every open file of every task: no descriptor is
/// copied and nothing is opened. For as long as the program looks at a file the kernel holds it. Thread-safe apart from moves.
/// Source: bpf(2), bpf_iter of Linux (the iterator `task_file`).
class [[nodiscard]] PipeStates {
 public:
  /// Hands the program to the kernel. Errors: EPERM (needs CAP_BPF and CAP_PERFMON, or root; or lockdown(7) forbids it), ENOENT (the
  /// kernel tells nothing of its types: no CONFIG_DEBUG_INFO_BTF), EOPNOTSUPP (pipes of a shape that is not known here),
  /// EINVAL, ENOSYS (before Linux 5.8), E2BIG, ENOMEM, EMFILE.
  [[nodiscard]] static Result<PipeStates> prepare();

  /// Each pipe once that a task of the caller's pid namespace has open, by device and inode. Errors: EMFILE, ENOMEM.
  [[nodiscard]] Result<std::vector<PipeState>> read() const;

 private:
  PipeStates(UniqueFd program, UniqueFd link) noexcept : program_{std::move(program)}, link_{std::move(link)} {}
  UniqueFd program_;
  UniqueFd link_;
};

}  // namespace ginnel
