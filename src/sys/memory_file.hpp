#pragma once

#include <string>
#include <string_view>

#include "ginnel/core/bytes.hpp"
#include "ginnel/core/result.hpp"

// What files made of memory (a tmpfs, a memfd) have in common.

namespace ginnel {

/// Gives an empty file its size and all its pages, so that no touch of it can fail for want of memory later.
/// `unit`: what is allocated at once at the least, the size of a (huge) page.
/// What cannot succeed is refused before anything is taken: the kernel would first fill all memory to find out.
/// Errors: EINVAL (size 0), EFBIG (over RLIMIT_FSIZE, which would raise SIGXFSZ), ENOSPC (over the free space of the file
/// system), ENOMEM (over the machine's available memory). Source: fallocate(2).
[[nodiscard]] Result<void> allocate_memory(int fd, Bytes size, Bytes unit, std::string_view object);

/// Memory that can be had now without pushing others out: MemAvailable + SwapFree of /proc/meminfo, and no more than the memory cgroup
/// leaves, whose kernel kills for want of it rather than refuse; the largest number when that cannot be read. Source: proc(5).
[[nodiscard]] Bytes available_memory() noexcept;

/// What is wanted and what is available, for an ENOMEM.
[[nodiscard]] std::string memory_hint(Bytes size);

/// Size of an open file. Errors: EBADF. Source: fstat(2).
[[nodiscard]] Result<Bytes> file_size(int fd, std::string_view object);

}  // namespace ginnel
