#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "ginnel/sys/futex.hpp"
#include "ginnel/sys/mapping.hpp"
#include "tour/visit.hpp"

// Words in memory that both processes of a stop see.

namespace ginnel::cli::tour {

/// A word of its own cache line.
[[nodiscard]] FutexWord& word_at(std::span<std::byte> memory, std::size_t number) noexcept;

/// Without a system call for as long as there is a second processor to wait for.
void spin_until(const FutexWord& word, std::uint32_t value) noexcept;

/// Runs `inside` with the lock held; one for each process.
using WithLock = std::function<void(const std::function<void()>& inside)>;

/// Times a change under the lock that the other process answers with one of its own. Each waits for its turn without the lock:
/// asking for it again and again would keep it from the other.
void time_hand_overs(Visit& visit, const std::function<WithLock()>& open_lock);

}  // namespace ginnel::cli::tour
