#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "ginnel/msg/detail/queue_end.hpp"
#include "ginnel/msg/message.hpp"

// A queue of jobs: any number of processes push, any number pop, and each message goes to one of them, who acknowledges it when it
// has been dealt with. A message whose worker dies, or gives it back, is delivered again and says so; none is lost, and
// none comes twice while nobody dies. The highest priority comes first, and within one priority messages come in the order in which
// they were pushed; one that is delivered again takes its old place. The queue and what is in it outlive their users, until
// it is removed or the machine goes down.
//
// Threads may share a handle. It is for the process that opened it: a child of fork(2) gets ECHILD and opens its own.
// Names and homes are those of topics: see topic.hpp.

namespace ginnel {

/// A message that was popped, where it lies. Unless it is acknowledged it goes back into the queue at the end of its life. It must
/// not outlive the handle that it was popped from.
template <class T>
class [[nodiscard]] Popped {
 public:
  Popped(Popped&& other) noexcept : end_{std::exchange(other.end_, nullptr)}, taken_{other.taken_} {}
  Popped& operator=(Popped&& other) noexcept {
    if (this == &other) return *this;
    give_back();
    end_ = std::exchange(other.end_, nullptr);
    taken_ = other.taken_;
    return *this;
  }
  ~Popped() { give_back(); }

  /// Until it is acknowledged or given back. A sequence as std::span<const T>.
  [[nodiscard]] decltype(auto) operator*() const noexcept {
    const std::span<const std::byte> bytes = end_->payload(taken_);
    if constexpr (std::is_same_v<T, AnyBytes>) {
      return bytes;
    } else if constexpr (std::is_unbounded_array_v<T>) {
      using Element = std::remove_extent_t<T>;
      return std::span<const Element>{reinterpret_cast<const Element*>(bytes.data()), bytes.size() / sizeof(Element)};
    } else {
      return *reinterpret_cast<const T*>(bytes.data());
    }
  }
  [[nodiscard]] const T* operator->() const noexcept
    requires(!std::is_unbounded_array_v<T> && !std::is_same_v<T, AnyBytes>)
  {
    return &**this;
  }

  [[nodiscard]] std::uint32_t priority() const noexcept { return taken_.priority; }
  /// How often it was handed out, this time included: more than 1 after its worker died or gave it back. Stays at 8191.
  [[nodiscard]] std::uint32_t deliveries() const noexcept { return taken_.deliveries; }
  [[nodiscard]] bool redelivered() const noexcept { return taken_.redelivered(); }

  /// It has been dealt with, and is gone. False: this is a child of fork(2), and its parent has the message.
  bool ack() noexcept { return end_ != nullptr && std::exchange(end_, nullptr)->acknowledge(taken_); }
  /// It is for another to deal with, and is delivered again. False: as above.
  bool give_back() noexcept { return end_ != nullptr && std::exchange(end_, nullptr)->give_back(taken_); }

 private:
  template <class>
  friend class Queue;
  Popped(detail::QueueEnd& end, const detail::TakenMessage& taken) noexcept : end_{&end}, taken_{taken} {}
  detail::QueueEnd* end_;
  detail::TakenMessage taken_;
};

/// A slot of a queue, to be written in place. Nothing is seen of it before push(); dropped, it was never there. It must not outlive the
/// handle that it is of.
template <class T>
class [[nodiscard]] QueueLoan {
  using Element = std::remove_extent_t<T>;

 public:
  QueueLoan(QueueLoan&& other) noexcept : end_{std::exchange(other.end_, nullptr)}, claimed_{other.claimed_} {}
  QueueLoan& operator=(QueueLoan&&) = delete;
  ~QueueLoan() {
    if (end_ != nullptr) end_->withdraw(claimed_);
  }

  [[nodiscard]] T& operator*() const noexcept
    requires(!std::is_unbounded_array_v<T>)
  {
    return *reinterpret_cast<T*>(end_->payload(claimed_));
  }
  [[nodiscard]] T* operator->() const noexcept
    requires(!std::is_unbounded_array_v<T>)
  {
    return &**this;
  }
  /// As many as the longest message of the queue has.
  [[nodiscard]] std::span<Element> elements() const noexcept
    requires std::is_unbounded_array_v<T>
  {
    return {reinterpret_cast<Element*>(end_->payload(claimed_)), end_->shape().payload_bytes / sizeof(Element)};
  }

