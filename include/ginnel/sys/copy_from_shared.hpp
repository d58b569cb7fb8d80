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

}  // namespace ginnel
