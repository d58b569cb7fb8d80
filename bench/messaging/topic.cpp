#include <memory>
#include <string>

#include "ginnel/msg.hpp"
#include "groups.hpp"

namespace ginnel::bench {
namespace {

const std::string there = "bench.there";
const std::string back = "bench.back";

void remove_both() {
  static_cast<void>(remove_topic(there));
  static_cast<void>(remove_topic(back));
}

[[noreturn]] void other_side_has_gone() {
  std::fprintf(stderr, "messaging: the other side has gone\n");
  std::_Exit(2);
}

template <class T>
auto next(Subscriber<T>& from) {
  auto got = from.receive();
  if (!got || !got->template is<Sample<T>>()) other_side_has_gone();
  return *got->template get_if<Sample<T>>();
}

/// A publisher of one topic and a subscriber of another.
template <class T>
struct Both {
  Publisher<T> out;
  Subscriber<T> in;
  T message{};

  void send() { static_cast<void>(out.publish(message)); }
  void take() {
    message = *next(in);
    use(message);
  }
};

template <class T>
std::shared_ptr<Both<T>> both(const std::string& to, const std::string& from, Waiting waiting) {
  return std::make_shared<Both<T>>(
      Both<T>{must(Publisher<T>::create(to)), must(Subscriber<T>::open(from, {.waiting = waiting}))});
}

/// Copied in and out.
template <std::size_t Size>
Figure round_trip(std::string what, Unit unit, Waiting waiting, std::uint32_t times) {
  using T = Payload<Size>;
  return {.what = std::move(what),
          .unit = unit,
          .times = times,
          .other = [=]() -> Act {
            return [ends = both<T>(back, there, waiting)](std::uint32_t rounds) {
              for (std::uint32_t i = 0; i < rounds; ++i) {
                ends->take();
                ends->send();
              }
            };
          },
          .own = [=]() -> Act {
            return [=, ends = both<T>(there, back, waiting)](std::uint32_t rounds) {
              for (std::uint32_t i = 0; i < rounds; ++i) {
                ends->send();
                ends->take();
                if (unit == Unit::tail) note_round_trip();
              }
            };
          },
          .clean_up = remove_both};
}

/// Sequences, written and read in place, or loaned and left untouched.
struct InPlace {
  Publisher<std::byte[]> out;
  Subscriber<std::byte[]> in;
  std::size_t size;
  bool touched;
  std::uint64_t round = 0;

