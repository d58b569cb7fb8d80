#pragma once

#include <cstdint>

namespace ginnel {

/// Bytes that the memory cgroups of this process leave it, without pushing anything out but files' pages; the largest number when there is
/// no limit, or none to be seen. Of both versions, and of all cgroups above. Takes no memory. Source: cgroups(7).
[[nodiscard]] std::uint64_t cgroup_memory_left() noexcept;

}  // namespace ginnel
