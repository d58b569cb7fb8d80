#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"

namespace ginnel {

// Reading, writing and waiting on any descriptor, with a deadline: the one idiom for EINTR, would-block and time-out that
// all byte-carrying mechanisms share. Works on blocking and non-blocking descriptors alike and never changes their flags
// (which other processes may share). Where the kernel cannot try without blocking on a blocking descriptor (before
// preadv2's RWF_NOWAIT reached that kind), a read that another reader overtakes can outlast its deadline.
// None of these functions raises SIGPIPE, whatever the caller's disposition.
// Any thread may call any of them, on the same descriptor too; each read or write is whole or told, but of bytes that take
// several calls (read_all, write_all) those of two threads interleave. After fork(2) parent and child share what is open.

struct BytesRead {
  std::size_t count = 0;
};
struct BytesWritten {
  std::size_t count = 0;
};

enum class Interest { readable, writable };

/// Waits until a read (or write) would not block; a peer that hung up or an error on the descriptor counts as ready.
/// Errors: EBADF. Source: ppoll(2).
[[nodiscard]] Result<Outcome<Done, TimedOut>> wait_ready(int fd, Interest interest,
                                                         Deadline deadline = Deadline::never());

/// Reads what is there, at least one byte. An empty buffer reads nothing: BytesRead{0}.
/// Errors: EBADF, EISDIR, EIO, ECONNRESET, … Source: read(2), preadv2(2).
[[nodiscard]] Result<Outcome<BytesRead, EndOfStream, TimedOut>> read_some(int fd, std::span<std::byte> buffer,
                                                                          Deadline deadline = Deadline::never());

/// Writes what fits, at least one byte. PeerGone where the kernel says EPIPE or ECONNRESET.
/// Errors: EBADF, ENOSPC, EFBIG, EIO, … Source: write(2), pwritev2(2).
[[nodiscard]] Result<Outcome<BytesWritten, PeerGone, TimedOut>> write_some(int fd, std::span<const std::byte> data,
                                                                           Deadline deadline = Deadline::never());

/// How far a transfer of many bytes came, and why it ended.
struct [[nodiscard]] Transfer {
  enum class End { complete, end_of_stream, peer_gone, timed_out };
  std::size_t bytes = 0;
  End end = End::complete;
};

/// Fills the buffer unless the stream ends or the deadline passes first. Errors: as read_some.
[[nodiscard]] Result<Transfer> read_all(int fd, std::span<std::byte> buffer, Deadline deadline = Deadline::never());
/// Writes all of it unless the reader goes or the deadline passes first. Errors: as write_some.
[[nodiscard]] Result<Transfer> write_all(int fd, std::span<const std::byte> data,
                                         Deadline deadline = Deadline::never());

/// Sets or clears O_NONBLOCK of the open file description, which forked and passed copies share. Source: fcntl(2).
[[nodiscard]] Result<void> set_nonblocking(int fd, bool nonblocking);
/// Sets or clears FD_CLOEXEC of this descriptor alone. Source: fcntl(2).
[[nodiscard]] Result<void> set_close_on_exec(int fd, bool close_on_exec);

enum class DescriptorKind {
  regular_file,
  directory,
  symlink,  ///< opened with O_PATH
  character_device,
  block_device,
  pipe,  ///< an unnamed pipe
  fifo,
  unix_socket,
  other_socket,
  memfd,
  posix_shm,  ///< a file on a tmpfs at /dev/shm
  posix_queue,
  eventfd,
  epoll,
  signalfd,
  timerfd,
  pidfd,
  inotify,
  namespace_file,
  other,
};

/// What a descriptor is, for a receiver that must not believe its sender. No file system is asked: that of a FUSE file may be the sender's
/// own process, which need not answer. (Closing such a file does ask it, and close(2) waits for the answer.)
/// Errors: EBADF, and ENOENT where /proc is not mounted. Source: statx(2), proc(5) (/proc/self/fd), getsockopt(2), fuse(4).
[[nodiscard]] Result<DescriptorKind> descriptor_kind(int fd);
[[nodiscard]] std::string_view to_string(DescriptorKind kind) noexcept;

/// Bytes and text are the same thing to the kernel.
[[nodiscard]] inline std::span<const std::byte> as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span{text});
}
[[nodiscard]] inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace ginnel
