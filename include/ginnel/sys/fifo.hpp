#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"
#include "ginnel/sys/io.hpp"

namespace ginnel {

struct FifoOptions {
  mode_t mode = 0600;     ///< permission bits, exactly, whatever the umask
  bool exclusive = true;  ///< false: an existing FIFO of this user and mode is taken as it is
};

/// Makes a FIFO. The umask, which is the process's, is not touched; the mode is never wider than asked at any moment.
/// Errors: EEXIST (something of that name is there, or, not exclusive, it is not a FIFO of this owner and
/// mode), ENOENT, EACCES, ENAMETOOLONG, ENOSPC, EROFS, EMFILE, ENFILE. On an error none is left behind. Source: mkfifo(3),
/// fifo(7).
[[nodiscard]] Result<void> create_fifo(const std::string& path, FifoOptions options = {});
/// Removes it if it is a FIFO; a symbolic link is none. Who opened it keeps it. Errors: ENOENT, EINVAL (not a FIFO: nothing is removed), EACCES, EPERM.
[[nodiscard]] Result<void> remove_fifo(const std::string& path);

/// Opens for reading, at once and without waiting for a writer; a reader that waits for data with a deadline waits for
/// the first writer too. EndOfStream comes only after a writer has been there and the last one has closed; a later writer
/// begins a new stream. What is opened is non-blocking (O_NONBLOCK), which io.hpp and relay.hpp hide.
/// Errors: EINVAL (not a FIFO), ENOENT, EACCES, ELOOP (a symbolic link), EMFILE, ENFILE. Source: open(2), fifo(7).
[[nodiscard]] Result<UniqueFd> open_fifo_reader(const std::string& path);
/// Opens for writing as soon as there is a reader; never hangs past the deadline in open(2).
/// Retries, at first after 50 µs and then every 5 ms: the kernel tells nobody of a reader that waits in open(2) itself.
/// What is opened is non-blocking. Errors: as for reading.
[[nodiscard]] Result<Outcome<UniqueFd, TimedOut>> open_fifo_writer(const std::string& path,
                                                                   Deadline deadline = Deadline::never());

/// Messages over a FIFO or pipe that many writers share: each is one write of at most PIPE_BUF (4096) bytes, a four-byte
/// length first, so no two mix.
inline constexpr std::size_t fifo_message_max = 4096 - sizeof(std::uint32_t);

/// Sends one message, which may be empty, whole or not at all. PeerGone: no reader has it open; what earlier messages
/// nobody had read is lost with the last reader. Safe from many threads and processes at once on one FIFO.
/// Errors: EMSGSIZE (over fifo_message_max), EPROTO (not a FIFO or pipe: it took a part), and those of write(2).
/// Source: pipe(7), PIPE_BUF.
[[nodiscard]] Result<Outcome<Done, PeerGone, TimedOut>> send_message(int fd, std::span<const std::byte> message,
                                                                     Deadline deadline = Deadline::never());

/// Takes whole messages off a FIFO or pipe; keeps what has come of the next one. One reader for a FIFO.
class [[nodiscard]] FifoMessageReader {
 public:
  explicit FifoMessageReader(UniqueFd fd) noexcept : fd_{std::move(fd)} {}
  /// Errors: EPROTO (a length over fifo_message_max, or the stream ended inside a message), and those of read(2).
  [[nodiscard]] Result<Outcome<std::vector<std::byte>, EndOfStream, TimedOut>> receive(
      Deadline deadline = Deadline::never());
  /// For epoll; a message already taken in needs a receive() first, so receive until TimedOut before waiting.
  [[nodiscard]] int pollable() const noexcept { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::vector<std::byte> pending_;
  std::size_t taken_ = 0;  ///< so many bytes of it have been given out
};

}  // namespace ginnel
