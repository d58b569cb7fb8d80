// Channel and Service beside the limits of the machine (figures.hpp).
//
//   build/release/bench/channels [ROUNDS]

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "figures.hpp"
#include "ginnel/msg.hpp"

namespace {

using namespace ginnel;
using namespace std::chrono_literals;
using namespace ginnel::bench;

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
  report(figures, rounds);
  return 0;
}
