#pragma once

#include <cstdint>
#include <vector>

#include "bpf_code.hpp"
#include "ginnel/core/result.hpp"
#include "kernel_types.hpp"

namespace ginnel {

/// What the program writes of each open file that is a pipe.
struct PipeRecord {
  static constexpr std::uint64_t not_counted = ~std::uint64_t{0};

  std::uint64_t inode = 0;
  std::uint32_t device = 0;  ///< as the kernel keeps it
  std::uint32_t unused = 0;
  std::uint32_t head = 0;  ///< slots filled so far, and emptied; they wrap
  std::uint32_t tail = 0;
  std::uint32_t slots_in_use_max = 0;
  std::uint32_t slots = 0;
  std::uint32_t readers = 0;
  std::uint32_t writers = 0;
  std::uint64_t waiting = 0;  ///< bytes, or not_counted
};

/// The program for this kernel, and the number of the function that it stands in for. Errors: EOPNOTSUPP (what it looks at is
/// not where a pipe of Linux has it).
struct PipeProgram {
  BpfCode code;
  std::uint32_t iterator = 0;
};
[[nodiscard]] Result<PipeProgram> write_pipe_program(const KernelTypes& types);

}  // namespace ginnel
