#pragma once

#include <string>

namespace ginnel {

/// How many descriptors this process may have at most, `1024`, or `unlimited`: the soft RLIMIT_NOFILE. Preserves errno.
/// Source: sysconf(3), _SC_OPEN_MAX.
[[nodiscard]] std::string descriptor_limit();

}  // namespace ginnel
