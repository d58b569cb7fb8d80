#include <unistd.h>

#include <memory>
#include <string>

#include "ginnel/msg.hpp"
#include "groups.hpp"

namespace ginnel::bench {
namespace {

const std::string socket_path = "@ginnel-bench." + std::to_string(::getpid());

[[noreturn]] void other_side_has_gone() {
  std::fprintf(stderr, "messaging: the other side has gone\n");
  std::_Exit(2);
}

template <class T>
std::shared_ptr<Channel<T>> connected(const ChannelOptions& options) {
  while (true) {
    auto channel = Channel<T>::connect(socket_path, options);
    if (channel) return std::make_shared<Channel<T>>(std::move(*channel));
    ::sched_yield();  // the listener is not there yet
  }
}

template <class T>
std::shared_ptr<Channel<T>> accepted(const ChannelOptions& options) {
  auto listener =
      must(ChannelListener<T>::listen(socket_path, {.capacity = options.capacity, .waiting = options.waiting}));
  auto accepted = must(listener.accept());
  return std::make_shared<Channel<T>>(std::move(accepted.template as<Channel<T>>()));
}

template <class T>
void take(Channel<T>& from, T& into) {
  auto got = from.receive();
  if (!got || !got->template is<Incoming<T>>()) other_side_has_gone();
  into = *got->template as<Incoming<T>>();
  use(into);
}

/// Copied in and out.
template <std::size_t Size>
Figure round_trip(std::string what, Unit unit, Waiting waiting, std::uint32_t times) {
  using T = Payload<Size>;
  const ChannelOptions options{.capacity = Bytes::mib(1), .waiting = waiting};
  return {.what = std::move(what),
          .unit = unit,
          .times = times,
          .other = [=]() -> Act {
            return [channel = connected<T>(options), message = T{}](std::uint32_t rounds) mutable {
              for (std::uint32_t i = 0; i < rounds; ++i) {
                take(*channel, message);
                static_cast<void>(channel->send(message));
              }
            };
          },
          .own = [=]() -> Act {
            return [=, channel = accepted<T>(options), message = T{}](std::uint32_t rounds) mutable {
              for (std::uint32_t i = 0; i < rounds; ++i) {
                static_cast<void>(channel->send(message));
                take(*channel, message);
                if (unit == Unit::tail) note_round_trip();
              }
            };
          }};
}

/// In one direction, copied in and out.
template <std::size_t Size>
Figure one_way(std::string what, Waiting waiting, std::uint32_t times) {
  using T = Payload<Size>;
  const ChannelOptions options{.capacity = Bytes::mib(4), .waiting = waiting};
  return {.what = std::move(what),
          .unit = Unit::rate,
          .times = times,
          .other = [=]() -> Act {
            return [channel = connected<T>(options)](std::uint32_t messages) {
              const T message{};
              for (std::uint32_t i = 0; i < messages; ++i) static_cast<void>(channel->send(message));
            };
          },
          .own = [=]() -> Act {
            return [channel = accepted<T>(options)](std::uint32_t messages) {
              T message{};
              for (std::uint32_t i = 0; i < messages; ++i) take(*channel, message);
            };
          }};
}

/// Sequences, written and read in place.
struct Sequences {
  std::shared_ptr<Channel<std::byte[]>> channel;
  std::size_t size;
  std::uint64_t round = 0;

