#pragma once

#include <cstddef>
#include <span>

#include "ginnel/msg/detail/ring.hpp"
#include "ginnel/msg/message.hpp"

namespace ginnel {

/// A message where it lies: until the next call of the handle that it came from.
template <class T>
class [[nodiscard]] Sample {
 public:
  explicit Sample(const detail::Record& record) noexcept : message_{reinterpret_cast<const T*>(record.payload)} {}
  [[nodiscard]] const T& operator*() const noexcept { return *message_; }
  [[nodiscard]] const T* operator->() const noexcept { return message_; }

 private:
  const T* message_;
};

template <>
class [[nodiscard]] Sample<AnyBytes> {
 public:
  explicit Sample(const detail::Record& record) noexcept : bytes_{record.payload, record.length} {}
  [[nodiscard]] std::span<const std::byte> operator*() const noexcept { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

template <class T>
class [[nodiscard]] Sample<T[]> {
 public:
  explicit Sample(const detail::Record& record) noexcept
      : elements_{reinterpret_cast<const T*>(record.payload), record.length / sizeof(T)} {}
  [[nodiscard]] std::span<const T> operator*() const noexcept { return elements_; }

 private:
  std::span<const T> elements_;
};

/// All writers have ended, and what they published has been read. Another may come.
struct WriterGone {
  bool died = false;  ///< the last one to go did so without a goodbye
};

}  // namespace ginnel
