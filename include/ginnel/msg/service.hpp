#pragma once

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "ginnel/msg/channel.hpp"
#include "ginnel/msg/detail/service_core.hpp"

// Calls: clients ask, one server answers, and neither need trust the other. Each client has a channel of its own; one thread serves
// hundreds of them. A call ends with its answer, at its deadline, or with the news whether a server that died had begun with it.
// An answer that comes too late is dropped. Req and Rep are messages, or sequences of them (T[]).
//
// A server and what it has taken are for one thread, and for the process that made them: a child of fork(2) gets ECHILD.

namespace ginnel {

namespace detail {

template <class T>
using MessageView =
    std::conditional_t<MessageShape<T>::is_sequence, std::span<const typename MessageShape<T>::Element>, const T&>;
template <class T>
using MessageCopy = std::conditional_t<MessageShape<T>::is_sequence, std::vector<typename MessageShape<T>::Element>, T>;

template <class T>
[[nodiscard]] bool record_fits(const Record& record) noexcept {
  if constexpr (MessageShape<T>::is_sequence)
    return record.length % sizeof(typename MessageShape<T>::Element) == 0;
  else
    return record.length == sizeof(T);
}
template <class T>
[[nodiscard]] MessageCopy<T> copy_of(const Record& record) {
  if constexpr (MessageShape<T>::is_sequence) {
    using Element = typename MessageShape<T>::Element;
    const auto* const first = reinterpret_cast<const Element*>(record.payload);
    MessageCopy<T> copy(first, first + record.length / sizeof(Element));
    std::atomic_signal_fence(std::memory_order_seq_cst);
    return copy;
  } else {
    return copied<T>(record.payload);
  }
}
template <class T>
[[nodiscard]] std::size_t bytes_of(MessageView<T> message) noexcept {
  if constexpr (MessageShape<T>::is_sequence)
    return message.size_bytes();
  else
    return sizeof(T);
}
template <class T>
void put(std::byte* to, MessageView<T> message) noexcept {
  if constexpr (!MessageShape<T>::is_sequence)
    copy_in(to, &message, sizeof(T));
  else
    copy_in(to, message.data(), message.size_bytes());
}
template <class T>
inline constexpr std::size_t head_of_answer = answer_head_bytes(alignof(typename MessageShape<T>::Element));

}  // namespace detail

/// A request that was taken, and is to be answered: at once, or later and in any order. Dropped without an answer, its client is told
/// `MaybeExecuted` at once.
template <class Req, class Rep>
class [[nodiscard]] Request {
 public:
  using Answered = Outcome<Done, PeerGone, TimedOut>;

  Request(Request&&) noexcept = default;
  Request& operator=(Request&& other) noexcept {
    if (this == &other) return *this;
    drop();
    client_ = std::move(other.client_);
    number_ = other.number_;
    message_ = std::move(other.message_);
    descriptors_ = std::move(other.descriptors_);
    return *this;
  }
  ~Request() { drop(); }

  /// A copy of what was asked, which the client cannot change any more. A sequence as std::vector.
  [[nodiscard]] const detail::MessageCopy<Req>& operator*() const noexcept { return message_; }
  [[nodiscard]] const detail::MessageCopy<Req>* operator->() const noexcept { return &message_; }
  /// Those that came along, close-on-exec.
  [[nodiscard]] std::vector<UniqueFd>& descriptors() noexcept { return descriptors_; }
  /// Who asks: as the kernel knew it when it connected.
  [[nodiscard]] const Credentials& credentials() const noexcept { return credentials_; }