  void send() {
    auto loan = must(channel->loan(size));
    auto& room = loan.as<ChannelLoan<std::byte[]>>();
    write_all(room.elements(), ++round);
    std::move(room).send();
  }
  void take() {
    auto got = channel->receive();
    if (!got || !got->is<Incoming<std::byte[]>>()) other_side_has_gone();
    static_cast<void>(read_all(got->as<Incoming<std::byte[]>>().in_place()));
  }
};

Figure round_trip_in_place(std::string what, Unit unit, std::uint32_t times, std::size_t size, Bytes ring) {
  const ChannelOptions options{.capacity = ring, .waiting = Waiting::polling};
  return {.what = std::move(what),
          .unit = unit,
          .times = times,
          .other = [=]() -> Act {
            return [ends = Sequences{connected<std::byte[]>(options), size}](std::uint32_t rounds) mutable {
              for (std::uint32_t i = 0; i < rounds; ++i) {
                ends.take();
                ends.send();
              }
            };
          },
          .own = [=]() -> Act {
            return [ends = Sequences{accepted<std::byte[]>(options), size}](std::uint32_t rounds) mutable {
              for (std::uint32_t i = 0; i < rounds; ++i) {
                ends.send();
                ends.take();
              }
            };
          }};
}

Figure one_way_in_place(std::string what, std::uint32_t times, std::size_t size, Bytes ring) {
  const ChannelOptions options{.capacity = ring, .waiting = Waiting::polling};
  return {.what = std::move(what),
          .unit = Unit::rate,
          .times = times,
          .other = [=]() -> Act {
            return [ends = Sequences{connected<std::byte[]>(options), size}](std::uint32_t messages) mutable {
              for (std::uint32_t i = 0; i < messages; ++i) ends.send();
            };
          },
          .own = [=]() -> Act {
            return [ends = Sequences{accepted<std::byte[]>(options), size}](std::uint32_t messages) mutable {
              for (std::uint32_t i = 0; i < messages; ++i) ends.take();
            };
          }};
}

/// A call with 64 B each way.
Figure call(std::string what, Unit unit, Waiting waiting, std::uint32_t times) {
  using T = Payload<64>;
  return {
      .what = std::move(what),
      .unit = unit,
      .times = times,
      .other = [=]() -> Act {
        auto service = std::make_shared<Service<T, T>>(must(Service<T, T>::listen(socket_path, {.waiting = waiting})));
        // The client comes while the first window is served.
        return [service](std::uint32_t calls) {
          for (std::uint32_t served = 0; served < calls;) {
            auto next = must(service->next());
            auto* const request = next.template get_if<Request<T, T>>();
            if (request == nullptr) continue;
            static_cast<void>(request->answer(**request));
            ++served;
          }
        };
      },
      .own = [=]() -> Act {
        auto client = std::make_shared<std::unique_ptr<Client<T, T>>>();
        return [=](std::uint32_t calls) {
          if (!*client)
            *client = std::make_unique<Client<T, T>>(must(Client<T, T>::connect(socket_path, {.waiting = waiting})));
          T message{};
          for (std::uint32_t i = 0; i < calls; ++i) {
            auto called = must((*client)->call(message));
            message = *called.template as<Incoming<T>>();
            use(message);
          }
        };
      }};
}

}  // namespace

std::vector<Figure> channel_figures() {
  constexpr std::size_t kib = 1024;
  std::vector<Figure> all{
      round_trip<8>("channel, round trip, polling, 8 B", Unit::line, Waiting::polling, 200),
      round_trip<64>("channel, round trip, polling, 64 B", Unit::line, Waiting::polling, 200),
      round_trip<64>("channel, its tail", Unit::tail, Waiting::polling, 200),
      round_trip<64>("channel, round trip, adaptive, 64 B", Unit::line, Waiting::adaptive, 200),
      round_trip<64>("channel, round trip, sleeping, 64 B", Unit::futex, Waiting::sleeping, 24),
      round_trip_in_place("channel, round trip, 1 KiB in place", Unit::line, 100, kib, Bytes::mib(1)),
      round_trip_in_place("channel, round trip, 64 KiB in place", Unit::micros, 20, 64 * kib, Bytes::mib(4)),
      one_way<8>("channel, one way, polling, 8 B", Waiting::polling, 20'000),
      one_way<56>("channel, one way, polling, 56 B", Waiting::polling, 10'000),
      one_way<64>("channel, one way, polling, 64 B", Waiting::polling, 10'000),
      one_way<64>("channel, one way, adaptive, 64 B", Waiting::adaptive, 10'000),
      one_way_in_place("channel, one way, 1 KiB in place", 2'000, kib, Bytes::mib(4)),
      one_way_in_place("channel, one way, 64 KiB in place", 100, 64 * kib, Bytes::mib(4)),
      one_way_in_place("channel, one way, 1 MiB in place", 12, kib * kib, Bytes::mib(8)),
      call("service, call, polling, 64 B", Unit::line, Waiting::polling, 200),
      call("service, call, adaptive, 64 B", Unit::line, Waiting::adaptive, 200),
      call("service, call, sleeping, 64 B", Unit::futex, Waiting::sleeping, 24),
  };
  return all;
}

}  // namespace ginnel::bench
