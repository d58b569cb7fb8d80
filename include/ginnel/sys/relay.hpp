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
  enum class End { end_of_stream, peer_gone, limit_reached, timed_out };
  std::uint64_t bytes = 0;
  End end = End::end_of_stream;
  RelayMethod method = RelayMethod::spliced;
};

struct RelayOptions {
  std::optional<std::uint64_t> limit;  ///< stop after so many bytes
  bool allow_splice = true;
};

/// Moves bytes from one descriptor to another, of whatever kinds, until the input ends, the output's reader goes, the limit
/// is reached or the deadline passes. Every byte counted has reached `output`; none is lost between the two, except that
/// on peer_gone and timed_out up to one pipe's content may have been taken from `input` and not delivered, which
/// `bytes` then does not count. No SIGPIPE.
/// Errors: EBADF, and those of read(2) and write(2). Source: splice(2).
[[nodiscard]] Result<RelayReport> relay(int input, int output, RelayOptions options = {},
                                        Deadline deadline = Deadline::never());

/// Moves bytes from pipe to pipe and leaves a copy on a third descriptor, as tee(1) does. `input` must be a pipe; where
/// `copy` or `output` is none, the bytes go through a buffer.
[[nodiscard]] Result<RelayReport> relay_with_copy(int input, int output, int copy,
                                                  Deadline deadline = Deadline::never());

/// Carries bytes both ways between two bidirectional ends until both directions have ended. When one direction ends, its
/// output is shut down for writing (a socket by shutdown(2)), so that the peer sees the end of the stream.
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
[[nodiscard]] Result<DuplexReport> relay_both_ways(DuplexEnds ends, Deadline deadline = Deadline::never());

}  // namespace ginnel
