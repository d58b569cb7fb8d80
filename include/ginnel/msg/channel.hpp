#pragma once

#include <atomic>
#include <cassert>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "ginnel/msg/detail/channel_door.hpp"
#include "ginnel/msg/detail/channel_end.hpp"
#include "ginnel/msg/message.hpp"

// A channel: two processes that need not trust each other, and messages both ways, in shared memory that each hands the other over a
// Unix socket. Each end writes its own memory only, which the other maps for reading; nothing of it has a name, so nothing can be
// left behind but the listener's path. A peer that breaks the protocol loses its channel, and can do no more than that. But what it
// has sent lies in its memory: it can change it at any time. So take a copy first and check that.
//
// A handle is for the process that made it: a child of fork(2) gets ECHILD, and the peer is told of the parent's death though
// the child has copies of its descriptors. One thread may send while another receives. See docs/FORMAT.md.

namespace ginnel {

template <class T>
class Channel;
template <class Req, class Rep>
class Client;

namespace detail {

/// What a message of T consists of: one T, or any number of elements.
template <class T>
struct MessageShape {
  static constexpr bool is_sequence = std::is_unbounded_array_v<T>;
  using Element = std::remove_extent_t<T>;
};
template <>
struct MessageShape<AnyBytes> {
  static constexpr bool is_sequence = true;
  using Element = std::byte;
};

/// A copy of what a peer may be changing: each byte is read once, and what was read is what is checked and used.
template <class T>
[[nodiscard]] T copied(const std::byte* from) noexcept {
  union Place {
    Place() noexcept {}
    T value;
  } place;
  std::memcpy(&place, from, sizeof(T));
  std::atomic_signal_fence(std::memory_order_seq_cst);  // the compiler may not read it again
  return place.value;
}

}  // namespace detail

/// Room in the ring for one message, to be written in place. Nothing is seen of it before send(); dropped, it was never there. One
/// at a time, before anything else is sent. It must not outlive its channel.
template <class T>
class [[nodiscard]] ChannelLoan {
  static constexpr bool is_sequence = detail::MessageShape<T>::is_sequence;
  using Element = typename detail::MessageShape<T>::Element;

 public:
  ChannelLoan(ChannelLoan&& other) noexcept : end_{std::exchange(other.end_, nullptr)}, count_{other.count_} {}
  ChannelLoan& operator=(ChannelLoan&&) = delete;
  ~ChannelLoan() = default;

  [[nodiscard]] T& operator*() const noexcept
    requires(!is_sequence)
  {
    return *reinterpret_cast<T*>(end_->payload());
  }
  [[nodiscard]] T* operator->() const noexcept
    requires(!is_sequence)
  {
    return &**this;
  }
  [[nodiscard]] std::span<Element> elements() const noexcept
    requires is_sequence
  {
    return {reinterpret_cast<Element*>(end_->payload()), count_};
  }
  void send() && noexcept { commit(count_); }
  /// The first `count` elements.
  void send(std::size_t count) && noexcept
    requires is_sequence
  {
    assert(count <= count_);
    commit(count);
  }

 private:
  template <class>
  friend class Channel;
  ChannelLoan(detail::ChannelEnd& end, std::size_t count) noexcept : end_{&end}, count_{count} {}
  void commit(std::size_t count) noexcept {
    detail::ChannelEnd* const end = std::exchange(end_, nullptr);
    if (end->same_process()) end->commit(static_cast<std::uint32_t>(count * sizeof(Element)));
  }
  detail::ChannelEnd* end_;
  std::size_t count_;
};

/// A message that was received, where it lies: until the next call that receives from its channel.
template <class T>
class [[nodiscard]] Incoming {
  static constexpr bool is_sequence = detail::MessageShape<T>::is_sequence;
  using Element = typename detail::MessageShape<T>::Element;

 public:
  /// A copy, which the peer cannot change any more. A sequence as std::vector<T>.
  [[nodiscard]] auto operator*() const {
    if constexpr (is_sequence) {
      const auto there = in_place();
      std::vector<Element> copy(there.begin(), there.end());
      std::atomic_signal_fence(std::memory_order_seq_cst);
      return copy;
    } else {
      return detail::copied<T>(record_.payload);
    }
  }
  /// Where it lies. The peer can change it while it is read, so nothing that was checked there may be read there again.
  [[nodiscard]] decltype(auto) in_place() const noexcept {
    if constexpr (is_sequence)
      return std::span<const Element>{reinterpret_cast<const Element*>(record_.payload),
                                      record_.length / sizeof(Element)};
    else
      return *reinterpret_cast<const T*>(record_.payload);
  }
  /// Those that came with the message, close-on-exec, to be moved from here; what is left is closed with the next call.
  [[nodiscard]] std::vector<UniqueFd>& descriptors() const noexcept { return end_->came_along(); }

