#pragma once

#include "ginnel/core/bytes.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"
#include "ginnel/sys/io.hpp"

namespace ginnel {

struct PipeOptions {
  bool nonblocking = false;
  bool packets = false;  ///< O_DIRECT: each write up to PIPE_BUF (4096) bytes is one packet, one read takes one packet
};

/// A one-way byte stream between related processes. Read and write it with io.hpp.
/// Writes of up to PIPE_BUF (4096) bytes are atomic; larger ones from several writers interleave.
/// In packet mode a buffer shorter than the packet loses the rest of it: read with at least PIPE_BUF bytes.
/// Any thread may read, write or ask; which of several readers gets a byte is left open. A child of fork(2) has copies of
/// both ends, and as long as it keeps the write end open a reader finds no end of the stream; exec(2) closes them.
struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;

  /// Creates a pipe whose ends are both close-on-exec.
  /// Capacity: 65 536 bytes by default; one page once the user exceeds pipe-user-pages-soft.
  /// Errors: EMFILE (this process's descriptors), ENFILE (the system's, or the user's pipes). Source: pipe2(2), pipe(7).
  [[nodiscard]] static Result<Pipe> create(PipeOptions options = {});
};

/// What the pipe or FIFO can hold. Errors: EBADF (not a pipe). Source: fcntl(2), F_GETPIPE_SZ.
[[nodiscard]] Result<Bytes> pipe_capacity(int fd);
/// Asks for a capacity; the kernel rounds up to a power-of-two number of pages and the result says what it gave.
/// Errors: EPERM (over /proc/sys/fs/pipe-max-size without CAP_SYS_RESOURCE), EBUSY (holds more than that now).
[[nodiscard]] Result<Bytes> set_pipe_capacity(int fd, Bytes capacity);
/// Bytes written and not yet read. Source: pipe(7), FIONREAD.
[[nodiscard]] Result<Bytes> pipe_bytes_waiting(int fd);

}  // namespace ginnel
