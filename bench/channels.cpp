// Channel and Service beside the limits of the machine: a bare cache line and a bare futex, bounced between the same two processors.
//
//   build/release/bench/channels [ROUNDS]
//
// Every figure is taken between two measurements of the limit. Where these disagree the processors were moved or disturbed: the
// figure is thrown away. What is printed is the median of what remains, as a ratio, and how many rounds that were.

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
  std::fprintf(stderr, "channels: %s\n", result.error().message().c_str());
  std::_Exit(2);
}

void pin_to(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  if (::sched_setaffinity(0, sizeof set, &set) < 0) std::perror("channels: sched_setaffinity");
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
  alignas(128) std::atomic<std::uint64_t> taken_ns;
};
Lines& shared_lines() {
  static const ReadWriteMapping memory = must(ReadWriteMapping::anonymous(Bytes{4096}));
  return *reinterpret_cast<Lines*>(memory.bytes().data());
}

/// Round trip of two processes that store into a line each and wait for the other's, in nanoseconds.
double bare(std::uint32_t rounds, void (*wait)(FutexWord&, std::uint32_t), void (*wake)(FutexWord&)) {
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
double cache_line() {
  return bare(
      20'000,
      [](FutexWord& word, std::uint32_t value) {
        while (word.load(std::memory_order_acquire) != value) {
        }
      },
      [](FutexWord&) {});
}
double bare_futex() {
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

std::string fresh_path() {
  static int number = 0;
  return "@ginnel-bench." + std::to_string(::getpid()) + "." + std::to_string(number++);
}

template <class T>
void take(Channel<T>& from, T& into) {
  auto got = from.receive();
  if (got && got->template is<Incoming<T>>()) {
    into = *got->template as<Incoming<T>>();
    return;
  }
  std::fprintf(stderr, "channels: the other side has gone\n");
  std::_Exit(2);
}

/// With a channel to a child that does `other` with its end.
template <class T>
double with_channel(Waiting waiting, Bytes capacity, const std::function<void(Channel<T>&)>& other,
                    const std::function<double(Channel<T>&)>& own) {
  const std::string path = fresh_path();
  auto listener = must(ChannelListener<T>::listen(path, {.capacity = capacity, .waiting = waiting}));
  double figure = 0;
  side_by_side(
      [&] {
        auto channel = must(Channel<T>::connect(path, {.capacity = capacity, .waiting = waiting}));
        other(channel);
      },
      [&] {
        auto accepted = must(listener.accept());
        figure = own(accepted.template as<Channel<T>>());
      });
  return figure;
}

/// Round trip of a message that is copied in and out, in nanoseconds.
template <std::size_t Size>
double round_trip(Waiting waiting, int rounds) {
  using Message = Payload<Size>;
  return with_channel<Message>(
      waiting, Bytes::kib(256),
      [&](Channel<Message>& channel) {
        Message message{};
        for (int i = 0; i < rounds; ++i) {
          take(channel, message);
          static_cast<void>(channel.send(message));
        }
      },
      [&](Channel<Message>& channel) {
        Message message{};
        const auto some = [&](int count) {
          for (int i = 0; i < count; ++i) {
            static_cast<void>(channel.send(message));
            take(channel, message);
          }
        };
        some(rounds / 10);
        return nanoseconds_of([&] { some(rounds - rounds / 10); }) / (rounds - rounds / 10);
      });
}

/// Messages a second in one direction, copied in and out.
template <std::size_t Size>
double one_way(Waiting waiting, std::uint64_t messages) {
  using Message = Payload<Size>;
  return with_channel<Message>(
      waiting, Bytes::mib(4),
      [&](Channel<Message>& channel) {
        Message message{};
        for (std::uint64_t i = 0; i < messages; ++i) static_cast<void>(channel.send(message));
      },
      [&](Channel<Message>& channel) {
        Message message{};
        take(channel, message);
        const double taken = nanoseconds_of([&] {
          for (std::uint64_t i = 1; i < messages; ++i) {
            take(channel, message);
            asm volatile("" : : "r"(&message) : "memory");
          }
        });
        return static_cast<double>(messages) * 1e3 / taken;  // millions a second
      });
}

/// Round trip of a call with 64 B each way.
double call(Waiting waiting, int calls) {
  using Message = Payload<64>;
  const std::string path = fresh_path();
  auto service = must(Service<Message, Message>::listen(path, {.waiting = waiting}));
  side_by_side(
      [&] {
        auto client = must(Client<Message, Message>::connect(path, {.waiting = waiting}));
        Message message{};
        const auto some = [&](int count) {
          for (int i = 0; i < count; ++i) {
            auto called = must(client.call(message));
            message = *called.template as<Incoming<Message>>();
          }
        };
        some(calls / 10);
        shared_lines().taken_ns.store(
            static_cast<std::uint64_t>(nanoseconds_of([&] { some(calls - calls / 10); }) / (calls - calls / 10)));
      },
      [&] {
        for (int served = 0; served < calls;) {
          auto next = must(service.next());
          auto* const request = next.template get_if<Request<Message, Message>>();
          if (request == nullptr) continue;
          static_cast<void>(request->answer(**request));
          ++served;
        }
      });
  return static_cast<double>(shared_lines().taken_ns.load());
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[values.size() / 2];
}

struct Figure {
  const char* what;
  const char* unit;  ///< `L`, `futex`, `M/s`
  std::function<double()> measure;
  std::vector<double> values{};
};

bool agree(double before, double after) { return std::max(before, after) <= 1.3 * std::min(before, after); }

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 15;
  std::vector<Figure> figures{
      {"channel, round trip, polling, 8 B", "L", [] { return round_trip<8>(Waiting::polling, 20'000); }},
      {"channel, round trip, polling, 64 B", "L", [] { return round_trip<64>(Waiting::polling, 20'000); }},
      {"channel, round trip, polling, 1 KiB", "L", [] { return round_trip<1024>(Waiting::polling, 10'000); }},
      {"channel, round trip, adaptive, 64 B", "L", [] { return round_trip<64>(Waiting::adaptive, 20'000); }},
      {"channel, round trip, sleeping, 64 B", "futex", [] { return round_trip<64>(Waiting::sleeping, 3'000); }},
      {"service, call, polling, 64 B", "L", [] { return call(Waiting::polling, 20'000); }},
      {"service, call, adaptive, 64 B", "L", [] { return call(Waiting::adaptive, 20'000); }},
      {"service, call, sleeping, 64 B", "futex", [] { return call(Waiting::sleeping, 3'000); }},
      {"channel, one way, polling, 8 B", "M/s", [] { return one_way<8>(Waiting::polling, 3'000'000); }},
      {"channel, one way, polling, 64 B", "M/s", [] { return one_way<64>(Waiting::polling, 2'000'000); }},
      {"channel, one way, adaptive, 64 B", "M/s", [] { return one_way<64>(Waiting::adaptive, 2'000'000); }},
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
  return 0;
}
