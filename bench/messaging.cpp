// Topic beside the limits of the machine: a bare cache line and a bare futex, bounced between the same two processors.
//
//   build/release/bench/messaging [ROUNDS]
//
// Every figure is taken between two measurements of the limit. Where these disagree the processors were moved or disturbed: the
// figure is thrown away. What is printed is the median of what remains, as a ratio, and how many rounds that were.

#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "ginnel/msg.hpp"
#include "ginnel/sys/futex.hpp"
#include "ginnel/sys/mapping.hpp"

namespace {

using namespace ginnel;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

template <class T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "messaging: %s\n", result.error().message().c_str());
  std::_Exit(2);
}

void pin_to(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  if (::sched_setaffinity(0, sizeof set, &set) < 0) std::perror("messaging: sched_setaffinity");
}

/// Runs `other` in a child on the second processor and `own` here on the first.
void side_by_side(const std::function<void()>& other, const std::function<void()>& own) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    pin_to(1);
    other();
    std::_Exit(0);
  }
  pin_to(0);
  own();
  int status = 0;
  ::waitpid(child, &status, 0);
}

double nanoseconds_of(const std::function<void()>& action) {
  const auto start = Clock::now();
  action();
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

struct Lines {
  alignas(128) std::atomic<std::uint32_t> there;
  alignas(128) std::atomic<std::uint32_t> back;
  alignas(128) std::atomic<std::uint32_t> ready;
};
Lines& shared_lines() {
  static const ReadWriteMapping memory = must(ReadWriteMapping::anonymous(Bytes{4096}));
  return *reinterpret_cast<Lines*>(memory.bytes().data());
}
void wait_until_ready() {
  while (shared_lines().ready.load() == 0) ::sched_yield();
  shared_lines().ready.store(0);
}
void say_ready() { shared_lines().ready.store(1); }

/// Round trip of one cache line, in nanoseconds: the limit L.
double cache_line(std::uint32_t rounds = 20'000) {
  Lines& lines = shared_lines();
  lines.there.store(0);
  lines.back.store(0);
  double taken = 0;
  side_by_side(
      [&] {
        say_ready();
        for (std::uint32_t i = 1; i <= rounds; ++i) {
          while (lines.there.load(std::memory_order_acquire) != i) {
          }
          lines.back.store(i, std::memory_order_release);
        }
      },
      [&] {
        wait_until_ready();
        taken = nanoseconds_of([&] {
          for (std::uint32_t i = 1; i <= rounds; ++i) {
            lines.there.store(i, std::memory_order_release);
            while (lines.back.load(std::memory_order_acquire) != i) {
            }
          }
        });
      });
  return taken / rounds;
}

void futex_wait_for(FutexWord& word, std::uint32_t value) {
  while (word.load(std::memory_order_acquire) != value) static_cast<void>(futex_wait(word, value - 1));
}
/// Round trip of two processes that sleep on futexes.
double bare_futex(std::uint32_t rounds = 3'000) {
  Lines& lines = shared_lines();
  lines.there.store(0);
  lines.back.store(0);
  double taken = 0;
  side_by_side(
      [&] {
        say_ready();
        for (std::uint32_t i = 1; i <= rounds; ++i) {
          futex_wait_for(lines.there, i);
          lines.back.store(i, std::memory_order_release);
          static_cast<void>(futex_wake(lines.back, 1));
        }
      },
      [&] {
        wait_until_ready();
        taken = nanoseconds_of([&] {
          for (std::uint32_t i = 1; i <= rounds; ++i) {
            lines.there.store(i, std::memory_order_release);
            static_cast<void>(futex_wake(lines.there, 1));
            futex_wait_for(lines.back, i);
          }
        });
      });
  return taken / rounds;
}

template <std::size_t Size>
struct Payload {
  std::array<std::byte, Size> bytes;
};

std::string fresh_name() {
  static int number = 0;
  return "bench." + std::to_string(::getpid()) + "." + std::to_string(number++);
}

template <class T>
void take(Subscriber<T>& from, T& into) {
  auto got = from.receive();
  if (got && got->template is<Sample<T>>()) {
    into = *got->template as<Sample<T>>();
    return;
  }
  std::fprintf(stderr, "messaging: the other side has gone\n");
  std::_Exit(2);
}

/// Round trip of a message that is copied in and out, in nanoseconds.
template <std::size_t Size>
double round_trip(Waiting waiting, int rounds) {
  using Message = Payload<Size>;
  const std::string there = fresh_name();
  const std::string back = fresh_name();
  const SubscriberOptions options{.waiting = waiting};
  double taken = 0;
  side_by_side(
      [&] {
        auto in = must(Subscriber<Message>::open(there, options));
        auto out = must(Publisher<Message>::create(back));
        Message message{};
        say_ready();
        for (int i = 0; i < rounds; ++i) {
          take(in, message);
          static_cast<void>(out.publish(message));
        }
        take(in, message);
      },
      [&] {
        auto in = must(Subscriber<Message>::open(back, options));
        auto out = must(Publisher<Message>::create(there));
        Message message{};
        wait_until_ready();
        static_cast<void>(out.wait_for_reader());
        const auto once = [&] {
          static_cast<void>(out.publish(message));
          take(in, message);
        };
        for (int i = 0; i < rounds / 10; ++i) once();
        taken = nanoseconds_of([&] {
                  for (int i = rounds / 10; i < rounds; ++i) once();
                }) /
                (rounds - rounds / 10);
        static_cast<void>(out.publish(message));
      });
  static_cast<void>(remove_topic(there));
  static_cast<void>(remove_topic(back));
  return taken;
}

/// Round trip of 1 MiB that is loaned and left untouched.
double loaned_round_trip(int rounds) {
  const std::string there = fresh_name();
  const std::string back = fresh_name();
  constexpr std::size_t size = std::size_t{1} << 20U;
  const auto pass_on = [&](Publisher<std::byte[]>& out) {
    auto loan = must(out.loan(size));
    std::move(loan.as<Loan<std::byte[]>>()).publish();
  };
  const SubscriberOptions options{.waiting = Waiting::polling};
  const PublisherOptions ring{.capacity = Bytes::mib(16)};
  double taken = 0;
  side_by_side(
      [&] {
        auto in = must(Subscriber<std::byte[]>::open(there, options));
        auto out = must(Publisher<std::byte[]>::create(back, ring));
        say_ready();
        for (int i = 0; i < rounds; ++i) {
          static_cast<void>(in.receive());
          pass_on(out);
        }
        static_cast<void>(in.receive());
      },
      [&] {
        auto in = must(Subscriber<std::byte[]>::open(back, options));
        auto out = must(Publisher<std::byte[]>::create(there, ring));
        wait_until_ready();
        static_cast<void>(out.wait_for_reader());
        taken = nanoseconds_of([&] {
                  for (int i = 0; i < rounds; ++i) {
                    pass_on(out);
                    static_cast<void>(in.receive());
                  }
                }) /
                rounds;
        pass_on(out);
      });
  static_cast<void>(remove_topic(there));
  static_cast<void>(remove_topic(back));
  return taken;
}

/// Messages a second in one direction, copied in and out.
template <std::size_t Size>
double one_way(Waiting waiting, std::uint64_t messages) {
  using Message = Payload<Size>;
  const std::string name = fresh_name();
  double taken = 0;
  side_by_side(
      [&] {
        auto out = must(Publisher<Message>::create(name, {.capacity = Bytes::mib(4)}));
        static_cast<void>(out.wait_for_reader());
        Message message{};
        for (std::uint64_t i = 0; i < messages; ++i) static_cast<void>(out.publish(message));
      },
      [&] {
        auto in = must(Subscriber<Message>::open(name, {.waiting = waiting}));
        Message message{};
        take(in, message);
        taken = nanoseconds_of([&] {
          for (std::uint64_t i = 1; i < messages; ++i) {
            take(in, message);
            asm volatile("" : : "r"(&message) : "memory");
          }
        });
      });
  static_cast<void>(remove_topic(name));
  return static_cast<double>(messages) * 1e3 / taken;  // millions a second
}

/// Nanoseconds that one publish takes, with so many readers attached that keep no pace and hold nobody.
double publish_with_readers(int readers) {
  const std::string name = fresh_name();
  using Message = Payload<64>;
  auto out = must(Publisher<Message>::create(name, {.capacity = Bytes::mib(4)}));
  std::vector<Subscriber<Message>> attached;
  for (int i = 0; i < readers; ++i) attached.push_back(must(Subscriber<Message>::open(name)));
  Message message{};
  const auto some = [&] {
    for (int i = 0; i < 50'000; ++i) static_cast<void>(out.publish(message));
  };
  double taken = 0;
  for (int i = 0; i < 10; ++i) {
    taken += nanoseconds_of(some);
    for (auto& reader : attached)
      while (must(reader.receive(Deadline::immediately())).template is<Sample<Message>>()) {
      }
  }
  attached.clear();
  return taken / 500'000;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[values.size() / 2];
}

struct Figure {
  const char* what;
  const char* unit;  ///< `L`, `futex`, `M/s`, `ns`
  std::function<double()> measure;
  std::vector<double> values{};
};

/// Near processors and an undisturbed round: what the figures are for.
bool agree(double before, double after) { return std::max(before, after) <= 1.3 * std::min(before, after); }

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 15;
  const std::string home = "/dev/shm/ginnel-bench-" + std::to_string(::getpid());
  if (::mkdir(home.c_str(), 0700) < 0 || ::setenv("GINNEL_HOME", home.c_str(), 1) < 0) return 2;

  std::vector<Figure> figures{
      {"round trip, polling, 8 B", "L", [] { return round_trip<8>(Waiting::polling, 20'000); }},
      {"round trip, polling, 64 B", "L", [] { return round_trip<64>(Waiting::polling, 20'000); }},
      {"round trip, polling, 1 KiB", "L", [] { return round_trip<1024>(Waiting::polling, 10'000); }},
      {"round trip, polling, 1 MiB loaned, untouched", "L", [] { return loaned_round_trip(10'000); }},
      {"round trip, adaptive, 64 B", "L", [] { return round_trip<64>(Waiting::adaptive, 20'000); }},
      {"round trip, sleeping, 64 B", "futex", [] { return round_trip<64>(Waiting::sleeping, 3'000); }},
      {"one way, polling, 8 B", "M/s", [] { return one_way<8>(Waiting::polling, 3'000'000); }},
      {"one way, polling, 56 B", "M/s", [] { return one_way<56>(Waiting::polling, 2'000'000); }},
      {"one way, polling, 64 B", "M/s", [] { return one_way<64>(Waiting::polling, 2'000'000); }},
      {"one way, adaptive, 64 B", "M/s", [] { return one_way<64>(Waiting::adaptive, 2'000'000); }},
      {"one way, polling, 1 KiB", "M/s", [] { return one_way<1024>(Waiting::polling, 300'000); }},
      {"one way, polling, 64 KiB", "M/s", [] { return one_way<65536>(Waiting::polling, 10'000); }},
      {"publish, 64 B, 1 reader", "ns", [] { return publish_with_readers(1); }},
      {"publish, 64 B, 100 readers", "ns", [] { return publish_with_readers(100); }},
  };
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
  std::filesystem::remove_all(home);
  return 0;
}
