#pragma once

#include <sys/syscall.h>

#include <span>

#include "crash/world.hpp"

// The operations of each world.

namespace ginnel::crash {

inline constexpr long futex_call = SYS_futex;

[[nodiscard]] std::span<const Operation> topic_operations();
[[nodiscard]] std::span<const Operation> latest_operations();
[[nodiscard]] std::span<const Operation> queue_operations();
[[nodiscard]] std::span<const Operation> slot_operations();
[[nodiscard]] std::span<const Operation> channel_operations();
[[nodiscard]] std::span<const Operation> service_operations();
[[nodiscard]] std::span<const Operation> lock_operations();
[[nodiscard]] std::span<const Operation> file_operations();

}  // namespace ginnel::crash
