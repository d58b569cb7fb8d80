#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include "ginnel/core/deadline.hpp"
#include "support/random.hpp"

// What the processes of a trial know together, in memory that they inherit.

namespace ginnel::hostile {

using test::Random;

struct Ledger {
  /// Later than this after its deadline nothing returns that does not hang: the machine may be busy beside.
  std::chrono::seconds margin;
  bool is_quiet;  ///< contradictions are looked for, and only counted
  std::atomic<bool> is_ending;
  std::atomic<std::uint64_t> contradictions;
  /// What the victim is at, a literal, and when it has to be back at the latest: ns of the monotonic clock, or 0.
  std::atomic<const char*> operation;
  std::atomic<std::int64_t> back_by_ns;

  std::atomic<std::uint64_t> links;       ///< that the hostile peer had with the victim
  std::atomic<std::uint64_t> writes;      ///< of the hostile peer
  std::atomic<std::uint64_t> operations;  ///< of the victim with it
  std::atomic<std::uint64_t> messages;    ///< that the victim took for some
  std::atomic<std::uint64_t> refusals;    ///< errors that it was told
  std::atomic<std::uint64_t> exchanges;   ///< of the victim with the honest peer
  std::atomic<std::int64_t> latest_ns;    ///< the longest that an operation was behind its deadline

  void contradict(const std::string& what) {
    if (contradictions.fetch_add(1) < 10 && !is_quiet) std::fprintf(stderr, "contradiction: %s\n", what.c_str());
  }
};

/// Calls what has to be back at its deadline. Whoever watches ends this process where it hangs.
template <class Call>
auto timely(Ledger& ledger, const char* operation, Deadline deadline, const Call& call) {
  using Clock = Deadline::Clock;
  using Nanoseconds = std::chrono::nanoseconds;
  const auto due = deadline.is_immediate() ? Clock::now() : deadline.moment();
  ledger.operation.store(operation);
  ledger.back_by_ns.store(Nanoseconds{due + ledger.margin - Clock::time_point{}}.count());
  auto result = call();
  const std::int64_t late = Nanoseconds{Clock::now() - due}.count();
  ledger.back_by_ns.store(0);
  if (late > ledger.latest_ns.load(std::memory_order_relaxed)) ledger.latest_ns.store(late, std::memory_order_relaxed);
  return result;
}

}  // namespace ginnel::hostile
