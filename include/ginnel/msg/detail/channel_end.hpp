#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ginnel/core/bytes.hpp"
#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"
#include "ginnel/msg/detail/ring.hpp"
#include "ginnel/msg/message.hpp"
#include "ginnel/msg/waiting.hpp"
#include "ginnel/sys/ancillary.hpp"
#include "ginnel/sys/fork_mark.hpp"
#include "ginnel/sys/futex.hpp"
#include "ginnel/sys/unix_socket.hpp"

namespace ginnel {

struct ChannelOptions {
  /// Of the ring to the peer; rounded up to a power of two, 64 KiB to 1 GiB. By default 256 KiB, of a service 64 KiB.
  std::optional<Bytes> capacity{};
  Waiting waiting = Waiting::adaptive;
};

namespace detail {

struct ChannelLink;
inline constexpr Bytes capacity_of_channel = Bytes::kib(256);
inline constexpr Bytes capacity_of_service = Bytes::kib(64);

/// One end of a channel, whatever the type. What nobody sleeps for and has room, and what is there already, goes inline; all else
/// is in channel_end.cpp. One thread may send while another receives.
class ChannelEnd {
 public:
  ChannelEnd(ChannelLink link, ForkMark mark, Waiting waiting);
  ChannelEnd(const ChannelEnd&) = delete;
  ChannelEnd& operator=(const ChannelEnd&) = delete;
  ~ChannelEnd();

  [[nodiscard]] static Result<std::unique_ptr<ChannelEnd>> make(ChannelLink link, Waiting waiting);
  /// Errors: of connect_channel().
  [[nodiscard]] static Result<Outcome<std::unique_ptr<ChannelEnd>, TimedOut>> connect(const std::string& path,
                                                                                      const MessageType& sends,
                                                                                      const MessageType& receives,
                                                                                      const ChannelOptions& options,
                                                                                      Deadline deadline);

  // Sending.

  /// Room for a payload of that many bytes, which then goes to payload(). Errors: EMSGSIZE, EBADMSG (the peer broke the
  /// protocol), ECHILD.
  [[nodiscard]] Result<Outcome<Done, PeerGone, TimedOut>> prepare(std::uint64_t payload_bytes, Deadline deadline) {
    if (mark_.same_process() && out_.has_room(payload_bytes)) [[likely]]
      return Done{};
    return make_room(payload_bytes, deadline);
  }
  [[nodiscard]] std::byte* payload() const noexcept { return out_.payload(); }
  /// Sends what was written to payload(), and wakes the peer.
  void commit(std::uint32_t payload_bytes, std::uint32_t mark = 0) noexcept {
    std::byte* const word = out_.word();
    out_.commit(payload_bytes, mark);
    // Whoever means to sleep has raised this, and had every processor that runs a writer pass a barrier after that.
    if (attentive_->load(std::memory_order_relaxed) != 0) [[unlikely]]
      wake_peer(word);
  }
  /// Sends descriptors ahead of the record that is committed next, with RecordWord::accompanied. There must be room for it.
  [[nodiscard]] Result<Outcome<Done, PeerGone, TimedOut, TooManyInFlight>> send_ahead(std::span<const int> descriptors,
                                                                                      Deadline deadline);
  [[nodiscard]] std::uint64_t largest_payload() const noexcept { return out_.shape().largest_payload(); }
  /// Records sent so far.
  [[nodiscard]] std::uint64_t sent() const noexcept { return out_.count(); }
  [[nodiscard]] bool same_process() const noexcept { return mark_.same_process(); }

  // Receiving.

  /// The next record where one is there, in place; the one before is given back. Null: see wait().
  [[nodiscard]] const Record* next() noexcept {
    if (!mark_.same_process()) [[unlikely]]
      return nullptr;
    if (held_ != Held::nothing) release();
    if (in_.look(record_) != RingReader::Found::record) return nullptr;
    held_ = Held::record;
    return &record_;
  }
  /// The next record where it comes soon: a bounded number of looks, and nothing else. For who found none. Null: see wait().
  [[nodiscard]] const Record* soon(Deadline deadline) noexcept;
  /// The next record, however long it takes. Errors: EBADMSG (the peer broke the protocol: the channel is of no more use), EMFILE (the
  /// descriptors of a message could not be taken; the message is gone, and the next can be received), ECHILD.
  [[nodiscard]] Result<Outcome<Record, PeerGone, TimedOut>> wait(Deadline deadline);
  /// Those that came along with the record that was received last.
  [[nodiscard]] std::uint64_t largest_payload_of_peer() const noexcept { return in_.shape().largest_payload(); }
  /// How many records of that payload fit into the peer's ring, whatever has been told of those that were read.
  [[nodiscard]] std::uint64_t fit_to_be_received(std::uint64_t payload_bytes) const noexcept {
    const std::uint64_t records = (in_.shape().capacity - step_) / in_.shape().record_bytes(payload_bytes);
    return records > 1 ? records - 1 : 1;
  }
  [[nodiscard]] std::vector<UniqueFd>& came_along() noexcept { return came_along_; }
  [[nodiscard]] Result<int> pollable();

