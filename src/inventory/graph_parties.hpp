#pragma once

#include <string>
#include <vector>

#include "ginnel/inventory/snapshot.hpp"

namespace ginnel::inventory {

/// One process's hand on an object.
struct Party {
  enum class Side : std::uint8_t { shared, near, far };  ///< an end of a socket, or waiter and holder of a lock

  pid_t pid = 0;
  bool gives = false;
  bool takes = false;
  Side side = Side::shared;

  /// Whether something can pass from here to there.
  [[nodiscard]] bool reaches(const Party& other) const noexcept {
    const bool opposite = side != other.side || side == Side::shared;
    return pid != other.pid && gives && other.takes && opposite;
  }
  bool operator==(const Party&) const = default;
};

/// An object, or the two ends of a socket, with those who meet there.
struct Meeting {
  const Object* object = nullptr;
  const Object* other_end = nullptr;  ///< of a connected socket
  std::vector<Party> parties;         ///< each once
  std::vector<Waiter> waiters;        ///< without those who poll or accept
};

/// Who meets at the object. Of two sockets that are connected with each other only the one with the smaller id tells it.
[[nodiscard]] Meeting meeting_at(const Snapshot& snapshot, const Object& object);

}  // namespace ginnel::inventory
