#pragma once

#include <cstdint>

#include "ginnel/core/result.hpp"

namespace ginnel::inventory {

/// The devices of the kernel's own file systems, by which a descriptor is known without reading its name. Learnt from
/// objects of our own, since Linux promises none of the numbers.
struct Landmarks {
  std::uint64_t pipes = 0;
  std::uint64_t anonymous = 0;  ///< eventfd, epoll, signalfd, timerfd and the like, all with one inode
  std::uint64_t sockets = 0;
  std::uint64_t memory = 0;  ///< memfds, System V segments and /dev/zero
};

/// Errors: EMFILE, ENFILE, ENOMEM.
[[nodiscard]] Result<Landmarks> find_landmarks();

}  // namespace ginnel::inventory
