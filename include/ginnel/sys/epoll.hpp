#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"

namespace ginnel {

/// How many of the descriptors became ready, at the front of the keys that were given; never 0.
struct EpollReady {
  std::size_t count = 0;
};

/// A set of descriptors that are waited for together, level-triggered: each is ready while it can be read, has hung up or has
/// failed. Its own descriptor is readable while any of them is, so that sets may stand in sets. Close-on-exec.
/// Threads may share it. A child of fork(2) shares the set with its parent: it is not to change it. Source: epoll(7).
class [[nodiscard]] Epoll {
 public:
  /// Errors: EMFILE (this process's descriptors), ENFILE, ENOMEM.
  [[nodiscard]] static Result<Epoll> create();
  Epoll() noexcept = default;

  /// `key` is what wait() gives back. Errors: EEXIST (it is in the set), EPERM (a regular file, which is always ready), EBADF,
  /// ENOSPC (fs.epoll.max_user_watches), ELOOP (sets within each other).
  [[nodiscard]] Result<void> add(int fd, std::uint64_t key);
  /// One that is closed leaves the set by itself only when no copy of it is left: take it out first.
  void remove(int fd) noexcept;
  /// Errors: EBADF.
  [[nodiscard]] Result<Outcome<EpollReady, TimedOut>> wait(std::span<std::uint64_t> keys,
                                                           Deadline deadline = Deadline::never());
  [[nodiscard]] int pollable() const noexcept { return set_.get(); }
  [[nodiscard]] bool valid() const noexcept { return set_.valid(); }

 private:
  explicit Epoll(UniqueFd set) noexcept : set_{std::move(set)} {}
  UniqueFd set_;
};

}  // namespace ginnel
