#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace ginnel::bench {

/// Writes every byte of a message, each time something else. The lines are asked for 1 KiB ahead: without that a store into what another processor
/// has read waits for its line, and all that follow wait for the store.
inline void write_all(std::span<std::byte> message, std::uint64_t round) noexcept {
  constexpr std::size_t word = sizeof round;
  constexpr std::size_t line = 64;
  constexpr std::size_t ahead = 1024;
  std::byte* const to = message.data();
  std::size_t i = 0;
  for (; i + line <= message.size(); i += line) {
#if defined(__x86_64__)
    asm volatile("prefetchw (%0)" : : "r"(to + i + ahead));
#endif
    for (std::size_t j = 0; j < line; j += word) std::memcpy(to + i + j, &round, word);
  }
  for (; i + word <= message.size(); i += word) std::memcpy(to + i, &round, word);
  asm volatile("" : : "r"(to) : "memory");
}

/// Reads every byte of a message.
inline std::uint64_t read_all(std::span<const std::byte> message) noexcept {
  constexpr std::size_t word = sizeof(std::uint64_t);
  constexpr std::size_t at_once = 8;
  const std::byte* const from = message.data();
  std::array<std::uint64_t, at_once> sums{};
  std::size_t i = 0;
  for (; i + at_once * word <= message.size(); i += at_once * word)
    for (std::size_t j = 0; j < at_once; ++j) {
      std::uint64_t value = 0;
      std::memcpy(&value, from + i + j * word, word);
      sums[j] += value;
    }
  for (; i + word <= message.size(); i += word) {
    std::uint64_t value = 0;
    std::memcpy(&value, from + i, word);
    sums[0] += value;
  }
  std::uint64_t sum = 0;
  for (const std::uint64_t part : sums) sum += part;
  asm volatile("" : : "r"(sum));
  return sum;
}

}  // namespace ginnel::bench
