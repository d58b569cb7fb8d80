#pragma once

#include <compare>
#include <optional>
#include <string_view>
#include <utility>

namespace ginnel::inventory {

/// What Linux told, or why it did not: never a 0 that means "unknown".
/// The reason is text that lives for ever (a literal), fit to be shown: `another user's process`, `needs CAP_SYS_ADMIN`.
template <class T>
class [[nodiscard]] Fact {
 public:
  Fact(T value) : value_{std::move(value)} {}  // NOLINT(google-explicit-constructor): a value IS a fact
  [[nodiscard]] static Fact missing(std::string_view reason) noexcept { return Fact{Reason{reason}}; }
  /// Nobody has looked yet.
  Fact() noexcept : Fact{Reason{"not looked at"}} {}

  [[nodiscard]] bool known() const noexcept { return value_.has_value(); }
  [[nodiscard]] explicit operator bool() const noexcept { return known(); }
  /// The value, which the caller has established to be there.
  [[nodiscard]] const T& operator*() const& { return value_.value(); }
  [[nodiscard]] T& operator*() & { return value_.value(); }
  [[nodiscard]] const T* operator->() const { return &value_.value(); }
  [[nodiscard]] T* operator->() { return &value_.value(); }
  [[nodiscard]] T value_or(T otherwise) const { return value_ ? *value_ : otherwise; }
  /// Why it is missing; empty when it is known.
  [[nodiscard]] std::string_view reason() const noexcept { return reason_; }

  [[nodiscard]] bool operator==(const Fact&) const = default;

 private:
  struct Reason {
    std::string_view text;
  };
  explicit Fact(Reason why) noexcept : reason_{why.text} {}
  std::optional<T> value_;
  std::string_view reason_;
};

}  // namespace ginnel::inventory
