#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "ginnel/inventory/object.hpp"

namespace ginnel::inventory {

/// An IPC object that a thread polls.
struct Watched {
  ObjectId object;
  bool reading = false;
  bool writing = false;
  bool edge_triggered = false;  ///< of an epoll set: what was there before it was last told of is not told again
};

enum class PollBy : std::uint8_t { poll, select, epoll };
[[nodiscard]] std::string_view to_string(PollBy by) noexcept;  ///< `poll`, `select`, `epoll`

/// A thread that sleeps until one of several files is ready.
struct Poll {
  pid_t pid = 0;
  pid_t tid = 0;
  PollBy by = PollBy::poll;
  std::optional<ObjectId> set;   ///< the epoll set
  std::vector<Watched> watched;  ///< of sets within the set too; what is switched off (EPOLLONESHOT) is left out
  std::size_t others = 0;  ///< files that are no IPC objects (terminals, network sockets, …), or could not be told
  bool timed = false;      ///< it goes on by itself after a while
  bool complete = true;    ///< false: what it polls could not all be read
};

}  // namespace ginnel::inventory
