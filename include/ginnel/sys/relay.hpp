#pragma once

#include <cstdint>
#include <optional>

#include "ginnel/core/bytes.hpp"
#include "ginnel/core/deadline.hpp"
#include "ginnel/core/result.hpp"

namespace ginnel {

/// How the bytes went over: inside the kernel, or through a buffer of this process where splice(2) was refused.
enum class RelayMethod { spliced, copied };

struct [[nodiscard]] RelayReport {
  enum class End {
    end_of_stream,  ///< the input ended and all of it was delivered
    peer_gone,      ///< nobody reads the output any more, or the input's peer reset its connection
    limit_reached,
    timed_out,
    stopped,  ///< of relay_both_ways with end_with_first: the other direction ended
  };
  std::uint64_t bytes = 0;        ///< delivered to the output
  std::uint64_t undelivered = 0;  ///< taken from the input and lost, when it ended by peer_gone or timed_out
  End end = End::end_of_stream;
  RelayMethod method = RelayMethod::spliced;
};

struct RelayOptions {
  std::optional<std::uint64_t> limit = {};  ///< stop after so many bytes; no more are taken from the input
  bool allow_splice = true;
};

/// Moves bytes from one descriptor to another, of whatever kinds, until the input ends, the output's reader goes (told also
/// while the input is silent), the limit is reached or the deadline passes. Every byte counted has reached `output`; none
/// is lost between the two, except that on peer_gone and timed_out up to 64 KiB may have been taken from `input` and not
/// delivered, which `bytes` then does not count. Nothing is taken while the output has no room, and with a pipe at either
/// end, spliced, nothing at all is lost.
/// Deadline::immediately() moves all that can be moved without waiting.
/// The bytes are spliced through pipes inside the kernel, and copied where splice(2) is refused (terminals, files opened
/// for appending, eventfds, …) or would wait past a deadline (a blocking socket or device as output). A file that is
/// spliced goes over as references to its pages: what is written to it before the reader reads, the reader may see.
/// Works on blocking and non-blocking descriptors and never changes their flags. No SIGPIPE.
/// Thread-safe as read(2) and write(2) are: two relays from one input share its bytes out.
/// Errors: EBADF, ENOSPC, EIO, and the others of read(2) and write(2). Source: splice(2).
[[nodiscard]] Result<RelayReport> relay(int input, int output, RelayOptions options = {},
                                        Deadline deadline = Deadline::never());

/// Moves bytes from pipe to pipe and leaves a copy on a third descriptor of any kind, by tee(2); where `input` or `output`
/// is no pipe the bytes go through a buffer. `bytes` counts what reached `output`; on peer_gone and timed_out up to 64 KiB
/// of it may be missing from `copy`. Errors: as relay(). Source: tee(2).
[[nodiscard]] Result<RelayReport> relay_with_copy(int input, int output, int copy,
                                                  Deadline deadline = Deadline::never());

struct [[nodiscard]] DuplexReport {
  RelayReport a_to_b;
  RelayReport b_to_a;
};
struct DuplexEnds {
  int a_in;
  int a_out;
  int b_in;
  int b_out;
  bool end_with_first = false;  ///< return as soon as one direction has ended, as a client of a one-shot server wants
};
/// Carries bytes both ways between two bidirectional ends (a socket is both `in` and `out` of its side) until both
/// directions have ended. When one ends, its output is shut down for writing if it is a socket (shutdown(2)), so that
/// the peer sees the end of the stream; another kind stays open, being the caller's to close.
/// One thread, and neither direction ever waits for the other. Errors: as relay(). Source: splice(2), shutdown(2).
[[nodiscard]] Result<DuplexReport> relay_both_ways(DuplexEnds ends, Deadline deadline = Deadline::never());

}  // namespace ginnel