  /// Errors: EINVAL (priority; it can be pushed with another), ECHILD, EUCLEAN.
  [[nodiscard]] Result<void> push(std::uint32_t priority = 0) &&
      requires(!std::is_unbounded_array_v<T>) { return push_bytes(sizeof(T), priority); }
      /// The first `count` elements. Errors: as above, and EMSGSIZE.
      [[nodiscard]] Result<void> push(std::size_t count, std::uint32_t priority = 0) &&
        requires std::is_unbounded_array_v<T>
  {
    return push_bytes(count * sizeof(Element), priority);
  }

 private:
  template <class>
  friend class Queue;
  QueueLoan(detail::QueueEnd& end, const detail::ClaimedSlot& claimed) noexcept : end_{&end}, claimed_{claimed} {}
  [[nodiscard]] Result<void> push_bytes(std::size_t bytes, std::uint32_t priority) {
    if (auto good = end_->check(bytes, priority); !good) return good;
    return std::exchange(end_, nullptr)->publish(claimed_, static_cast<std::uint32_t>(bytes), priority);
  }
  detail::QueueEnd* end_;
  detail::ClaimedSlot claimed_;
};

/// A participant of a queue of messages of type T; of sequences for T[]; of any type, to look and not to push, for AnyBytes.
template <class T>
class [[nodiscard]] Queue {
  static constexpr bool is_sequence = std::is_unbounded_array_v<T>;
  using Element = std::remove_extent_t<T>;

 public:
  /// Opens the queue, which is made when missing. Errors: EEXIST (there is one of other slots, priorities, participants or message
  /// size: tells both), EPROTOTYPE (of another type: shows both), ENOSPC (no memory, which is all allocated at once), EUSERS
  /// (all its participants are there), EPERM (the home is not the caller's alone), EINVAL (name, options), EBADMSG (a
  /// foreign or damaged file has the name), EUCLEAN, EACCES.
  [[nodiscard]] static Result<Queue> open(const std::string& name, const QueueOptions& options = {})
    requires(!std::is_same_v<T, AnyBytes>)
  {
    return Queue::from(detail::QueueEnd::open(name, message_type<T>(), with_size_of_type(options),
                                              detail::QueueEnd::Existing::made_when_missing));
  }
  /// Makes the queue. Errors: EEXIST (there is one), and as open().
  [[nodiscard]] static Result<Queue> create(const std::string& name, const QueueOptions& options = {})
    requires(!std::is_same_v<T, AnyBytes>)
  {
    return Queue::from(detail::QueueEnd::open(name, message_type<T>(), with_size_of_type(options),
                                              detail::QueueEnd::Existing::refused));
  }
  /// Opens a queue that is there, whatever its slots, priorities, participants and message size. Errors: ENOENT, and as above.
  [[nodiscard]] static Result<Queue> attach(const std::string& name, const QueueOptions& options = {}) {
    return Queue::from(detail::QueueEnd::open(name, message_type<T>(), options, detail::QueueEnd::Existing::required));
  }

  /// Waits while all slots are in use; TimedOut with Deadline::immediately() means that it would block. Errors: EINVAL (there is no such
  /// priority), ECHILD (used in a child of fork(2)), EUCLEAN (a participant has damaged the queue's memory).
  [[nodiscard]] Result<Outcome<Done, TimedOut>> push(const T& message, std::uint32_t priority = 0,
                                                     Deadline deadline = Deadline::never())
    requires(!is_sequence && !std::is_same_v<T, AnyBytes>)
  {
    if (auto good = end_->check(sizeof(T), priority); !good) [[unlikely]]
      return std::unexpected{std::move(good.error())};
    return push_bytes(&message, std::integral_constant<std::size_t, sizeof(T)>{}, priority, deadline);
  }
  /// Errors: as above, and EMSGSIZE (longer than largest(): tells both sizes).
  [[nodiscard]] Result<Outcome<Done, TimedOut>> push(std::span<const Element> message, std::uint32_t priority = 0,
                                                     Deadline deadline = Deadline::never())
    requires is_sequence
  {
    if (auto good = end_->check(message.size_bytes(), priority); !good) [[unlikely]]
      return std::unexpected{std::move(good.error())};
    return push_bytes(message.data(), message.size_bytes(), priority, deadline);
  }
  /// A slot to be written in place. Errors: ECHILD, EUCLEAN.
  [[nodiscard]] Result<Outcome<QueueLoan<T>, TimedOut>> loan(Deadline deadline = Deadline::never())
    requires(!std::is_same_v<T, AnyBytes>)
  {
    detail::ClaimedSlot claimed;
    auto step = end_->claim(claimed, deadline);
    if (!step) return std::unexpected{std::move(step.error())};
    if (step->template is<TimedOut>()) return TimedOut{};
    return QueueLoan<T>{*end_, claimed};
  }