 private:
  template <class>
  friend class Channel;
  template <class, class>
  friend class Client;
  Incoming(detail::ChannelEnd& end, const detail::Record& record) noexcept : end_{&end}, record_{record} {}
  detail::ChannelEnd* end_;
  detail::Record record_;
};

/// One end of a channel of messages of type T, or of sequences of them for T[], both ways. AnyBytes goes with a peer of any type, as bytes.
template <class T>
class [[nodiscard]] Channel {
  static constexpr bool is_sequence = detail::MessageShape<T>::is_sequence;
  using Element = typename detail::MessageShape<T>::Element;

 public:
  using Received = Outcome<Incoming<T>, PeerGone, TimedOut>;
  using Sent = Outcome<Done, PeerGone, TimedOut>;

  /// Waits until the listener lets this process in. Errors: ENOENT, ECONNREFUSED (nobody listens), ECONNRESET (the listener closed instead of an
  /// answer, as it does to those who are not on its lists), EACCES, EPROTOTYPE (the other side's type is another: shows
  /// both), EBADMSG (it speaks no protocol of ginnel's), EPERM, EFBIG, ENODATA (its memory is not what it has to be), ENOSPC, ENOMEM,
  /// EMFILE, EINVAL (capacity, alignment).
  [[nodiscard]] static Result<Channel> connect(const std::string& path, const ChannelOptions& options = {}) {
    auto connected = connect(path, Deadline::never(), options);
    if (!connected) return std::unexpected{std::move(connected.error())};
    return std::move(connected->template as<Channel>());
  }
  /// The same until a deadline. Errors: as above.
  [[nodiscard]] static Result<Outcome<Channel, TimedOut>> connect(const std::string& path, Deadline deadline,
                                                                  const ChannelOptions& options = {}) {
    auto end = detail::ChannelEnd::connect(path, message_type<T>(), message_type<T>(), options, deadline);
    if (!end) return std::unexpected{std::move(end.error())};
    if (end->template is<TimedOut>()) return TimedOut{};
    return Channel{std::move(end->template as<std::unique_ptr<detail::ChannelEnd>>())};
  }

  /// Waits while the peer is a whole ring behind; TimedOut with Deadline::immediately() means that it would block. PeerGone is told when
  /// an eighth of the ring was sent to nobody, at the latest; sooner when the peer waited. Errors: EBADMSG (the peer broke the protocol:
  /// every call says so from then on; where the other direction has found it, as with PeerGone), ECHILD (used in a child of fork(2)).
  [[nodiscard]] Result<Sent> send(const T& message, Deadline deadline = Deadline::never())
    requires(!is_sequence)
  {
    auto prepared = end_->prepare(sizeof(T), deadline);
    if (!prepared || !prepared->template is<Done>()) [[unlikely]]
      return prepared;
    detail::copy_in(end_->payload(), &message, sizeof(T));
    end_->commit(sizeof(T));
    return prepared;
  }
  /// Errors: as above, and EMSGSIZE (longer than largest(): tells both sizes).
  [[nodiscard]] Result<Sent> send(std::span<const Element> message, Deadline deadline = Deadline::never())
    requires is_sequence
  {
    auto prepared = end_->prepare(message.size_bytes(), deadline);
    if (!prepared || !prepared->template is<Done>()) [[unlikely]]
      return prepared;
    detail::copy_in(end_->payload(), message.data(), message.size_bytes());
    end_->commit(static_cast<std::uint32_t>(message.size_bytes()));
    return prepared;
  }
  /// Sends descriptors along, at most 253; they stay open here. The message goes with all of them or not at all. Errors: as send(),
  /// EINVAL (over 253), EBADF (one of them is not open).
  [[nodiscard]] Result<Outcome<Done, PeerGone, TimedOut, TooManyInFlight>> send_with(
      std::span<const int> descriptors, const T& message, Deadline deadline = Deadline::never())
    requires(!is_sequence)
  {
    return send_bytes_with(descriptors, &message, sizeof(T), deadline);
  }
  /// Errors: as above, and EMSGSIZE.
  [[nodiscard]] Result<Outcome<Done, PeerGone, TimedOut, TooManyInFlight>> send_with(
      std::span<const int> descriptors, std::span<const Element> message, Deadline deadline = Deadline::never())
    requires is_sequence
  {
    return send_bytes_with(descriptors, message.data(), message.size_bytes(), deadline);
  }

  /// Errors: as send().
  [[nodiscard]] Result<Outcome<ChannelLoan<T>, PeerGone, TimedOut>> loan(Deadline deadline = Deadline::never())
    requires(!is_sequence)
  {
    return loan_elements(1, deadline);
  }
  [[nodiscard]] Result<Outcome<ChannelLoan<T>, PeerGone, TimedOut>> loan(std::size_t count,
                                                                         Deadline deadline = Deadline::never())
    requires is_sequence
  {
    return loan_elements(count, deadline);
  }
  /// Elements in one message to the peer, at most: a quarter of the ring.
  [[nodiscard]] std::size_t largest() const noexcept
    requires is_sequence
  {
    return end_->largest_payload() / sizeof(Element);
  }

