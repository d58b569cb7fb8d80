#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "ginnel/sys/namespaces.hpp"
#include "limits_use.hpp"

namespace ginnel::inventory {

/// A limit that is a file below /proc/sys.
struct Setting {
  std::string_view name;  ///< with dots; after a blank, which number of the line it is: `kernel.sem SEMMNI`
  std::size_t place = 0;  ///< of the number in the line
  LimitScope scope = LimitScope::kernel;
  std::optional<NamespaceKind> space{};  ///< each namespace of this kind has its own
  std::string_view unit;
  std::string_view at_limit;
  Use (*use)(const Viewpoint&) = nullptr;  ///< none: it bounds each object or call by itself
  std::string_view used_file{};            ///< the kernel's own count: the first number of this file below /proc/sys
  bool zero_is_none = false;               ///< 0 switches the limit off
  std::string_view raise{};                ///< where it is not `sysctl -w NAME=N`
};

[[nodiscard]] std::span<const Setting> settings() noexcept;

/// The limits of settings(), each read in the namespace of the process.
[[nodiscard]] std::vector<Limit> setting_limits(const Viewpoint& here);

}  // namespace ginnel::inventory
