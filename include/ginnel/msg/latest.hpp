#pragma once

#include <cassert>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "ginnel/msg/detail/latest_reader.hpp"
#include "ginnel/msg/detail/latest_writer.hpp"
#include "ginnel/msg/message.hpp"
#include "ginnel/msg/sample.hpp"

// A newest value: one process sets it, any number of others read what it is now, in place and whole. The writer never waits, and never
// writes over what somebody reads. The value outlives its writer, and the next one goes on from it.
//
// A handle is for one thread at a time, and for the process that made it: a child of fork(2) gets ECHILD and opens its own.
// Names and homes are those of topics: see topic.hpp.

namespace ginnel {

/// Room for the next value, to be written in place. Nobody sees it before set(); dropped, it was never there. One at a time.
template <class T>
class [[nodiscard]] LatestLoan {
  using Element = std::remove_extent_t<T>;

 public:
  LatestLoan(LatestLoan&& other) noexcept : writer_{std::exchange(other.writer_, nullptr)} {}
  LatestLoan& operator=(LatestLoan&&) = delete;
  ~LatestLoan() = default;

  [[nodiscard]] T& operator*() const noexcept
    requires(!std::is_unbounded_array_v<T>)
  {
    return *reinterpret_cast<T*>(writer_->value());
  }
  [[nodiscard]] T* operator->() const noexcept
    requires(!std::is_unbounded_array_v<T>)
  {
    return &**this;
  }
  /// As many as the longest value has.
  [[nodiscard]] std::span<Element> elements() const noexcept
    requires std::is_unbounded_array_v<T>
  {
    return {reinterpret_cast<Element*>(writer_->value()), writer_->longest() / sizeof(Element)};
  }
  void set() && noexcept
    requires(!std::is_unbounded_array_v<T>)
  {
    std::exchange(writer_, nullptr)->commit(sizeof(T));
  }
  /// The first `count` elements are the value.
  void set(std::size_t count) && noexcept
    requires std::is_unbounded_array_v<T>
  {
    assert(count <= elements().size());
    std::exchange(writer_, nullptr)->commit(count * sizeof(Element));
  }

 private:
  template <class>
  friend class LatestWriter;
  explicit LatestLoan(detail::LatestWriter& writer) noexcept : writer_{&writer} {}
  detail::LatestWriter* writer_;
};

/// The writer of a newest value of type T, or of sequences for T[].
template <class T>
class [[nodiscard]] LatestWriter {
  static constexpr bool is_sequence = std::is_unbounded_array_v<T>;
  using Element = std::remove_extent_t<T>;

 public:
  /// Errors: EBUSY (it has a writer), ENOSPC (no memory), EINVAL (name, options, alignment), EPERM (the home is not the caller's alone),
  /// EBADMSG (a foreign file has the name), EACCES.
  [[nodiscard]] static Result<LatestWriter> create(const std::string& name, LatestWriterOptions options = {}) {
    if constexpr (!is_sequence) options.value_size = Bytes{sizeof(T)};
    auto writer = detail::LatestWriter::create(name, message_type<T>(), options);
    if (!writer) return std::unexpected{std::move(writer.error())};
    return LatestWriter{std::move(*writer)};
  }

  /// Never waits. Errors: ECHILD (used in a child of fork(2)).
  [[nodiscard]] Result<void> set(const T& value)
    requires(!is_sequence)
  {
    if (auto prepared = writer_.prepare(sizeof(T)); !prepared) [[unlikely]]
      return prepared;
    std::memcpy(writer_.value(), &value, sizeof(T));
    writer_.commit(sizeof(T));
    return {};
  }
  /// Errors: as above, and EMSGSIZE (longer than largest(): tells both sizes).
  [[nodiscard]] Result<void> set(std::span<const Element> value)
    requires is_sequence
  {
    if (auto prepared = writer_.prepare(value.size_bytes()); !prepared) [[unlikely]]
      return prepared;
    if (!value.empty()) std::memcpy(writer_.value(), value.data(), value.size_bytes());
    writer_.commit(value.size_bytes());
    return {};
  }
  /// Errors: ECHILD.
  [[nodiscard]] Result<LatestLoan<T>> loan() {
    if (auto prepared = writer_.prepare(0); !prepared) return std::unexpected{std::move(prepared.error())};
    return LatestLoan<T>{writer_};
  }
  /// Elements in one value, at most.
  [[nodiscard]] std::size_t largest() const noexcept
    requires is_sequence
  {
    return writer_.longest() / sizeof(Element);
  }

