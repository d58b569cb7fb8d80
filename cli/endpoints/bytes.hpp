#pragma once

#include <initializer_list>
#include <string>

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

/// A descriptor by the name that the user knows.
struct NamedDescriptor {
  int fd;
  std::string name;
};

/// `standard input` and `standard output` for -, which is both; else the address.
[[nodiscard]] std::string input_name(const Address& address);
[[nodiscard]] std::string output_name(const Address& address);

/// The library tells a descriptor by its number (`fd 5`, `fd 5 to fd 1`): puts the names there. The first that has the number counts.
[[nodiscard]] Error with_names(Error error, std::initializer_list<NamedDescriptor> names);

}  // namespace ginnel::cli
