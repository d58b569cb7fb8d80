#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "ginnel/core/bytes.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/msg/detail/latest_slots.hpp"
#include "ginnel/msg/message.hpp"
#include "ginnel/sys/fork_mark.hpp"

namespace ginnel {

struct LatestWriterOptions {
  std::uint32_t readers = 14;  ///< that may be there at a time, at most 64; each costs a slot of the value's size
  Bytes value_size = Bytes::kib(64);  ///< of the longest, of sequences
  std::string home{};                 ///< the directory of a group; empty: the caller's own
};

namespace detail {

/// What sets a newest value, whatever the type. All but the look for free slots is inline.
class LatestWriter {
 public:
  [[nodiscard]] static Result<LatestWriter> create(const std::string& name, const MessageType& type,
                                                   const LatestWriterOptions& options);
  LatestWriter(LatestWriter&& other) noexcept;
  LatestWriter& operator=(LatestWriter&& other) noexcept;
  ~LatestWriter();

  /// A slot for the next value, which goes to value(). Errors: EMSGSIZE, ECHILD; EMFILE, ENFILE, ENOMEM: a reader who has come could not
  /// be looked at, and so it is not known which slots are free.
  [[nodiscard]] Result<void> prepare(std::uint64_t bytes) {
    if (!mark_.same_process() || bytes > shape_.value_bytes) [[unlikely]]
      return std::unexpected{refusal(bytes)};
    if (free_left_ == 0) [[unlikely]]
      if (auto looked = look_for_free_slots(); !looked) return looked;
    next_ = slots_ + free_[free_left_ - 1] * stride_;
    return {};
  }
  [[nodiscard]] std::byte* value() const noexcept { return next_ + value_at_; }
  /// Makes it the newest one.
  void commit(std::uint64_t bytes) noexcept {
    const std::uint8_t slot = free_[--free_left_];
    word_at(next_, word_bytes).store(bytes, std::memory_order_relaxed);
    current_->store(CurrentWord{.version = ++version_, .slot = slot}.pack(), std::memory_order_release);
    if (attentive_->load(std::memory_order_relaxed) != 0) [[unlikely]]
      wake_readers();
  }
  [[nodiscard]] std::uint64_t longest() const noexcept { return shape_.value_bytes; }

 private:
  struct Cold;
  LatestWriter(std::unique_ptr<Cold> cold, ForkMark mark) noexcept;
  [[nodiscard]] Result<void> look_for_free_slots();
  void wake_readers() noexcept;
  void retire() noexcept;
  [[nodiscard]] Error refusal(std::uint64_t bytes) const;

  LatestShape shape_;
  std::uint64_t stride_ = 0;
  std::uint64_t value_at_ = 0;
  std::byte* slots_ = nullptr;
  std::byte* next_ = nullptr;
  std::atomic<std::uint64_t>* current_ = nullptr;
  const std::atomic<std::uint32_t>* attentive_ = nullptr;
  std::uint64_t version_ = 0;
  std::array<std::uint8_t, LatestShape::most_slots> free_{};
  std::size_t free_left_ = 0;
  ForkMark mark_;
  std::unique_ptr<Cold> cold_;
};

}  // namespace detail
}  // namespace ginnel
