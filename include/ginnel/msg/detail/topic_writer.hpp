#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "ginnel/core/bytes.hpp"
#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/msg/detail/ring.hpp"
#include "ginnel/msg/message.hpp"
#include "ginnel/sys/fork_mark.hpp"

namespace ginnel {

struct PublisherOptions {
  Bytes capacity = Bytes::mib(1);  ///< of the ring; rounded up to a power of two, 64 KiB at the least
  std::string home{};              ///< the directory of a group; empty: the caller's own
};

namespace detail {

/// What publishes to a topic, whatever the type. The path of a message that nobody sleeps for and that has room is inline;
/// all else is in topic_writer.cpp.
class TopicWriter {
 public:
  [[nodiscard]] static Result<TopicWriter> create(const std::string& name, const MessageType& type,
                                                  const PublisherOptions& options);
  TopicWriter(TopicWriter&& other) noexcept;
  TopicWriter& operator=(TopicWriter&& other) noexcept;
  ~TopicWriter();

  /// Room for a payload of that many bytes, which then goes to payload(). Errors: EMSGSIZE, ECHILD (a child of fork(2) uses
  /// its parent's handle).
  [[nodiscard]] Result<Outcome<Done, TimedOut>> prepare(std::uint64_t payload_bytes, Deadline deadline) {
    if (mark_.same_process() && ring_.has_room(payload_bytes)) [[likely]]
      return Done{};
    return make_room(payload_bytes, deadline);
  }
  [[nodiscard]] std::byte* payload() const noexcept { return ring_.payload(); }
  /// Publishes what was written to payload(), and wakes whoever sleeps.
  void commit(std::uint32_t payload_bytes) noexcept {
    ring_.commit(payload_bytes);
    // Whoever means to sleep has raised this, and had every processor that runs a writer pass a barrier after that.
    if (attentive_->load(std::memory_order_relaxed) != 0) [[unlikely]]
      wake_readers();
  }
  [[nodiscard]] Result<Outcome<Done, TimedOut>> wait_for_reader(Deadline deadline);
  [[nodiscard]] std::uint64_t largest_payload() const noexcept { return ring_.shape().largest_payload(); }

 private:
  struct Cold;
  TopicWriter(std::unique_ptr<Cold> cold, ForkMark mark) noexcept;
  [[nodiscard]] Result<Outcome<Done, TimedOut>> make_room(std::uint64_t payload_bytes, Deadline deadline);
  [[nodiscard]] Result<bool> try_to_make_room(std::uint64_t end);
  [[nodiscard]] Result<bool> spin_for_room(std::uint64_t end, Deadline deadline);
  [[nodiscard]] Error used_in_child(const char* operation) const;
  void wake_readers() noexcept;
  void retire() noexcept;

  RingWriter ring_;
  const std::atomic<std::uint32_t>* attentive_ = nullptr;
  ForkMark mark_;
  std::unique_ptr<Cold> cold_;
};

}  // namespace detail
}  // namespace ginnel
