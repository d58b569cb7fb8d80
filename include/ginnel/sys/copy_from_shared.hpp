#pragma once

#include <cstddef>
#include <span>

#include "ginnel/core/result.hpp"

namespace ginnel {

/// Copies out of memory that a peer may shrink or punch meanwhile; a page that is gone ends the copy instead of raising
/// SIGBUS. The result is how many bytes were copied, which may be none: at most as many as the smaller span has.
/// A punched page is not gone but zero. The copy is not atomic. Thread-safe.
/// Errors: ENOSYS, EPERM (a seccomp filter forbids process_vm_readv; use pread(2) on the descriptor then).
/// Source: process_vm_readv(2) on the caller itself.
[[nodiscard]] Result<std::size_t> copy_from_shared(std::span<const std::byte> shared, std::span<std::byte> destination);

/// The other way: copies into such memory, up to the first page that is gone, or that is mapped for reading only. What was
/// written before it stays written. Errors: as above, of process_vm_writev; pwrite(2) on the descriptor then.
[[nodiscard]] Result<std::size_t> copy_to_shared(std::span<const std::byte> source, std::span<std::byte> shared);

}  // namespace ginnel
