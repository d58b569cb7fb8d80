#pragma once

#include "endpoints/server.hpp"
#include "ginnel/core/address.hpp"
#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"

namespace ginnel::cli {

enum class Direction { receive, send, both };

/// An open end of a byte stream. A number that is negative cannot be used that way.
struct ByteEnd {
  UniqueFd owned;  ///< none for fd:N and the standard streams, which are the caller's
  int in = -1;
  int out = -1;
};

/// Opens fifo:, unix:, fd: or -. `both` opens what is two-way for both, and a FIFO as `otherwise` says.
/// `listen`: a Unix socket is bound and one peer let in, instead of connecting.
[[nodiscard]] Result<Outcome<ByteEnd, TimedOut>> open_bytes(const Address& address, Direction direction,
                                                            Direction otherwise, const ListenOptions* listen,
                                                            Deadline deadline);

}  // namespace ginnel::cli