  void send() {
    auto loan = must(out.loan(size));
    auto& room = loan.as<Loan<std::byte[]>>();
    if (touched) write_all(room.elements(), ++round);
    std::move(room).publish();
  }
  void take() {
    const auto message = *next(in);
    if (touched) static_cast<void>(read_all(message));
  }
};

std::shared_ptr<InPlace> in_place(const std::string& to, const std::string& from, std::size_t size, Bytes ring,
                                  bool touched) {
  return std::make_shared<InPlace>(
      InPlace{.out = must(Publisher<std::byte[]>::create(to, {.capacity = ring})),
              .in = must(Subscriber<std::byte[]>::open(from, {.waiting = Waiting::polling})),
              .size = size,
              .touched = touched});
}

Figure round_trip_in_place(std::string what, Unit unit, std::uint32_t times, std::size_t size, Bytes ring,
                           bool touched) {
  return {.what = std::move(what),
          .unit = unit,
          .times = times,
          .other = [=]() -> Act {
            return [ends = in_place(back, there, size, ring, touched)](std::uint32_t rounds) {
              for (std::uint32_t i = 0; i < rounds; ++i) {
                ends->take();
                ends->send();
              }
            };
          },
          .own = [=]() -> Act {
            return [ends = in_place(there, back, size, ring, touched)](std::uint32_t rounds) {
              for (std::uint32_t i = 0; i < rounds; ++i) {
                ends->send();
                ends->take();
              }
            };
          },
          .clean_up = remove_both};
}

/// In one direction, copied in and out.
template <std::size_t Size>
Figure one_way(std::string what, Waiting waiting, std::uint32_t times) {
  using T = Payload<Size>;
  return {.what = std::move(what),
          .unit = Unit::rate,
          .times = times,
          .other = []() -> Act {
            auto out = std::make_shared<Publisher<T>>(must(Publisher<T>::create(there, {.capacity = Bytes::mib(4)})));
            return [out](std::uint32_t messages) {
              T message{};
              for (std::uint32_t i = 0; i < messages; ++i) static_cast<void>(out->publish(message));
            };
          },
          .own = [=]() -> Act {
            auto in = std::make_shared<Subscriber<T>>(must(Subscriber<T>::open(there, {.waiting = waiting})));
            return [in](std::uint32_t messages) {
              T message{};
              for (std::uint32_t i = 0; i < messages; ++i) {
                message = *next(*in);
                use(message);
              }
            };
          },
          .clean_up = remove_both};
}

Figure one_way_in_place(std::string what, std::uint32_t times, std::size_t size, Bytes ring) {
  return {.what = std::move(what),
          .unit = Unit::rate,
          .times = times,
          .other = [=]() -> Act {
            auto ends = in_place(there, back, size, ring, true);
            return [ends](std::uint32_t messages) {
              for (std::uint32_t i = 0; i < messages; ++i) ends->send();
            };
          },
          .own = [=]() -> Act {
            auto in = std::make_shared<Subscriber<std::byte[]>>(
                must(Subscriber<std::byte[]>::open(there, {.waiting = Waiting::polling})));
            return [in](std::uint32_t messages) {
              for (std::uint32_t i = 0; i < messages; ++i) static_cast<void>(read_all(*next(*in)));
            };
          },
          .clean_up = remove_both};
}

/// One publish with so many reliable readers attached, which read when the window is over.
Figure publish_with_readers(std::string what, int readers, std::uint32_t times) {
  using T = Payload<64>;
  return {.what = std::move(what),
          .unit = Unit::nanos,
          .times = times,
          .other = [=]() -> Act {
            auto all = std::make_shared<std::vector<Subscriber<T>>>();
            for (int i = 0; i < readers; ++i) all->push_back(must(Subscriber<T>::open(there)));
            return [all](std::uint32_t messages) {
              while (shared_lines().note.exchange(0) == 0) ::sched_yield();
              for (auto& reader : *all)
                for (std::uint32_t i = 0; i < messages; ++i) static_cast<void>(next(reader));
            };
          },
          .own = [=]() -> Act {
            auto out = std::make_shared<Publisher<T>>(must(Publisher<T>::create(there, {.capacity = Bytes::mib(4)})));
            return [out](std::uint32_t messages) {
              T message{};
              for (std::uint32_t i = 0; i < messages; ++i) static_cast<void>(out->publish(message));
              shared_lines().note.store(1);
            };
          },
          .clean_up = remove_both};
}

}  // namespace

std::vector<Figure> topic_figures() {
  constexpr std::size_t kib = 1024;
  std::vector<Figure> all{
      round_trip<8>("topic, round trip, polling, 8 B", Unit::line, Waiting::polling, 200),
      round_trip<64>("topic, round trip, polling, 64 B", Unit::line, Waiting::polling, 200),
      round_trip<64>("topic, its tail", Unit::tail, Waiting::polling, 200),
      round_trip<64>("topic, round trip, adaptive, 64 B", Unit::line, Waiting::adaptive, 200),
      round_trip<64>("topic, round trip, sleeping, 64 B", Unit::futex, Waiting::sleeping, 24),
      round_trip_in_place("topic, round trip, 1 KiB in place", Unit::line, 100, kib, Bytes::mib(1), true),
      round_trip_in_place("topic, round trip, 64 KiB in place", Unit::micros, 20, 64 * kib, Bytes::mib(4), true),
      round_trip_in_place("topic, round trip, 1 MiB, untouched", Unit::line, 200, kib * kib, Bytes::mib(16), false),
      one_way<8>("topic, one way, polling, 8 B", Waiting::polling, 20'000),
      one_way<56>("topic, one way, polling, 56 B", Waiting::polling, 10'000),
      one_way<64>("topic, one way, polling, 64 B", Waiting::polling, 10'000),
      one_way<64>("topic, one way, adaptive, 64 B", Waiting::adaptive, 10'000),
      one_way_in_place("topic, one way, 1 KiB in place", 2'000, kib, Bytes::mib(4)),
      one_way_in_place("topic, one way, 64 KiB in place", 100, 64 * kib, Bytes::mib(4)),
      one_way_in_place("topic, one way, 1 MiB in place", 12, kib * kib, Bytes::mib(8)),
      publish_with_readers("topic, publish with 1 reader, 64 B", 1, 5'000),
      publish_with_readers("topic, publish with 100 readers, 64 B", 100, 5'000),
  };
  return all;
}

}  // namespace ginnel::bench