 private:
  explicit LatestWriter(detail::LatestWriter writer) noexcept : writer_{std::move(writer)} {}
  detail::LatestWriter writer_;
};

/// A reader of a newest value. It may be opened before the writer is there.
template <class T>
class [[nodiscard]] LatestReader {
 public:
  using Newer = Outcome<Sample<T>, TimedOut, WriterGone>;

  /// Errors: EPROTOTYPE (the value has another type: shows both), EUSERS (all the readers that its writer made room for are there: tells
  /// how many), and as LatestWriter::create.
  [[nodiscard]] static Result<LatestReader> open(const std::string& name, const LatestReaderOptions& options = {}) {
    auto reader = detail::LatestReader::open(name, message_type<T>(), options);
    if (!reader) return std::unexpected{std::move(reader.error())};
    return LatestReader{std::move(*reader)};
  }

  /// The value now, where it lies: it stays the same until the next call of this handle. Also after its writer has gone.
  /// Errors: ECHILD, EBADMSG (the writer has damaged its file), EPROTOTYPE (a writer of another type has come), EUSERS.
  [[nodiscard]] Result<Outcome<Sample<T>, NothingYet>> get() {
    auto newest = reader_.newest();
    if (!newest) [[unlikely]]
      return std::unexpected{std::move(newest.error())};
    const auto* const record = newest->template get_if<detail::Record>();
    if (record == nullptr) return NothingYet{};
    if (!fits(*record)) [[unlikely]]
      return std::unexpected{wrong_size()};
    return Sample<T>{*record};
  }
  /// A value that is newer than the one that was got last; those between are skipped. WriterGone comes once for each writer, when nothing
  /// newer is there. Errors: as above.
  [[nodiscard]] Result<Newer> wait_for_newer(Deadline deadline = Deadline::never()) {
    auto waited = reader_.wait_for_newer(deadline);
    if (!waited) return std::unexpected{std::move(waited.error())};
    if (waited->template is<TimedOut>()) return Newer{TimedOut{}};
    if (const auto* gone = waited->template get_if<WriterGone>()) return Newer{*gone};
    const auto& record = waited->template as<detail::Record>();
    if (!fits(record)) return std::unexpected{wrong_size()};
    return Newer{Sample<T>{record}};
  }

  /// Of the value that was got last: how many were set up to it; 0 before the first.
  [[nodiscard]] std::uint64_t version() const noexcept { return reader_.version(); }
  /// A descriptor for epoll: readable (level-triggered) when there may be something newer, also a death. Then call wait_for_newer()
  /// with Deadline::immediately() until it times out. Errors: EMFILE (fs.inotify.max_user_instances), ENOSPC, ECHILD.
  [[nodiscard]] Result<int> pollable() { return reader_.pollable(); }

 private:
  explicit LatestReader(detail::LatestReader reader) noexcept : reader_{std::move(reader)} {}
  [[nodiscard]] static bool fits(const detail::Record& record) noexcept {
    if constexpr (std::is_same_v<T, AnyBytes>)
      return true;
    else if constexpr (std::is_unbounded_array_v<T>)
      return record.length % sizeof(std::remove_extent_t<T>) == 0;
    else
      return record.length == sizeof(T);
  }
  [[nodiscard]] static Error wrong_size() { return Error{EBADMSG, "get", {}, "a value has not the size of its type"}; }
  detail::LatestReader reader_;
};

/// Removes a value that nobody reads or writes; NotFound where there is none. Errors: EBUSY (tells who is there), EPERM, EINVAL.
[[nodiscard]] Result<Outcome<Done, NotFound>> remove_latest(const std::string& name, const std::string& home = {});

}  // namespace ginnel
