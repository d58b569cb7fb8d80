#pragma once

namespace ginnel {

/// After a read of 0 bytes: true when this is a FIFO whose first writer, since it was opened, has yet to come. The kernel
/// tells that apart from the end of the stream only by poll(2), which says POLLHUP for the end alone.
/// False for every other kind. Preserves errno.
[[nodiscard]] bool awaits_first_writer(int fd) noexcept;

}  // namespace ginnel
