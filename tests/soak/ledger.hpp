#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

#include "support/random.hpp"

// What the processes of a soak know together, in memory that they inherit. Whatever contradicts it is counted and told at once.

namespace ginnel::soak {

inline constexpr std::size_t pushers = 8;
inline constexpr std::size_t workers = 8;
inline constexpr std::size_t writers = 4;
inline constexpr std::size_t reliable_readers = 8;
inline constexpr std::size_t lossy_readers = 4;

/// What has happened to a number that a pusher has pushed.
enum Event : std::uint8_t {
  pushed = 1,     ///< the push has returned: from here on it must not be lost
  delivered = 2,  ///< for the first time
  worked = 4,
  acknowledged = 8,  ///< the acknowledgement has returned: from here on it must not be delivered
};
inline constexpr std::uint64_t numbers_of_pusher = std::uint64_t{1} << 22U;

struct Ledger {
  std::atomic<bool> is_ending;
  std::atomic<std::uint64_t> contradictions;
  std::atomic<std::uint64_t> deliveries;
  std::atomic<std::uint64_t> redeliveries;
  std::atomic<std::uint64_t> receptions;
  std::array<std::atomic<std::uint64_t>, pushers> next_number;
  std::array<std::array<std::atomic<std::uint8_t>, numbers_of_pusher>, pushers> events;

  void contradict(const std::string& what) {
    if (contradictions.fetch_add(1) < 20) std::fprintf(stderr, "contradiction: %s\n", what.c_str());
  }
};

using test::Random;

/// Of the words of a payload, so that a torn or mixed one shows.
template <class Words>
[[nodiscard]] std::uint64_t checksum(const Words& words, std::uint64_t seed) noexcept {
  std::uint64_t sum = seed;
  for (const std::uint64_t word : words) sum = (sum ^ word) * 0x100000001b3U;
  return sum;
}

// The parts that a process can play; each goes on until the soak is ending, or until it is killed.
void push_jobs(Ledger& ledger, std::size_t pusher, Random random);
void work_at_jobs(Ledger& ledger, Random random);
void publish_messages(Ledger& ledger, std::uint32_t writer, Random random);
void read_messages(Ledger& ledger, bool reliable, Random random);

/// After all have ended: works at what is left, and tells what was lost.
void settle_jobs(Ledger& ledger);
void settle_messages(Ledger& ledger);

}  // namespace ginnel::soak
