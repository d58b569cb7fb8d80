#pragma once

#include <cassert>
#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "ginnel/msg/detail/topic_reader.hpp"
#include "ginnel/msg/detail/topic_writer.hpp"
#include "ginnel/msg/message.hpp"
#include "ginnel/msg/sample.hpp"

// A topic: any number of writers and readers in processes that need not know of each other. Each reader gets the messages of
// each writer in their order, whole or not at all, and reads them in place. Nothing has to run beside them, and whoever dies,
// at whatever instruction, leaves the others to go on; see docs/FORMAT.md.
//
// A handle is for one thread at a time, and for the process that made it: a child of fork(2) gets ECHILD and opens its own.
// Names are of the caller's own home directory, $GINNEL_HOME or /dev/shm/ginnel-UID, which no other user may enter; or of a
// directory that a group shares.

namespace ginnel {

/// Room in the ring for one message, to be written in place. Nothing is seen of it before publish(); dropped, it was never
/// there. One at a time, before anything else is published.
template <class T>
class [[nodiscard]] Loan {
 public:
  Loan(Loan&& other) noexcept : writer_{std::exchange(other.writer_, nullptr)} {}
  Loan& operator=(Loan&&) = delete;
  ~Loan() = default;

  [[nodiscard]] T& operator*() const noexcept { return *reinterpret_cast<T*>(writer_->payload()); }
  [[nodiscard]] T* operator->() const noexcept { return &**this; }
  void publish() && noexcept { std::exchange(writer_, nullptr)->commit(sizeof(T)); }

 private:
  template <class>
  friend class Publisher;
  explicit Loan(detail::TopicWriter& writer) noexcept : writer_{&writer} {}
  detail::TopicWriter* writer_;
};

/// The same for a sequence of elements.
template <class T>
class [[nodiscard]] Loan<T[]> {
 public:
  Loan(Loan&& other) noexcept : writer_{std::exchange(other.writer_, nullptr)}, count_{other.count_} {}
  Loan& operator=(Loan&&) = delete;
  ~Loan() = default;

  [[nodiscard]] std::span<T> elements() const noexcept { return {reinterpret_cast<T*>(writer_->payload()), count_}; }
  /// Publishes the first `count` of them.
  void publish(std::size_t count) && noexcept {
    assert(count <= count_);
    std::exchange(writer_, nullptr)->commit(static_cast<std::uint32_t>(count * sizeof(T)));
  }
  void publish() && noexcept { std::move(*this).publish(count_); }

 private:
  template <class>
  friend class Publisher;
  Loan(detail::TopicWriter& writer, std::size_t count) noexcept : writer_{&writer}, count_{count} {}
  detail::TopicWriter* writer_;
  std::size_t count_;
};

/// One writer of a topic, of messages of type T.
template <class T>
class [[nodiscard]] Publisher {
 public:
  /// Errors: ENOSPC (no memory for the ring, or 56 writers are there), EPERM (the home is not the caller's alone), EINVAL
  /// (name, capacity), EBADMSG (a foreign file has the name), EACCES.
  [[nodiscard]] static Result<Publisher> create(const std::string& name, const PublisherOptions& options = {}) {
    auto writer = detail::TopicWriter::create(name, message_type<T>(), options);
    if (!writer) return std::unexpected{writer.error()};
    return Publisher{std::move(*writer)};
  }

  /// Waits while a reliable reader is a whole ring behind; TimedOut with Deadline::immediately() means that it would block.
  /// Errors: ECHILD (used in a child of fork(2)).
  [[nodiscard]] Result<Outcome<Done, TimedOut>> publish(const T& message, Deadline deadline = Deadline::never()) {
    auto prepared = writer_.prepare(sizeof(T), deadline);
    if (!prepared || !prepared->template is<Done>()) [[unlikely]]
      return prepared;
    detail::copy_in(writer_.payload(), &message, sizeof(T));
    writer_.commit(sizeof(T));
    return prepared;
  }
  /// Returns once a reader has come that gets what is published from now on. Errors: ECHILD.
  [[nodiscard]] Result<Outcome<Done, TimedOut>> wait_for_reader(Deadline deadline = Deadline::never()) {
    return writer_.wait_for_reader(deadline);
  }
  /// Errors: as publish().
  [[nodiscard]] Result<Outcome<Loan<T>, TimedOut>> loan(Deadline deadline = Deadline::never()) {
    auto prepared = writer_.prepare(sizeof(T), deadline);
    if (!prepared) return std::unexpected{prepared.error()};
    if (!prepared->template is<Done>()) return TimedOut{};
    return Loan<T>{writer_};
  }

 private:
  explicit Publisher(detail::TopicWriter writer) noexcept : writer_{std::move(writer)} {}
  detail::TopicWriter writer_;
};

/// One writer of a topic whose messages are sequences of T, of any length up to largest(), also empty.
template <class T>
class [[nodiscard]] Publisher<T[]> {
 public:
  /// Errors: as Publisher<T>::create.
  [[nodiscard]] static Result<Publisher> create(const std::string& name, const PublisherOptions& options = {}) {
    auto writer = detail::TopicWriter::create(name, message_type<T[]>(), options);
    if (!writer) return std::unexpected{writer.error()};
    return Publisher{std::move(*writer)};
  }

