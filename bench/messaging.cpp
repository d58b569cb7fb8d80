// Topic beside the limits of the machine (figures.hpp).
//
//   build/release/bench/messaging [ROUNDS]

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "figures.hpp"
#include "ginnel/msg.hpp"

namespace {

using namespace ginnel;
using namespace std::chrono_literals;
using namespace ginnel::bench;

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
  report(figures, rounds);
  std::filesystem::remove_all(home);
  return 0;
}
