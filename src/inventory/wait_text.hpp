#pragma once

#include <string>
#include <string_view>

#include "ginnel/inventory/waits.hpp"
#include "wait_map.hpp"

namespace ginnel::inventory {

/// What a thread does that does not end: `writes to a pipe, which is full (65536 of 65536 bytes)`.
[[nodiscard]] std::string describe_wait(const Object& object, const Waiter& waiter);
/// `waits in epoll_wait until one of these is ready: unix:/run/a (a connection), 2 × a pipe (data); or 3 that are no IPC objects`.
[[nodiscard]] std::string describe_poll(const WaitEdge& edge);

struct EndFacts {
  std::string_view remark{};  ///< that of the last step's culprits
  std::size_t others = 0;     ///< who could end the last wait as well as the one that is named
};
/// How the chain ends, in a sentence.
[[nodiscard]] std::string describe_end(const Snapshot& snapshot, const WaitChain& chain, const EndFacts& facts);

}  // namespace ginnel::inventory
