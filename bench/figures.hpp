#pragma once

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "ginnel/sys/futex.hpp"
#include "ginnel/sys/mapping.hpp"

// Figures beside the limits of the machine: a bare cache line and a bare futex, bounced between the same two processors.
//
// Every figure is taken between two measurements of the limit. Where these disagree the processors were moved or disturbed: the
// figure is thrown away. What is printed is the median of what remains, as a ratio, and how many rounds that were.

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
  const pid_t child = ::fork();
  if (child == 0) {
    pin_to(1);
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
  alignas(128) std::atomic<std::uint32_t> ready;
  alignas(128) std::atomic<std::uint64_t> taken_ns;  ///< of a child that measures
};
inline Lines& shared_lines() {
  static const ReadWriteMapping memory = must(ReadWriteMapping::anonymous(Bytes{4096}));
  return *reinterpret_cast<Lines*>(memory.bytes().data());
}

inline void wait_until_ready() {
  while (shared_lines().ready.load() == 0) ::sched_yield();
  shared_lines().ready.store(0);
}
inline void say_ready() { shared_lines().ready.store(1); }

/// Round trip of two processes that store into a line each and wait for the other's, in nanoseconds.
inline double bare(std::uint32_t rounds, void (*wait)(FutexWord&, std::uint32_t), void (*wake)(FutexWord&)) {
  Lines& lines = shared_lines();
  lines.there.store(0);
  lines.back.store(0);
  double taken = 0;
  side_by_side(
      [&] {
        for (std::uint32_t i = 1; i <= rounds; ++i) {
          wait(lines.there, i);
          lines.back.store(i, std::memory_order_release);
          wake(lines.back);
        }
      },
      [&] {
        const auto once = [&](std::uint32_t i) {
          lines.there.store(i, std::memory_order_release);
          wake(lines.there);
          wait(lines.back, i);
        };
        once(1);
        taken = nanoseconds_of([&] {
          for (std::uint32_t i = 2; i <= rounds; ++i) once(i);
        });
      });
  return taken / rounds;
}
/// The limit L.
inline double cache_line() {
  return bare(
      20'000,
      [](FutexWord& word, std::uint32_t value) {
        while (word.load(std::memory_order_acquire) != value) {
        }
      },
      [](FutexWord&) {});
}
inline double bare_futex() {
  return bare(
      3'000,
      [](FutexWord& word, std::uint32_t value) {
        while (word.load(std::memory_order_acquire) != value) static_cast<void>(futex_wait(word, value - 1));
      },
      [](FutexWord& word) { static_cast<void>(futex_wake(word, 1)); });
}

template <std::size_t Size>
struct Payload {
  std::array<std::byte, Size> bytes;
};

inline double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[values.size() / 2];
}

struct Figure {
  const char* what;
  const char* unit;  ///< `L`, `futex`: measured in ns, told as a ratio; others as they are
  std::function<double()> measure;
  std::vector<double> values{};
};

/// Near processors and an undisturbed round: what the figures are for.
inline bool agree(double before, double after) { return std::max(before, after) <= 1.3 * std::min(before, after); }

/// Measures each figure in each round, and prints them.
inline void report(std::vector<Figure> figures, int rounds) {
  std::vector<double> limits;
  for (int round = 0; round < rounds; ++round)
    for (Figure& figure : figures) {
      const bool asleep = figure.unit == std::string{"futex"};
      const auto limit = [&] { return asleep ? bare_futex() : cache_line(); };
      const double before = limit();
      const double value = figure.measure();
      const double after = limit();
      if (!agree(before, after)) continue;
      if (!asleep) limits.push_back(before);
      const bool is_ratio = asleep || figure.unit == std::string{"L"};
      figure.values.push_back(is_ratio ? value / ((before + after) / 2) : value);
    }
  std::printf("L, round trip of a bare cache line: median %.0f ns\n", median(limits));
  for (const Figure& figure : figures)
    std::printf("%-48s %8.2f %-6s (%zu of %d rounds)\n", figure.what, median(figure.values), figure.unit,
                figure.values.size(), rounds);
}

}  // namespace ginnel::bench