  /// Answers, once. There is room for the answers of all calls that a client of ginnel's has open: TimedOut is told of one that
  /// breaks the rules, and nobody should wait for it. Errors: EMSGSIZE, EBADMSG (the client broke the protocol), ECHILD.
  [[nodiscard]] Result<Answered> answer(detail::MessageView<Rep> message, Deadline deadline = Deadline::immediately()) {
    if (!client_) return Answered{Done{}};
    auto place = prepare(message, deadline);
    if (!place) return std::unexpected{std::move(place.error())};
    if (place->template is<TimedOut>()) return Answered{TimedOut{}};
    if (place->template is<std::byte*>()) commit(place->template as<std::byte*>(), message, 0);
    return ended<Answered>(place->template is<PeerGone>());
  }
  /// Answers with descriptors, at most 253, which stay open here. Errors: as above, EINVAL (over 253), EBADF.
  [[nodiscard]] Result<Outcome<Done, PeerGone, TimedOut, TooManyInFlight>> answer_with(
      std::span<const int> descriptors, detail::MessageView<Rep> message, Deadline deadline = Deadline::immediately()) {
    using All = Outcome<Done, PeerGone, TimedOut, TooManyInFlight>;
    if (!client_) return All{Done{}};
    auto place = prepare(message, deadline);
    if (!place) return std::unexpected{std::move(place.error())};
    if (place->template is<TimedOut>()) return All{TimedOut{}};
    if (place->template is<PeerGone>()) return ended<All>(true);
    std::uint32_t mark = 0;
    if (!descriptors.empty()) {
      auto ahead = client_->end->send_ahead(descriptors, deadline);
      if (!ahead) return ahead;
      if (ahead->template is<PeerGone>()) return ended<All>(true);
      if (!ahead->template is<Done>()) return ahead;
      mark = detail::RecordWord::accompanied;
    }
    commit(place->template as<std::byte*>(), message, mark);
    return ended<All>(false);
  }

 private:
  template <class, class>
  friend class Service;
  explicit Request(detail::TakenRequest& taken)
      : client_{std::move(taken.client)},
        number_{taken.number},
        credentials_{client_->end->peer()},
        message_{detail::copy_of<Req>(taken.record)},
        descriptors_{std::move(client_->end->came_along())} {}

  [[nodiscard]] Result<Outcome<std::byte*, PeerGone, TimedOut>> prepare(detail::MessageView<Rep> message,
                                                                        Deadline deadline) {
    return client_->prepare_answer(number_, detail::head_of_answer<Rep>, detail::bytes_of<Rep>(message), deadline);
  }
  void commit(std::byte* place, detail::MessageView<Rep> message, std::uint32_t mark) noexcept {
    detail::put<Rep>(place, message);
    client_->end->commit(static_cast<std::uint32_t>(detail::head_of_answer<Rep> + detail::bytes_of<Rep>(message)),
                         mark);
  }
  template <class Answer>
  [[nodiscard]] Answer ended(bool client_is_gone) noexcept {
    client_.reset();
    if (client_is_gone) return PeerGone{};
    return Done{};
  }
  void drop() noexcept {
    if (client_) client_->send_instead(number_ | detail::AnswerHead::unanswered, detail::head_of_answer<Rep>);
    client_.reset();
  }

  std::shared_ptr<detail::ServedClient> client_;
  std::uint64_t number_ = 0;
  Credentials credentials_;
  detail::MessageCopy<Req> message_;
  std::vector<UniqueFd> descriptors_;
};

/// The server of calls of Req, answered by Rep.
template <class Req, class Rep>
class [[nodiscard]] Service {
 public:
  using Next = Outcome<Request<Req, Rep>, TurnedAway, TimedOut>;

  /// Errors: those of ChannelListener::listen.
  [[nodiscard]] static Result<Service> listen(const std::string& path, const ChannelListenOptions& options = {}) {
    auto core = detail::ServiceCore::listen(path, message_type<Req>(), message_type<Rep>(), options);
    if (!core) return std::unexpected{std::move(core.error())};
    return Service{std::move(*core)};
  }

  /// The next request of any client, of each in turn. TurnedAway: somebody was not let in, or has broken the protocol and is let go (EBADMSG),
  /// or a request was lost since its descriptors could not be taken (EMFILE), which its client is told. Clients that go are not told of.
  /// Errors: EMFILE, ENFILE (somebody waits in the backlog; call again, and the others are served), ECHILD.
  [[nodiscard]] Result<Next> next(Deadline deadline = Deadline::never()) {
    auto next = core_->next(deadline);
    if (!next) return std::unexpected{std::move(next.error())};
    if (next->template is<TimedOut>()) return Next{TimedOut{}};
    if (auto* away = next->template get_if<TurnedAway>()) return Next{std::move(*away)};
    auto& taken = next->template as<detail::TakenRequest>();
    if (!detail::record_fits<Req>(taken.record)) [[unlikely]]
      return Next{core_->let_go(taken.client, taken.client->end->break_off("a request has not the size of its type"))};
    return Next{Request<Req, Rep>{taken}};
  }
  [[nodiscard]] std::size_t clients() const noexcept { return core_->clients(); }
  /// A descriptor for epoll: readable (level-triggered) when next() may have something. Call next() with Deadline::immediately()
  /// until it times out, for the first time before waiting.
  [[nodiscard]] int pollable() const noexcept { return core_->pollable(); }

