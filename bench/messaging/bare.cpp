// The least that a message can cost here: memory that both map, a count of what was written and one of what was read, and nothing else.

#include <memory>

#include "groups.hpp"

namespace ginnel::bench {
namespace {

constexpr std::size_t line = 128;

/// As many places for messages as fit into the memory, one way.
class BareWay {
 public:
  BareWay(std::span<std::byte> memory, std::size_t size) noexcept
      : written_{*reinterpret_cast<Count*>(memory.data())},
        read_{*reinterpret_cast<Count*>(memory.data() + line)},
        places_{memory.subspan(2 * line)},
        size_{size},
        count_{places_.size() / size} {}

  void send() noexcept {
    while (turn_ - read_.load(std::memory_order_acquire) >= count_) {
    }
    write_all(places_.subspan(turn_ % count_ * size_, size_), turn_);
    written_.store(++turn_, std::memory_order_release);
  }
  void take() noexcept {
    while (written_.load(std::memory_order_acquire) == turn_) {
    }
    static_cast<void>(read_all(places_.subspan(turn_ % count_ * size_, size_)));
    read_.store(++turn_, std::memory_order_release);
  }

 private:
  using Count = std::atomic<std::uint64_t>;
  Count& written_;
  Count& read_;
  std::span<std::byte> places_;
  std::size_t size_;
  std::size_t count_;
  std::uint64_t turn_ = 0;
};

/// Mapped before the fork of the other, and touched by both.
std::shared_ptr<ReadWriteMapping> memory_of(Bytes size) {
  auto memory = std::make_shared<ReadWriteMapping>(must(ReadWriteMapping::anonymous(size)));
  for (std::byte& byte : memory->bytes()) byte = std::byte{};
  return memory;
}

Figure one_way(std::string what, std::size_t size, Bytes room, std::uint32_t times) {
  auto memory = memory_of(room);
  Figure figure;
  figure.what = std::move(what);
  figure.unit = Unit::rate;
  figure.times = times;
  figure.other = [=]() -> Act {
    return [memory, way = BareWay{memory->bytes(), size}](std::uint32_t messages) mutable {
      for (std::uint32_t i = 0; i < messages; ++i) way.send();
    };
  };
  figure.own = [=]() -> Act {
    return [memory, way = BareWay{memory->bytes(), size}](std::uint32_t messages) mutable {
      for (std::uint32_t i = 0; i < messages; ++i) way.take();
    };
  };
  figure.clean_up = [memory] {
    for (std::byte& byte : memory->bytes().first(2 * line)) byte = std::byte{};
  };
  return figure;
}

Figure round_trip(std::string what, Unit unit, std::size_t size, Bytes room, std::uint32_t times) {
  auto there = memory_of(room);
  auto back = memory_of(room);
  Figure figure;
  figure.what = std::move(what);
  figure.unit = unit;
  figure.times = times;
  figure.other = [=]() -> Act {
    return [=, in = BareWay{there->bytes(), size}, out = BareWay{back->bytes(), size}](std::uint32_t rounds) mutable {
      for (std::uint32_t i = 0; i < rounds; ++i) {
        in.take();
        out.send();
      }
    };
  };
  figure.own = [=]() -> Act {
    return [=, in = BareWay{back->bytes(), size}, out = BareWay{there->bytes(), size}](std::uint32_t rounds) mutable {
      for (std::uint32_t i = 0; i < rounds; ++i) {
        out.send();
        in.take();
        if (unit == Unit::tail) note_round_trip();
      }
    };
  };
  figure.clean_up = [=] {
    for (const auto& memory : {there, back})
      for (std::byte& byte : memory->bytes().first(2 * line)) byte = std::byte{};
  };
  return figure;
}

}  // namespace

std::vector<Figure> bare_figures() {
  constexpr std::size_t kib = 1024;
  std::vector<Figure> all;
  all.push_back(round_trip("bare memory, tail of a round trip, 64 B", Unit::tail, 64, Bytes::mib(1), 200));
  all.push_back(round_trip("bare memory, round trip, 1 KiB", Unit::line, kib, Bytes::mib(1), 100));
  all.push_back(round_trip("bare memory, round trip, 64 KiB", Unit::micros, 64 * kib, Bytes::mib(4), 20));
  all.push_back(one_way("bare memory, one way, 1 KiB", kib, Bytes::mib(4), 2'000));
  all.push_back(one_way("bare memory, one way, 64 KiB", 64 * kib, Bytes::mib(4), 100));
  all.push_back(one_way("bare memory, one way, 1 MiB", kib * kib, Bytes::mib(8), 12));
  return all;
}

}  // namespace ginnel::bench
