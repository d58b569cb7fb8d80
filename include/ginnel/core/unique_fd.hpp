#pragma once

#include <utility>

namespace ginnel {

/// Owns one descriptor and closes it exactly once.
/// A failed close is never retried: Linux has already freed the number, so a retry could close another thread's file.
/// Functions that merely use a descriptor take `int`; one that takes or gives ownership says `UniqueFd`.
/// Source: close(2), NOTES.
class [[nodiscard]] UniqueFd {
 public:
  constexpr UniqueFd() noexcept = default;
  explicit constexpr UniqueFd(int owned) noexcept : fd_{owned} {}
  UniqueFd(UniqueFd&& other) noexcept : fd_{other.release()} {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool valid() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

  /// Closes what is owned and takes `owned` instead. Preserves errno.
  /// Aborts when the kernel says EBADF: somebody closed a descriptor that this object owns, and the next such close would
  /// hit a stranger's file.
  void reset(int owned = -1) noexcept;

 private:
  int fd_ = -1;
};

}  // namespace ginnel