  /// The next message; the one before is given back with this call. PeerGone comes when the peer has closed or died, and all that it sent
  /// was received. Errors: EBADMSG (the peer broke the protocol: every call says so from then on; where the other direction has found it,
  /// after an eighth of the ring at the latest), EMFILE (the descriptors of a message could not be taken, RLIMIT_NOFILE: the message is gone
  /// with them), ECHILD.
  [[nodiscard]] Result<Received> receive(Deadline deadline = Deadline::never()) {
    const detail::Record* record = end_->next();
    if (record == nullptr) record = end_->soon(deadline);
    if (record != nullptr) [[likely]]
      return incoming(*record);
    auto waited = end_->wait(deadline);
    if (!waited) return std::unexpected{std::move(waited.error())};
    if (waited->template is<TimedOut>()) return Received{TimedOut{}};
    if (waited->template is<PeerGone>()) return Received{PeerGone{}};
    return incoming(waited->template as<detail::Record>());
  }
  /// A descriptor for epoll: readable (level-triggered) when there may be something to receive, also the peer's end. Then call receive()
  /// with Deadline::immediately() until it times out. Errors: EMFILE, ENFILE, ECHILD.
  [[nodiscard]] Result<int> pollable() { return end_->pollable(); }

  /// Who the peer was when it connected; for who connected: who listens.
  [[nodiscard]] const Credentials& credentials() const noexcept { return end_->peer(); }

 private:
  template <class>
  friend class ChannelListener;
  explicit Channel(std::unique_ptr<detail::ChannelEnd> end) noexcept : end_{std::move(end)} {}

  [[nodiscard]] static bool fits(const detail::Record& record) noexcept {
    if constexpr (is_sequence)
      return record.length % sizeof(Element) == 0;
    else
      return record.length == sizeof(T);
  }
  [[nodiscard]] Result<Received> incoming(const detail::Record& record) {
    if (fits(record)) [[likely]]
      return Received{Incoming<T>{*end_, record}};
    return std::unexpected{end_->break_off("a message has not the size of its type")};
  }
  [[nodiscard]] Result<Outcome<ChannelLoan<T>, PeerGone, TimedOut>> loan_elements(std::size_t count,
                                                                                  Deadline deadline) {
    auto prepared = end_->prepare(std::uint64_t{count} * sizeof(Element), deadline);
    if (!prepared) return std::unexpected{std::move(prepared.error())};
    if (prepared->template is<TimedOut>()) return TimedOut{};
    if (prepared->template is<PeerGone>()) return PeerGone{};
    return ChannelLoan<T>{*end_, count};
  }
  [[nodiscard]] Result<Outcome<Done, PeerGone, TimedOut, TooManyInFlight>> send_bytes_with(
      std::span<const int> descriptors, const void* bytes, std::size_t size, Deadline deadline) {
    auto prepared = end_->prepare(size, deadline);
    if (!prepared) return std::unexpected{std::move(prepared.error())};
    if (prepared->template is<TimedOut>()) return TimedOut{};
    if (prepared->template is<PeerGone>()) return PeerGone{};
    detail::copy_in(end_->payload(), bytes, size);
    std::uint32_t mark = 0;
    if (!descriptors.empty()) {
      auto ahead = end_->send_ahead(descriptors, deadline);
      if (!ahead || !ahead->template is<Done>()) return ahead;
      mark = detail::RecordWord::accompanied;
    }
    end_->commit(static_cast<std::uint32_t>(size), mark);
    return Done{};
  }

  std::unique_ptr<detail::ChannelEnd> end_;
};

/// Where channels of T begin: a Unix socket at a path (or `@name` in the abstract namespace).
template <class T>
class [[nodiscard]] ChannelListener {
 public:
  using Accepted = Outcome<Channel<T>, TurnedAway, TimedOut>;

  /// Errors: EADDRINUSE (a live server has the path, or a file that is no socket), EACCES, ENOENT, EPERM (owner), ENAMETOOLONG,
  /// EINVAL.
  [[nodiscard]] static Result<ChannelListener> listen(const std::string& path,
                                                      const ChannelListenOptions& options = {}) {
    auto door = detail::ChannelDoor::listen(path, message_type<T>(), message_type<T>(), options);
    if (!door) return std::unexpected{std::move(door.error())};
    return ChannelListener{std::move(*door)};
  }
  /// The next peer that is let in; each that is not, is told as TurnedAway. One that says nothing holds nobody up. Errors: EMFILE, ENFILE
  /// (the connection stays in the backlog), ECHILD.
  [[nodiscard]] Result<Accepted> accept(Deadline deadline = Deadline::never()) {
    auto accepted = door_.accept(deadline);
    if (!accepted) return std::unexpected{std::move(accepted.error())};
    if (auto* away = accepted->template get_if<TurnedAway>()) return Accepted{std::move(*away)};
    if (accepted->template is<TimedOut>()) return Accepted{TimedOut{}};
    return Accepted{Channel<T>{std::move(accepted->template as<std::unique_ptr<detail::ChannelEnd>>())}};
  }
  /// A descriptor for epoll: readable (level-triggered) when accept() may have something.
  [[nodiscard]] int pollable() const noexcept { return door_.pollable(); }

 private:
  explicit ChannelListener(detail::ChannelDoor door) noexcept : door_{std::move(door)} {}
  detail::ChannelDoor door_;
};

}  // namespace ginnel
