#pragma once

#include <concepts>
#include <type_traits>
#include <utility>
#include <variant>

namespace ginnel {

/// The deadline passed first. With `Deadline::immediately()` it means that the call would have blocked.
struct TimedOut {};

/// Every writer has closed its end and all that was sent has been read.
struct EndOfStream {};

/// The other side is gone (closed or dead): what is sent now reaches nobody.
struct PeerGone {};

/// What was to be removed or taken is not there.
struct NotFound {};

/// The wait or the transfer did what it was asked to do.
struct Done {};

/// What normally happens to an operation: exactly one of `Ts`, each of which the caller has to look at.
///
///     auto got = read_some(fd, buffer, Deadline::after(50ms));
///     if (!got) return std::unexpected{got.error()};
///     if (auto* read = got->get_if<BytesRead>()) use(buffer.first(read->count));
///     else if (got->is<EndOfStream>()) ...
template <class... Ts>
class [[nodiscard]] Outcome {
 public:
  template <class T>
    requires(std::same_as<std::remove_cvref_t<T>, Ts> || ...)
  Outcome(T&& value) : value_{std::forward<T>(value)} {}  // NOLINT(google-explicit-constructor): a value IS an outcome

  template <class T>
  [[nodiscard]] bool is() const noexcept {
    return std::holds_alternative<T>(value_);
  }
  template <class T>
  [[nodiscard]] T* get_if() noexcept {
    return std::get_if<T>(&value_);
  }
  template <class T>
  [[nodiscard]] const T* get_if() const noexcept {
    return std::get_if<T>(&value_);
  }
  /// The alternative `T`, which the caller has established to be there; std::bad_variant_access otherwise.
  template <class T>
  [[nodiscard]] T& as() & {
    return std::get<T>(value_);
  }
  template <class T>
  [[nodiscard]] const T& as() const& {
    return std::get<T>(value_);
  }
  template <class T>
  [[nodiscard]] T as() && {
    return std::get<T>(std::move(value_));
  }
  [[nodiscard]] std::variant<Ts...>& variant() noexcept { return value_; }
  [[nodiscard]] const std::variant<Ts...>& variant() const noexcept { return value_; }

 private:
  std::variant<Ts...> value_;
};

}  // namespace ginnel