 private:
  explicit Service(std::unique_ptr<detail::ServiceCore> core) noexcept : core_{std::move(core)} {}
  std::unique_ptr<detail::ServiceCore> core_;
};

/// The server has not begun with the request, and never will.
struct NotStarted {
  enum class Because : std::uint8_t {
    server_gone,  ///< it died, or closed, before it took the request
    no_room,      ///< it is so far behind that until the deadline there was no room for the request, or for its answer
    not_taken,    ///< it could not take the descriptors that came along (RLIMIT_NOFILE)
  };
  Because because = Because::server_gone;
};

/// The server took the request, and there will be no answer: it died, or closed, or dropped the request. What was asked for may
/// have been done, in part or in whole.
struct MaybeExecuted {};

/// One client of a service, for one call at a time.
template <class Req, class Rep>
class [[nodiscard]] Client {
 public:
  using Called = Outcome<Incoming<Rep>, TimedOut, NotStarted, MaybeExecuted>;

  /// Errors: those of Channel::connect.
  [[nodiscard]] static Result<Client> connect(const std::string& path, const ChannelOptions& options = {}) {
    auto connected = connect(path, Deadline::never(), options);
    if (!connected) return std::unexpected{std::move(connected.error())};
    return std::move(connected->template as<Client>());
  }
  [[nodiscard]] static Result<Outcome<Client, TimedOut>> connect(const std::string& path, Deadline deadline,
                                                                 ChannelOptions options = {}) {
    options.capacity = options.capacity.value_or(detail::capacity_of_service);
    auto end = detail::ChannelEnd::connect(path, message_type<Req>(), message_type<Rep>(), options, deadline);
    if (!end) return std::unexpected{std::move(end.error())};
    if (end->template is<TimedOut>()) return TimedOut{};
    return Client{std::move(end->template as<std::unique_ptr<detail::ChannelEnd>>())};
  }

  /// Asks and waits for the answer, which stays until the next call. TimedOut: the request is with the server, which may still do it; its
  /// answer will be dropped. Errors: EMSGSIZE (tells both sizes), EBADMSG (the server broke the protocol), EMFILE (descriptors came with
  /// the answer and could not be taken: the answer is lost), ECHILD.
  [[nodiscard]] Result<Called> call(detail::MessageView<Req> request, Deadline deadline = Deadline::never()) {
    auto prepared = prepare(request, deadline);
    if (!prepared) return std::unexpected{std::move(prepared.error())};
    if (!prepared->template is<Done>()) [[unlikely]]
      return Called{not_sent(prepared->template is<PeerGone>())};
    return ask(request, 0, deadline);
  }
  /// The same with descriptors, at most 253, which stay open here. TooManyInFlight: nothing was sent. Errors: as above, EINVAL
  /// (over 253), EBADF.
  [[nodiscard]] Result<Outcome<Incoming<Rep>, TimedOut, NotStarted, MaybeExecuted, TooManyInFlight>> call_with(
      std::span<const int> descriptors, detail::MessageView<Req> request, Deadline deadline = Deadline::never()) {
    using All = Outcome<Incoming<Rep>, TimedOut, NotStarted, MaybeExecuted, TooManyInFlight>;
    auto prepared = prepare(request, deadline);
    if (!prepared) return std::unexpected{std::move(prepared.error())};
    if (!prepared->template is<Done>()) return All{not_sent(prepared->template is<PeerGone>())};
    std::uint32_t mark = 0;
    if (!descriptors.empty()) {
      auto ahead = end_->send_ahead(descriptors, deadline);
      if (!ahead) return std::unexpected{std::move(ahead.error())};
      if (ahead->template is<TooManyInFlight>()) return All{TooManyInFlight{}};
      if (!ahead->template is<Done>()) return All{not_sent(ahead->template is<PeerGone>())};
      mark = detail::RecordWord::accompanied;
    }
    auto called = ask(request, mark, deadline);
    if (!called) return std::unexpected{std::move(called.error())};
    return std::visit([](auto& outcome) { return All{std::move(outcome)}; }, called->variant());
  }

  /// Who listens.
  [[nodiscard]] const Credentials& credentials() const noexcept { return end_->peer(); }

 private:
  explicit Client(std::unique_ptr<detail::ChannelEnd> end) noexcept
      : end_{std::move(end)}, open_calls_max_{end_->fit_to_be_received(largest_answer())} {}

