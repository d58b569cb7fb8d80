#pragma once

#include <array>
#include <span>
#include <string_view>

#include "explain_looks.hpp"

namespace ginnel::inventory {

/// What one errno or signal of one call means. A call with several causes has several of them.
struct Meaning {
  std::string_view error;  ///< `ENOSPC`, `SIGBUS`
  std::string_view call;
  std::string_view meaning;
  std::array<std::string_view, 5> limits{};  ///< names as in Limit; the rest is empty
  std::string_view tell;
  std::string_view remedy;
  std::string_view source;
  Look look = nullptr;  ///< what else the snapshot shows of it
};

/// All that is known, errno after errno.
[[nodiscard]] std::span<const Meaning> meanings() noexcept;

}  // namespace ginnel::inventory
