#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "ginnel/core/bytes.hpp"
#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/msg/detail/queue_core.hpp"
#include "ginnel/msg/detail/wait_gate.hpp"
#include "ginnel/msg/message.hpp"
#include "ginnel/msg/waiting.hpp"
#include "ginnel/sys/fork_mark.hpp"

namespace ginnel {

struct QueueOptions {
  std::uint32_t slots = 1024;          ///< messages that are queued or being worked on, at most; below 2^20
  std::uint32_t priorities = 1;        ///< they are numbered from 0; at most 64
  std::uint32_t participants = 64;     ///< handles that are open at a time; at most 255
  Bytes message_size = Bytes::kib(1);  ///< of the longest, in a queue of sequences; at most 1 GiB
  Waiting waiting = Waiting::adaptive;
  std::string home{};  ///< the directory of a group; empty: the caller's own
};

/// What a queue holds. Exact only while nobody uses it.
struct QueueCounts {
  std::uint32_t slots = 0;
  std::uint32_t queued = 0;  ///< waiting to be popped, those included that are being written
  std::uint32_t held = 0;    ///< popped, and not acknowledged yet
};

namespace detail {

/// What pushes to a queue and pops from it, whatever the type: one participant. The path of a message that is there, and of a slot
/// that is free, is inline; all else is in queue_end.cpp. Threads may share it.
class QueueEnd {
 public:
  enum class Existing : std::uint8_t { required, made_when_missing, refused };

  [[nodiscard]] static Result<std::unique_ptr<QueueEnd>> open(const std::string& name, const MessageType& type,
                                                              const QueueOptions& options, Existing existing);
  QueueEnd(const QueueEnd&) = delete;
  QueueEnd& operator=(const QueueEnd&) = delete;
  ~QueueEnd();

  [[nodiscard]] const QueueShape& shape() const noexcept { return core_.memory().shape(); }
  [[nodiscard]] bool same_process() const noexcept { return mark_.same_process(); }

  /// Errors: ECHILD (a child of fork(2) uses its parent's handle), EUCLEAN.
  [[nodiscard]] Result<Outcome<Done, TimedOut>> claim(ClaimedSlot& claimed, Deadline deadline) {
    if (mark_.same_process() && core_.claim(claimed) == QueueStep::done) [[likely]]
      return Done{};
    return wait_for_slot(claimed, deadline);
  }
  [[nodiscard]] std::byte* payload(const ClaimedSlot& claimed) const noexcept { return core_.payload(claimed); }
  /// The claim is over, whatever the outcome. Errors: EUCLEAN.
  [[nodiscard]] Result<void> publish(const ClaimedSlot& claimed, std::uint32_t length, std::uint32_t priority) {
    if (const QueueStep step = core_.publish(claimed, length, priority); step != QueueStep::done) [[unlikely]]
      return publish_again(step, claimed, length, priority);
    messages_.knock();
    return {};
  }
  void withdraw(const ClaimedSlot& claimed) noexcept;
  /// Errors: EMSGSIZE, EINVAL: tell both numbers.
  [[nodiscard]] Result<void> check(std::uint64_t payload_bytes, std::uint32_t priority) const {
    if (payload_bytes <= shape().payload_bytes && priority < shape().priorities) [[likely]]
      return {};
    return std::unexpected{refusal(payload_bytes, priority)};
  }

  /// Errors: as claim().
  [[nodiscard]] Result<Outcome<Done, TimedOut>> take(TakenMessage& taken, Deadline deadline) {
    if (mark_.same_process() && !time_to_look() && core_.take(taken) == QueueStep::done) [[likely]]
      return Done{};
    return wait_for_message(taken, deadline);
  }
  [[nodiscard]] std::span<const std::byte> payload(const TakenMessage& taken) const noexcept {
    return core_.payload(taken);
  }
  /// False: the caller is a child of fork(2), whose parent holds the message.
  bool acknowledge(const TakenMessage& taken) noexcept {
    if (!mark_.same_process() || core_.acknowledge(taken) != QueueStep::done) [[unlikely]]
      return false;
    room_.knock();
    return true;
  }
  bool give_back(const TakenMessage& taken) noexcept;
  [[nodiscard]] Error wrong_size(const TakenMessage& taken) const;

  [[nodiscard]] QueueCounts counts() const noexcept;
  [[nodiscard]] Result<int> pollable();

 private:
  struct Cold;
  enum class When : std::uint8_t { now, when_due };
  QueueEnd(std::unique_ptr<Cold> cold, ForkMark mark) noexcept;

  /// Somebody has to look whether participants have died, also when there is always something to pop. Threads that count here at once
  /// may miss a count.
  [[nodiscard]] bool time_to_look() noexcept {
    const std::uint32_t left = pops_until_look_.load(std::memory_order_relaxed);
    if (left == 0) [[unlikely]]
      return true;
    pops_until_look_.store(left - 1, std::memory_order_relaxed);
    return false;
  }
  [[nodiscard]] Result<Outcome<Done, TimedOut>> wait_for_slot(ClaimedSlot& claimed, Deadline deadline);
  [[nodiscard]] Result<Outcome<Done, TimedOut>> wait_for_message(TakenMessage& taken, Deadline deadline);
  [[nodiscard]] Result<Outcome<Done, TimedOut>> wait_watched(TakenMessage& taken);
  template <class Attempt, class IsMore>
  [[nodiscard]] Result<Outcome<Done, TimedOut>> wait(const char* operation, const WaitGate& gate, Deadline deadline,
                                                     const Attempt& attempt, const IsMore& is_more);
  template <class Attempt>
  [[nodiscard]] QueueStep spin(Deadline deadline, const Attempt& attempt);
  [[nodiscard]] Result<void> publish_again(QueueStep step, const ClaimedSlot& claimed, std::uint32_t length,
                                           std::uint32_t priority);
  void look_for_deaths(When when);
  void plan_next_look() noexcept;
  [[nodiscard]] Error refusal(std::uint64_t payload_bytes, std::uint32_t priority) const;
  [[nodiscard]] Error used_in_child(const char* operation) const;
  [[nodiscard]] Error contradicts_itself(const char* operation) const;

  QueueCore core_;
  WaitGate messages_;
  WaitGate room_;
  ForkMark mark_;
  std::atomic<std::uint32_t> pops_until_look_ = 0;
  std::unique_ptr<Cold> cold_;
};

}  // namespace detail
}  // namespace ginnel