  [[nodiscard]] std::uint64_t largest_answer() const noexcept {
    if constexpr (detail::MessageShape<Rep>::is_sequence)
      return end_->largest_payload_of_peer();
    else
      return detail::head_of_answer<Rep> + sizeof(Rep);
  }
  /// Room for the request, and for all answers that are still to come: a server that is far behind is never short of it.
  [[nodiscard]] Result<Outcome<Done, PeerGone, TimedOut>> prepare(detail::MessageView<Req> request, Deadline deadline) {
    while (end_->sent() - answered_ >= open_calls_max_) [[unlikely]] {
      if (end_->next() == nullptr) {
        auto waited = wait(deadline);
        if (!waited) return std::unexpected{std::move(waited.error())};
        if (waited->template is<TimedOut>()) return TimedOut{};
        if (waited->template is<PeerGone>()) return PeerGone{};
      }
      ++answered_;
    }
    return end_->prepare(detail::bytes_of<Req>(request), deadline);
  }

  [[nodiscard]] static NotStarted not_sent(bool server_is_gone) noexcept {
    return {server_is_gone ? NotStarted::Because::server_gone : NotStarted::Because::no_room};
  }
  /// An answer whose descriptors could not be taken was one all the same.
  [[nodiscard]] Result<Outcome<detail::Record, PeerGone, TimedOut>> wait(Deadline deadline) {
    auto waited = end_->wait(deadline);
    if (!waited && waited.error().code() == EMFILE && answered_ < end_->sent()) ++answered_;
    return waited;
  }
  [[nodiscard]] Result<Called> ask(detail::MessageView<Req> request, std::uint32_t mark, Deadline deadline) {
    const std::uint64_t number = end_->sent();
    detail::put<Req>(end_->payload(), request);
    end_->commit(static_cast<std::uint32_t>(detail::bytes_of<Req>(request)), mark);
    while (true) {
      const detail::Record* record = end_->next();
      if (record == nullptr) record = end_->soon(deadline);
      if (record == nullptr) {
        auto waited = wait(deadline);
        if (!waited) return std::unexpected{std::move(waited.error())};
        if (waited->template is<TimedOut>()) return Called{TimedOut{}};
        if (waited->template is<PeerGone>()) return Called{server_gone(number)};
        record = &end_->record();
      }
      // Else old ones, which are passed over, could keep it here for ever.
      if (++answered_ > end_->sent()) [[unlikely]]
        return std::unexpected{end_->break_off("more answers come than were asked for")};
      auto called = answer_to(number, *record);
      if (!called || *called) return opened(std::move(called));
    }
  }
  /// Null: the answer to an earlier call, which nobody waits for any more.
  [[nodiscard]] Result<std::optional<Called>> answer_to(std::uint64_t number, const detail::Record& record) {
    constexpr std::size_t head_bytes = detail::head_of_answer<Rep>;
    if (record.length < head_bytes) return std::unexpected{end_->break_off("an answer has no head")};
    const auto word = detail::word_at(record.payload, 0).load(std::memory_order_relaxed);
    const std::uint64_t answered = word & detail::AnswerHead::number_bits;
    if (answered > number) return std::unexpected{end_->break_off("an answer came to what was not asked")};
    if (answered < number) return std::nullopt;
    if ((word & detail::AnswerHead::unanswered) != 0) return Called{MaybeExecuted{}};
    if ((word & detail::AnswerHead::not_started) != 0) return Called{NotStarted{NotStarted::Because::not_taken}};
    const detail::Record message{.payload = record.payload + head_bytes,
                                 .length = record.length - static_cast<std::uint32_t>(head_bytes),
                                 .number = record.number};
    if (!detail::record_fits<Rep>(message))
      return std::unexpected{end_->break_off("an answer has not the size of its type")};
    return Called{Incoming<Rep>{*end_, message}};
  }
  [[nodiscard]] static Result<Called> opened(Result<std::optional<Called>> called) {
    if (!called) return std::unexpected{std::move(called.error())};
    return std::move(**called);
  }
  [[nodiscard]] Called server_gone(std::uint64_t number) const noexcept {
    if (end_->taken_by_peer() > number) return MaybeExecuted{};
    return NotStarted{NotStarted::Because::server_gone};
  }

  std::unique_ptr<detail::ChannelEnd> end_;
  std::uint64_t answered_ = 0;  ///< calls, also those whose answers were dropped
  std::uint64_t open_calls_max_;
};

}  // namespace ginnel
