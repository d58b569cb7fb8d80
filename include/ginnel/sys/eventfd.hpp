#pragma once

#include <cstdint>
#include <utility>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"

namespace ginnel {

struct EventfdOptions {
  std::uint64_t initial = 0;
  bool semaphore = false;  ///< each take gives 1 and leaves the rest, instead of taking the whole count
};

struct EventCount {
  std::uint64_t count = 0;
};

/// A counter behind a descriptor: for wake-ups through epoll, and to be passed to others. Close-on-exec, non-blocking
/// inside. Threads and processes may share it. Source: eventfd(2).
class [[nodiscard]] Eventfd {
 public:
  static constexpr std::uint64_t count_max = 0xffff'ffff'ffff'fffe;

  /// Errors: EMFILE, ENFILE, ENOMEM.
  [[nodiscard]] static Result<Eventfd> create(EventfdOptions options = {});
  /// Takes one received from elsewhere, and makes it close-on-exec and non-blocking; the latter for all who share it.
  /// Errors: EBADF, EINVAL (no eventfd).
  [[nodiscard]] static Result<Eventfd> adopt(UniqueFd fd);

  /// TimedOut while the sum would pass count_max. Errors: EINVAL (2^64 - 1).
  [[nodiscard]] Result<Outcome<Done, TimedOut>> add(std::uint64_t count = 1, Deadline deadline = Deadline::never());
  /// Waits until the count is not 0 and takes it (in semaphore mode: takes 1).
  [[nodiscard]] Result<Outcome<EventCount, TimedOut>> take(Deadline deadline = Deadline::never());
  [[nodiscard]] int pollable() const noexcept { return fd_.get(); }

 private:
  explicit Eventfd(UniqueFd fd) noexcept : fd_{std::move(fd)} {}
  UniqueFd fd_;
};

}  // namespace ginnel
