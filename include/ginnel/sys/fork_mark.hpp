#pragma once

#include "ginnel/core/result.hpp"
#include "ginnel/sys/mapping.hpp"

namespace ginnel {

/// Tells at the cost of one load whether this is still the process that made it, or a child that fork(2) made of it.
/// Thread-safe apart from moves. Source: madvise(2), MADV_WIPEONFORK.
class [[nodiscard]] ForkMark {
 public:
  /// Errors: ENOMEM, EINVAL (older than Linux 4.14).
  [[nodiscard]] static Result<ForkMark> create();
  ForkMark() noexcept = default;
  [[nodiscard]] bool same_process() const noexcept {
    return *static_cast<const volatile unsigned char*>(page_.address()) != 0;
  }

 private:
  explicit ForkMark(MappedRange page) noexcept : page_{std::move(page)} {}
  MappedRange page_;
};

}  // namespace ginnel
