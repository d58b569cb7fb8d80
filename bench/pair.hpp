#pragma once

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "ginnel/sys/futex.hpp"
#include "ginnel/sys/mapping.hpp"

// Two processes on two processors, and the lines that they share.

namespace ginnel::bench {

using Clock = std::chrono::steady_clock;

template <class T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "bench: %s\n", result.error().message().c_str());
  std::_Exit(2);
}

inline void pin_to(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  if (::sched_setaffinity(0, sizeof set, &set) < 0) std::perror("bench: sched_setaffinity");
}

/// Runs `other` in a child on the second processor and `own` here on the first.
inline void side_by_side(const std::function<void()>& other, const std::function<void()>& own) {
  std::fflush(nullptr);
  pin_to(1);  // before the fork: a child that starts on a processor that spins waits for its turn
  const pid_t child = ::fork();
  if (child == 0) {
    other();
    std::fflush(nullptr);
    std::_Exit(0);
  }
  pin_to(0);
  own();
  int status = 0;
  ::waitpid(child, &status, 0);
}

inline double nanoseconds_of(const std::function<void()>& action) {
  const auto start = Clock::now();
  action();
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

struct Lines {
  alignas(128) std::atomic<std::uint32_t> there;
  alignas(128) std::atomic<std::uint32_t> back;
  alignas(128) std::atomic<std::uint32_t> ready;  ///< acts that have been made
  alignas(128) std::atomic<bool> over;            ///< there is no other window
  alignas(128) std::atomic<std::uint32_t> note;   ///< of a figure
};
inline Lines& shared_lines() {
  static const ReadWriteMapping memory = must(ReadWriteMapping::anonymous(Bytes{4096}));
  return *reinterpret_cast<Lines*>(memory.bytes().data());
}

}  // namespace ginnel::bench
