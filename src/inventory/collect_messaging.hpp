#pragma once

#include "messaging_objects.hpp"

// The kinds of ginnel's own messaging, each in a file of its own. First all note their files; only then it is found out who has them.

namespace ginnel::inventory {

/// The words of a bell that members sleep on: docs/FORMAT.md.
inline constexpr std::uint64_t bell_sleeping_at = 68;
inline constexpr std::uint64_t bell_room_at = 132;
/// And those of a queue's file.
inline constexpr std::uint64_t queue_messages_at = 192;
inline constexpr std::uint64_t queue_room_at = 256;

template <class Page>
[[nodiscard]] Fact<Keeper> keeper_of(const Fact<Page>& page) {
  return page ? Fact<Keeper>{page->keeper} : Fact<Keeper>::missing(page.reason());
}

void note_topics(Scene& scene);
void note_latests(Scene& scene);
void note_queues(Scene& scene);

void collect_topics(Scene& scene, const Possessions& possessions);
void collect_latests(Scene& scene, const Possessions& possessions);
void collect_own_queues(Scene& scene, const Possessions& possessions);

/// What one of its members waits for who sleeps on a word of the bell.
[[nodiscard]] Wait wait_on_topic(const Object& topic, pid_t pid, std::uint64_t offset);

}  // namespace ginnel::inventory
