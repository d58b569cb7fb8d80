#pragma once

#include "scene.hpp"

namespace ginnel::inventory {

/// Adds the futex that a thread sleeps on, and the thread that owns the mutex of which it is the word, where that can be told.
void add_wait_on_futex(Scene& scene, const BlockedThread& blocked, const FutexWord& word);

/// The owner that the two words of a mutex of glibc name, or that of a mutex that inherits priority or is robust: the
/// number of a thread as its own pid namespace has it; none where it is no mutex, or is free.
[[nodiscard]] std::optional<pid_t> owner_of(std::uint32_t word, std::int32_t word_8_after, bool priority_inheriting);

}  // namespace ginnel::inventory
