#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/msg/detail/ring.hpp"
#include "ginnel/msg/message.hpp"
#include "ginnel/msg/sample.hpp"
#include "ginnel/msg/waiting.hpp"
#include "ginnel/sys/fork_mark.hpp"

namespace ginnel {

enum class Delivery : std::uint8_t {
  reliable,     ///< gets every message, and so holds the writer back when it falls behind by a ring
  best_effort,  ///< never holds anybody back; what was overwritten is counted as lost. Messages are copied out
};

struct SubscriberOptions {
  Delivery delivery = Delivery::reliable;
  Waiting waiting = Waiting::adaptive;
  std::uint64_t last = 0;  ///< messages published before, of each writer, as many as its ring still has
  std::string home{};      ///< the directory of a group; empty: the caller's own
};

namespace detail {

/// What reads a topic, whatever the type. The path of a message that is there already is inline; all else is in
/// topic_reader.cpp.
class TopicReader {
 public:
  [[nodiscard]] static Result<TopicReader> open(const std::string& name, const MessageType& type,
                                                const SubscriberOptions& options);
  TopicReader(TopicReader&& other) noexcept;
  TopicReader& operator=(TopicReader&& other) noexcept;
  ~TopicReader();

  /// The next record where one is there, in place; the one before is given back. Null: see wait().
  [[nodiscard]] const Record* next() noexcept {
    if (holds_) release();
    if (!mark_.same_process() || ring_.look(record_) != RingReader::Found::record || --burst_ == 0) [[unlikely]]
      return nullptr;
    holds_ = true;
    return &record_;
  }
  /// The next record where it comes soon: a bounded number of looks, and nothing else. For who found none. Null: see wait().
  [[nodiscard]] const Record* soon(Deadline deadline) noexcept;
  /// The next record, however long it takes. Errors: EBADMSG (a writer's ring is damaged: it is left), EPROTOTYPE (a new
  /// writer has another type), ECHILD (a child of fork(2) uses its parent's handle).
  [[nodiscard]] Result<Outcome<Record, TimedOut, WriterGone>> wait(Deadline deadline);

  /// Of a record that is none of the reader's type.
  [[nodiscard]] Error wrong_size() const;
  [[nodiscard]] std::uint64_t lost() const noexcept;
  [[nodiscard]] std::size_t writers() const noexcept;
  [[nodiscard]] Result<int> pollable();

 private:
  struct Cold;
  TopicReader(std::unique_ptr<Cold> cold, ForkMark mark) noexcept;
  /// Gives the record back; the writer is told every 1/8 of the ring.
  void release() noexcept {
    ring_.pass(record_);
    holds_ = false;
    if (ring_.position() - told_ >= step_) [[unlikely]]
      tell_cursor();
  }
  void tell_cursor() noexcept;
  void put_back() noexcept;
  void switch_to(std::size_t ring) noexcept;
  [[nodiscard]] Result<bool> find_record();
  [[nodiscard]] RingReader::Found look_at(std::size_t ring);
  [[nodiscard]] Result<bool> spin(Deadline deadline);
  [[nodiscard]] Result<bool> wait_asleep(Deadline deadline);
  [[nodiscard]] Result<Outcome<Record, TimedOut, WriterGone>> wait_watched();
  [[nodiscard]] Outcome<Record, TimedOut, WriterGone> taken() noexcept;
  [[nodiscard]] Error used_in_child(const char* operation) const;
  void retire() noexcept;

  RingReader ring_;  ///< of the writer that is read now
  Record record_;
  bool holds_ = false;
  std::uint32_t burst_ = 0;  ///< records until the other writers get their turn
  int looks_ = 0;            ///< at the ring that is read now, before the others are looked at
  std::uint64_t told_ = 0;
  std::uint64_t step_ = 0;
  ForkMark mark_;
  std::unique_ptr<Cold> cold_;
};

}  // namespace detail
}  // namespace ginnel
