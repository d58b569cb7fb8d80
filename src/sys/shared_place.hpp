#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ginnel/sys/robust_mutex.hpp"

// What all that lives at a SharedPlace has in common: where it may lie, and how an opener knows that its maker has finished.

namespace ginnel {

inline constexpr std::size_t place_alignment = 64;

/// The address of a place that is aligned and has room. Errors: EINVAL.
[[nodiscard]] Result<std::byte*> address_of(const SharedPlace& place, std::size_t bytes, std::string_view operation);

/// The last word of a 64-byte block: 0 until the block is finished, then what it is, in which version, of which size.
/// The size tells apart the ABIs whose pthread_mutex_t differ.
class FormatMark {
 public:
  static constexpr std::size_t offset = 56;
  static constexpr std::uint64_t of(std::uint32_t magic, std::uint16_t version, std::size_t size) noexcept {
    return std::uint64_t{magic} << 32 | std::uint64_t{version} << 16 | static_cast<std::uint16_t>(size);
  }

  /// Before the block is filled.
  void clear() noexcept { value_.store(0, std::memory_order_release); }
  /// Once it is filled: stored last.
  void set(std::uint64_t mark) noexcept { value_.store(mark, std::memory_order_release); }
  [[nodiscard]] bool is(std::uint64_t mark) const noexcept { return value_.load(std::memory_order_acquire) == mark; }

 private:
  std::atomic<std::uint64_t> value_;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

/// EINVAL: what an opener says when the mark is not there.
[[nodiscard]] Error not_finished(std::string_view operation);

}  // namespace ginnel