  // For who serves many ends. None waits, and the caller has made sure that this is no child of fork(2).

  /// One look; the record is record() then. Errors: EBADMSG, EMFILE.
  [[nodiscard]] Result<bool> find();
  [[nodiscard]] const Record& record() const noexcept { return record_; }
  /// Takes up to that many notes that have come over the socket, and says how many. Errors: EBADMSG.
  [[nodiscard]] Result<int> read_socket(int notes_max);
  /// From now on the peer wakes, once, who sleeps on the word that is returned while it is 0. What it has sent before is found by a look after
  /// this, as one was before; where `barrier_needed` was set, after a process_barrier() that follows it.
  [[nodiscard]] const FutexWord& announce_sleep(bool& barrier_needed) noexcept;
  /// From now on the peer knocks at the socket when it has sent something, once. What it has sent before is found by a look after this;
  /// where this returns true, after a process_barrier() that follows it.
  [[nodiscard]] bool ask_for_knock() noexcept;
  void tell_taken(std::uint64_t count) noexcept;
  [[nodiscard]] std::uint64_t taken_by_peer() const noexcept;
  [[nodiscard]] bool peer_is_gone() noexcept;
  [[nodiscard]] int socket() const noexcept;
  [[nodiscard]] int peer_process() const noexcept;

  [[nodiscard]] const Credentials& peer() const noexcept;
  [[nodiscard]] const std::string& address() const noexcept;
  /// The peer sends what it may not send: the channel is of no more use. Static text. For the thread that receives.
  [[nodiscard]] Error break_off(const char* why) noexcept;

 private:
  struct Cold;
  enum class Held : std::uint8_t { nothing, record, record_with_descriptors };

  [[nodiscard]] Result<Outcome<Done, PeerGone, TimedOut>> make_room(std::uint64_t payload_bytes, Deadline deadline);
  [[nodiscard]] Result<bool> try_to_make_room(std::uint64_t end);
  [[nodiscard]] Error end_with(const char* why) noexcept;
  [[nodiscard]] bool spin_for_room(std::uint64_t end, Deadline deadline) noexcept;
  [[nodiscard]] Result<void> sleep_for_room(std::uint64_t end, Deadline deadline);
  void wake_peer(std::byte* word) noexcept;
  void knock() noexcept;

  /// Gives the record back; the peer is told every 1/8 of its ring.
  void release() noexcept {
    in_.pass(record_);
    if (held_ == Held::record_with_descriptors) [[unlikely]]
      came_along_.clear();
    held_ = Held::nothing;
    if (in_.position() - told_ >= step_) [[unlikely]]
      tell_cursor();
  }
  void tell_cursor() noexcept;
  void stop_receiving() noexcept;
  [[nodiscard]] Result<void> take_along();
  [[nodiscard]] bool watch() noexcept;
  void note_received() noexcept;
  [[nodiscard]] Result<bool> spin(Deadline deadline);
  [[nodiscard]] Result<bool> wait_asleep(Deadline deadline);
  [[nodiscard]] Result<Outcome<Record, PeerGone, TimedOut>> look_watched();
  [[nodiscard]] bool peer_may_be_gone() noexcept;
  [[nodiscard]] bool be_attentive() noexcept;
  void be_inattentive() noexcept;
  [[nodiscard]] Error used_in_child(const char* operation) const;
  void retire() noexcept;

  ForkMark mark_;
  // Of the thread that sends.
  alignas(cache_line_bytes) RingWriter out_;
  const std::atomic<std::uint32_t>* attentive_ = nullptr;  ///< the peer's
  // Of the thread that receives.
  alignas(cache_line_bytes) RingReader in_;
  Record record_;
  Held held_ = Held::nothing;
  std::uint64_t told_ = 0;
  std::uint64_t step_ = 0;
  std::vector<UniqueFd> came_along_;
  std::unique_ptr<Cold> cold_;
};

}  // namespace detail
}  // namespace ginnel