  /// The first message of the highest priority. Errors: ECHILD, EUCLEAN.
  [[nodiscard]] Result<Outcome<Popped<T>, TimedOut>> pop(Deadline deadline = Deadline::never()) {
    detail::TakenMessage taken;
    auto step = end_->take(taken, deadline);
    if (!step) [[unlikely]]
      return std::unexpected{std::move(step.error())};
    if (step->template is<TimedOut>()) return TimedOut{};
    Popped<T> popped{*end_, taken};
    if (!fits(taken)) [[unlikely]]
      return std::unexpected{end_->wrong_size(taken)};
    return popped;
  }

  /// Elements in one message, at most.
  [[nodiscard]] std::size_t largest() const noexcept
    requires is_sequence
  {
    return end_->shape().payload_bytes / sizeof(Element);
  }
  [[nodiscard]] std::uint32_t priorities() const noexcept { return end_->shape().priorities; }
  [[nodiscard]] QueueCounts counts() const noexcept { return end_->counts(); }
  /// A descriptor for epoll: readable (level-triggered) when there may be something to pop, also after a death. Then call pop() with
  /// Deadline::immediately() until it times out. Errors: EMFILE (fs.inotify.max_user_instances), ENOSPC, ECHILD.
  [[nodiscard]] Result<int> pollable() { return end_->pollable(); }

 private:
  explicit Queue(std::unique_ptr<detail::QueueEnd> end) noexcept : end_{std::move(end)} {}
  [[nodiscard]] static Result<Queue> from(Result<std::unique_ptr<detail::QueueEnd>> end) {
    if (!end) return std::unexpected{std::move(end.error())};
    return Queue{std::move(*end)};
  }
  [[nodiscard]] static QueueOptions with_size_of_type(QueueOptions options) {
    if constexpr (!is_sequence && !std::is_same_v<T, AnyBytes>) options.message_size = Bytes{sizeof(T)};
    return options;
  }
  [[nodiscard]] static bool fits(const detail::TakenMessage& taken) noexcept {
    if constexpr (std::is_same_v<T, AnyBytes>)
      return true;
    else if constexpr (is_sequence)
      return taken.length % sizeof(Element) == 0;
    else
      return taken.length == sizeof(T);
  }
  template <class Size>
  [[nodiscard]] Result<Outcome<Done, TimedOut>> push_bytes(const void* bytes, Size size, std::uint32_t priority,
                                                           Deadline deadline) {
    detail::ClaimedSlot claimed;
    auto step = end_->claim(claimed, deadline);
    if (!step || !step->template is<Done>()) [[unlikely]]
      return step;
    detail::copy_in(end_->payload(claimed), bytes, size);  // of a size known here: inlined
    if (auto published = end_->publish(claimed, static_cast<std::uint32_t>(size), priority); !published) [[unlikely]]
      return std::unexpected{std::move(published.error())};
    return step;
  }
  std::unique_ptr<detail::QueueEnd> end_;
};

/// Removes a queue that nobody has open, with the messages in it; NotFound where there is none. Errors: EBUSY (participants are there:
/// tells how many), EPERM, EINVAL.
[[nodiscard]] Result<Outcome<Done, NotFound>> remove_queue(const std::string& name, const std::string& home = {});

}  // namespace ginnel
