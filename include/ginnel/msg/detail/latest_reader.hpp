#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/msg/detail/latest_slots.hpp"
#include "ginnel/msg/message.hpp"
#include "ginnel/msg/sample.hpp"
#include "ginnel/msg/waiting.hpp"
#include "ginnel/sys/fork_mark.hpp"

namespace ginnel {

struct LatestReaderOptions {
  Waiting waiting = Waiting::adaptive;
  std::string home{};  ///< the directory of a group; empty: the caller's own
};

/// Nobody has set a value yet.
struct NothingYet {};

namespace detail {

/// What reads a newest value, whatever the type. The path of a value that is there is inline; all else is in latest_reader.cpp.
class LatestReader {
 public:
  [[nodiscard]] static Result<LatestReader> open(const std::string& name, const MessageType& type,
                                                 const LatestReaderOptions& options);
  LatestReader(LatestReader&& other) noexcept;
  LatestReader& operator=(LatestReader&& other) noexcept;
  ~LatestReader();

  /// Errors: ECHILD, EBADMSG, EPROTOTYPE, EUSERS (the writer made room for fewer readers).
  [[nodiscard]] Result<Outcome<Record, NothingYet>> newest() {
    if (!mark_.same_process() || generation_->load(std::memory_order_relaxed) != seen_generation_) [[unlikely]]
      if (auto looked = look_for_file(); !looked) return std::unexpected{std::move(looked.error())};
    auto newest = hold_current();
    got_ = CurrentWord::unpack(held_).version;
    return newest;
  }
  /// One that is newer than the last that was returned. Errors: as above.
  [[nodiscard]] Result<Outcome<Record, TimedOut, WriterGone>> wait_for_newer(Deadline deadline);

  [[nodiscard]] std::uint64_t version() const noexcept { return got_; }
  [[nodiscard]] Result<int> pollable();

 private:
  struct Cold;
  LatestReader(std::unique_ptr<Cold> cold, ForkMark mark) noexcept;

  [[nodiscard]] Result<Outcome<Record, NothingYet>> hold_current() {
    std::uint64_t looks = looks_->load(std::memory_order_acquire);
    std::uint64_t word = current_->load(std::memory_order_acquire);
    while (word != held_) {
      // Release: what is read of the value that was held before is read by now.
      announced_->store(word, std::memory_order_release);
      std::atomic_thread_fence(std::memory_order_seq_cst);
      // Acquire: what is current is looked at only after the count that it is held against.
      const std::uint64_t looks_now = looks_->load(std::memory_order_acquire);
      if (looks_now == looks) {
        held_ = word;
        break;
      }
      looks = looks_now;
      word = current_->load(std::memory_order_acquire);
    }
    if (word == 0) return NothingYet{};
    return record_of(word);
  }
  [[nodiscard]] Result<Outcome<Record, NothingYet>> record_of(std::uint64_t word) {
    const std::uint8_t slot = CurrentWord::unpack(word).slot;
    if (slot >= shape_.slots) [[unlikely]]
      return std::unexpected{damaged()};
    const std::byte* const at = slots_ + slot * stride_;
    const std::uint64_t length = word_at(at, word_bytes).load(std::memory_order_relaxed);
    if (length > shape_.value_bytes) [[unlikely]]
      return std::unexpected{damaged()};
    return Record{.payload = at + value_at_, .length = static_cast<std::uint32_t>(length), .number = 0};
  }
  [[nodiscard]] Result<void> look_for_file();
  [[nodiscard]] bool is_newer() const noexcept;
  [[nodiscard]] bool spin(Deadline deadline) noexcept;
  [[nodiscard]] Result<Outcome<Record, TimedOut, WriterGone>> take_newer();
  [[nodiscard]] Result<Outcome<Record, TimedOut, WriterGone>> wait_watched();
  void read_from_nothing() noexcept;
  void retire() noexcept;
  [[nodiscard]] Error damaged() const;
  [[nodiscard]] Error used_in_child(const char* operation) const;

  LatestShape shape_;
  std::uint64_t stride_ = 0;
  std::uint64_t value_at_ = 0;
  const std::byte* slots_ = nullptr;
  const std::atomic<std::uint64_t>* current_ = nullptr;
  const std::atomic<std::uint64_t>* looks_ = nullptr;
  const std::atomic<std::uint32_t>* generation_ = nullptr;
  std::atomic<std::uint64_t>* announced_ = nullptr;
  std::uint64_t held_ = 0;
  std::uint64_t got_ = 0;  ///< version of the value that was returned last
  std::uint32_t seen_generation_ = 0;
  ForkMark mark_;
  std::unique_ptr<Cold> cold_;
};

}  // namespace detail
}  // namespace ginnel
