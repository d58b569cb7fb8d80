#include "tour/shared_words.hpp"

#include <sched.h>

namespace ginnel::cli::tour {
namespace {

constexpr std::size_t cache_line = 64;
constexpr std::uint32_t turn_of_stop = 0;
constexpr std::uint32_t turn_of_partner = 1;

void take_turn(const WithLock& with_lock, FutexWord& turn, std::uint32_t mine, std::uint32_t next) {
  spin_until(turn, mine);
  with_lock([&] { turn.store(next, std::memory_order_release); });
}

}  // namespace

FutexWord& word_at(std::span<std::byte> memory, std::size_t number) noexcept {
  return *reinterpret_cast<FutexWord*>(memory.subspan(number * cache_line).data());
}

void spin_until(const FutexWord& word, std::uint32_t value) noexcept {
  constexpr int spins = 1000;
  while (true) {
    for (int i = 0; i < spins; ++i)
      if (word.load(std::memory_order_acquire) == value) return;
    ::sched_yield();
  }
}

void time_hand_overs(Visit& visit, const std::function<WithLock()>& open_lock) {
  const auto memory = must(ReadWriteMapping::anonymous(Bytes{4096}));
  FutexWord& turn = word_at(memory.bytes(), 0);
  Partner partner{visit, [&](Line&) {
                    const WithLock with_lock = open_lock();
                    while (true) take_turn(with_lock, turn, turn_of_partner, turn_of_stop);
                  }};
  const WithLock with_lock = open_lock();
  visit.time_round_trips([&] {
    take_turn(with_lock, turn, turn_of_stop, turn_of_partner);
    spin_until(turn, turn_of_stop);
  });
}

}  // namespace ginnel::cli::tour
