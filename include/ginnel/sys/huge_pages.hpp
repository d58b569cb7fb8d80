#pragma once

#include <cstdint>

#include "ginnel/core/bytes.hpp"
#include "ginnel/core/result.hpp"

namespace ginnel {

enum class HugePages { none, mib2, gib1 };

/// 2M or 1G; 0 for none.
[[nodiscard]] constexpr Bytes page_size(HugePages size) noexcept {
  switch (size) {
    case HugePages::mib2:
      return Bytes::mib(2);
    case HugePages::gib1:
      return Bytes::gib(1);
    case HugePages::none:
      break;
  }
  return Bytes{0};
}

/// How many pages of that size are reserved by the administrator and neither used nor promised to anybody now.
/// Of the moment: another process may take them before the caller does. Any thread, and also in a child of fork(2).
/// Errors: ENOENT (this machine has no huge pages of that size). Source: /sys/kernel/mm/hugepages.
[[nodiscard]] Result<std::uint64_t> free_huge_pages(HugePages size);

}  // namespace ginnel