  /// Elements in one message, at most: a quarter of the ring.
  [[nodiscard]] std::size_t largest() const noexcept { return writer_.largest_payload() / sizeof(T); }

  /// Errors: EMSGSIZE (longer than largest(): tells both sizes), ECHILD.
  [[nodiscard]] Result<Outcome<Done, TimedOut>> publish(std::span<const T> message,
                                                        Deadline deadline = Deadline::never()) {
    auto prepared = writer_.prepare(message.size_bytes(), deadline);
    if (!prepared || !prepared->template is<Done>()) [[unlikely]]
      return prepared;
    detail::copy_in(writer_.payload(), message.data(), message.size_bytes());
    writer_.commit(static_cast<std::uint32_t>(message.size_bytes()));
    return prepared;
  }
  /// Returns once a reader has come that gets what is published from now on. Errors: ECHILD.
  [[nodiscard]] Result<Outcome<Done, TimedOut>> wait_for_reader(Deadline deadline = Deadline::never()) {
    return writer_.wait_for_reader(deadline);
  }
  /// Errors: as publish().
  [[nodiscard]] Result<Outcome<Loan<T[]>, TimedOut>> loan(std::size_t count, Deadline deadline = Deadline::never()) {
    auto prepared = writer_.prepare(std::uint64_t{count} * sizeof(T), deadline);
    if (!prepared) return std::unexpected{prepared.error()};
    if (!prepared->template is<Done>()) return TimedOut{};
    return Loan<T[]>{writer_, count};
  }

 private:
  explicit Publisher(detail::TopicWriter writer) noexcept : writer_{std::move(writer)} {}
  detail::TopicWriter writer_;
};

/// One reader of a topic. It may be opened before the first writer is there, and gets what is published from then on.
template <class T>
class [[nodiscard]] Subscriber {
 public:
  using Received = Outcome<Sample<T>, TimedOut, WriterGone>;

  /// Errors: EPROTOTYPE (the topic carries another type: shows both), and as Publisher<T>::create.
  [[nodiscard]] static Result<Subscriber> open(const std::string& name, const SubscriberOptions& options = {}) {
    auto reader = detail::TopicReader::open(name, message_type<T>(), options);
    if (!reader) return std::unexpected{reader.error()};
    return Subscriber{std::move(*reader)};
  }

  /// The next message; the one before is given back with this call. WriterGone comes once, when all that the last writer
  /// published was received. Errors: EBADMSG (a writer's ring is damaged: it is left alone), EPROTOTYPE (a writer of another
  /// type has come), ECHILD (used in a child of fork(2)).
  [[nodiscard]] Result<Received> receive(Deadline deadline = Deadline::never()) {
    const detail::Record* record = reader_.next();
    if (record == nullptr) record = reader_.soon(deadline);
    if (record != nullptr) [[likely]]
      return sample_of(*record);
    auto waited = reader_.wait(deadline);
    if (!waited) return std::unexpected{waited.error()};
    if (waited->template is<TimedOut>()) return Received{TimedOut{}};
    if (const auto* gone = waited->template get_if<WriterGone>()) return Received{*gone};
    return sample_of(waited->template as<detail::Record>());
  }

  /// Messages that were overwritten before this reader came to them, of all writers; 0 for a reliable one.
  [[nodiscard]] std::uint64_t lost() const noexcept { return reader_.lost(); }
  [[nodiscard]] std::size_t writers() const noexcept { return reader_.writers(); }
  /// A descriptor for epoll: readable (level-triggered) when there may be something new, also a death. Then call receive() with
  /// Deadline::immediately() until it times out. Errors: EMFILE (fs.inotify.max_user_instances), ENOSPC, ECHILD.
  [[nodiscard]] Result<int> pollable() { return reader_.pollable(); }

 private:
  explicit Subscriber(detail::TopicReader reader) noexcept : reader_{std::move(reader)} {}
  [[nodiscard]] static bool fits(const detail::Record& record) noexcept {
    if constexpr (std::is_same_v<T, AnyBytes>)
      return true;
    else if constexpr (std::is_unbounded_array_v<T>)
      return record.length % sizeof(std::remove_extent_t<T>) == 0;
    else
      return record.length == sizeof(T);
  }
  [[nodiscard]] Result<Received> sample_of(const detail::Record& record) const {
    if (fits(record)) [[likely]]
      return Received{Sample<T>{record}};
    return std::unexpected{reader_.wrong_size()};
  }
  detail::TopicReader reader_;
};

/// Removes a topic that nobody uses, with what the dead have left in it; NotFound where there is none. Errors: EBUSY (writers or
/// readers are there: tells how many), EPERM, EINVAL.
[[nodiscard]] Result<Outcome<Done, NotFound>> remove_topic(const std::string& name, const std::string& home = {});

}  // namespace ginnel
