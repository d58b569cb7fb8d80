#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ginnel/msg/detail/channel_door.hpp"
#include "ginnel/msg/detail/channel_end.hpp"

namespace ginnel::detail {

/// What stands before the payload of an answer, which follows where its alignment wants it.
struct AnswerHead {
  static constexpr std::uint64_t unanswered = std::uint64_t{1}
                                              << 63U;  ///< the request was taken, and no answer will come
  static constexpr std::uint64_t not_started = std::uint64_t{1} << 62U;  ///< nobody has seen the request
  static constexpr std::uint64_t number_bits = not_started - 1;

  std::uint64_t word = 0;  ///< the number of the request, counted from 0, or'ed with one of the above
};
[[nodiscard]] constexpr std::size_t answer_head_bytes(std::size_t alignment) noexcept {
  return alignment < sizeof(AnswerHead) ? sizeof(AnswerHead) : alignment;
}

/// One client, as its server sees it. What is still to be answered keeps it, also when it has gone.
struct ServedClient {
  std::uint64_t key = 0;
  std::unique_ptr<ChannelEnd> end;
  std::uint64_t taken = 0;  ///< requests
  bool armed = false;       ///< it will knock

  /// Room for an answer to that request; its payload goes to what is returned.
  [[nodiscard]] Result<Outcome<std::byte*, PeerGone, TimedOut>> prepare_answer(std::uint64_t word,
                                                                               std::size_t head_bytes,
                                                                               std::size_t payload_bytes,
                                                                               Deadline deadline) {
    auto prepared = end->prepare(head_bytes + payload_bytes, deadline);
    if (!prepared) return std::unexpected{std::move(prepared.error())};
    if (prepared->is<PeerGone>()) return PeerGone{};
    if (prepared->is<TimedOut>()) return TimedOut{};
    *reinterpret_cast<std::uint64_t*>(end->payload()) = word;
    return end->payload() + head_bytes;
  }
  /// Instead of an answer, where there is room: nobody waits for it.
  void send_instead(std::uint64_t word, std::size_t head_bytes) noexcept;
};

/// A request that was taken: its payload lies with its client, until that one's next request is taken.
struct TakenRequest {
  std::shared_ptr<ServedClient> client;
  Record record;
  std::uint64_t number = 0;
};

/// What serves any number of clients by one thread, whatever the types: one set of descriptors, and a look at each ring.
class ServiceCore {
 public:
  using Next = Outcome<TakenRequest, TurnedAway, TimedOut>;

  [[nodiscard]] static Result<std::unique_ptr<ServiceCore>> listen(const std::string& path, const MessageType& requests,
                                                                   const MessageType& answers,
                                                                   const ChannelListenOptions& options);
  ServiceCore(const ServiceCore&) = delete;
  ServiceCore& operator=(const ServiceCore&) = delete;
  ~ServiceCore();

  /// Errors: EMFILE, ENFILE (somebody who wants to come in waits in the backlog; the others are served), ECHILD.
  [[nodiscard]] Result<Next> next(Deadline deadline);
  /// Its request was none: it is let go.
  [[nodiscard]] TurnedAway let_go(const std::shared_ptr<ServedClient>& client, Error why);
  [[nodiscard]] std::size_t clients() const noexcept;
  [[nodiscard]] int pollable() const noexcept;

 private:
  struct Inside;
  explicit ServiceCore(std::unique_ptr<Inside> inside) noexcept;
  std::unique_ptr<Inside> inside_;
};

}  // namespace ginnel::detail
