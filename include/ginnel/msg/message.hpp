#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

// What may travel between processes as it lies in memory.

namespace ginnel {

namespace detail {

template <class T>
struct IsView : std::false_type {};
template <class T, std::size_t Extent>
struct IsView<std::span<T, Extent>> : std::true_type {};
template <class Char, class Traits>
struct IsView<std::basic_string_view<Char, Traits>> : std::true_type {};

/// An address means nothing in another process.
template <class T>
struct IsAddress : std::bool_constant<std::is_pointer_v<T> || std::is_member_pointer_v<T> ||
                                      std::is_null_pointer_v<T> || std::is_reference_v<T> || IsView<T>::value> {};
template <class T, std::size_t Size>
struct IsAddress<T[Size]> : IsAddress<T> {};
template <class T, std::size_t Size>
struct IsAddress<std::array<T, Size>> : IsAddress<T> {};

/// Stand for one scalar of a struct, however deep it lies: they initialise no struct and no array, so that the compiler goes into these.
struct AnyScalar {
  template <class T>
    requires(!std::is_aggregate_v<T>)
  operator T() const noexcept;  // NOLINT(google-explicit-constructor): that is what it is for
};
struct AnyAddress {
  template <class T>
    requires IsAddress<T>::value
  operator T() const noexcept;  // NOLINT(google-explicit-constructor): that is what it is for
};
inline constexpr std::size_t scalars_looked_at = 64;

/// Tries what the scalars of an aggregate, in their order, can be initialised by: a struct within it, an array, a base. Members of classes
/// that hide them are not found, nor what comes after the 64th.
template <class T, class... Before>
[[nodiscard]] consteval bool holds_address() noexcept {
  if constexpr (std::is_aggregate_v<T> && sizeof...(Before) < scalars_looked_at) {
    if constexpr (requires { T{Before{}..., AnyAddress{}}; })
      return true;
    else if constexpr (requires { T{Before{}..., AnyScalar{}}; })
      return holds_address<T, Before..., AnyScalar>();
  }
  return false;
}

/// `Pose`, `nav::Pose`: as the compiler writes it.
template <class T>
[[nodiscard]] consteval std::string_view written_name() noexcept {
  const std::string_view text = __PRETTY_FUNCTION__;  // … [with T = Pose; …] or … [T = Pose]
  const std::size_t begin = text.find("T = ") + 4;
  const std::size_t end = text.find_first_of(";]", begin);
  return text.substr(begin, end - begin);
}

template <class T>
concept TellsVersion = requires {
  { T::message_version } -> std::convertible_to<std::uint32_t>;
};

}  // namespace detail

/// What is copied between processes byte by byte: trivially copyable, and no pointer, reference or view.
template <class T>
concept Message = std::is_object_v<T> && std::is_trivially_copyable_v<T> && !detail::IsAddress<T>::value &&
                  !detail::holds_address<T>();

/// How a type is known to the other side. To give a type another name than the compiler writes, specialise this. A type that
/// has `static constexpr std::uint32_t message_version` is told apart from its other versions.
template <class T>
struct MessageTraits {
  static constexpr std::string_view name = detail::written_name<T>();
  static constexpr std::uint32_t version = [] {
    if constexpr (detail::TellsVersion<T>) return std::uint32_t{T::message_version};
    return std::uint32_t{0};
  }();
};
template <>
struct MessageTraits<std::byte> {
  static constexpr std::string_view name = "bytes";
  static constexpr std::uint32_t version = 0;
};

/// A type of messages as it is written down beside the data, and compared when somebody attaches.
struct MessageType {
  std::string name;
  std::uint32_t version = 0;
  std::uint32_t size = 0;       ///< bytes, of one element
  std::uint32_t alignment = 1;  ///< bytes
  bool sequence = false;        ///< any number of elements, as in Publisher<T[]>

  /// `Pose (24 bytes, version 2)`, `sequence of bytes`.
  [[nodiscard]] std::string to_string() const;
  bool operator==(const MessageType&) const = default;
};

/// In place of a type: whatever the writer's type is, as bytes. For tools that show or carry messages and do not read them.
struct AnyBytes;

/// Of `T`, or of sequences of `T` for `T[]`.
template <class T>
[[nodiscard]] MessageType message_type() {
  using Element = std::remove_extent_t<T>;
  static_assert(Message<Element>,
                "a message is copied between processes as it lies in memory: it must be trivially copyable and hold no "
                "pointer, reference or view");
  return {.name = std::string{MessageTraits<Element>::name},
          .version = MessageTraits<Element>::version,
          .size = sizeof(Element),
          .alignment = alignof(Element),
          .sequence = std::is_unbounded_array_v<T>};
}

/// No name: nothing is compared.
template <>
[[nodiscard]] inline MessageType message_type<AnyBytes>() {
  return {.name = {}, .version = 0, .size = 1, .alignment = 1, .sequence = true};
}

}  // namespace ginnel
