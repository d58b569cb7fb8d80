#include "hostile/scribbler.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace ginnel::hostile {
namespace {

constexpr std::array<std::uint64_t, 16> awkward{0,
                                                1,
                                                2,
                                                7,
                                                8,
                                                9,
                                                0x7f,
                                                0x80,
                                                0x7fff'ffff,
                                                0x8000'0000,
                                                0xffff'ffff,
                                                std::uint64_t{1} << 32U,
                                                (std::uint64_t{1} << 63U) - 1,
                                                std::uint64_t{1} << 63U,
                                                ~std::uint64_t{0} - 7,
                                                ~std::uint64_t{0}};
constexpr std::size_t around_bytes = 64;

}  // namespace

Scribbler::Scribbler(std::span<std::byte> memory, std::vector<std::size_t> words, std::vector<std::uint64_t> values,
                     Random& random)
    : memory_{memory}, words_{std::move(words)}, values_{std::move(values)}, random_{random} {
  values_.insert(values_.end(), awkward.begin(), awkward.end());
}

void Scribbler::choose_manner(std::size_t place) {
  manner_ = static_cast<Manner>(random_.below(6));
  place_ = manner_ == Manner::one_word ? random_.one_of(words_) : place;
}

std::uint64_t Scribbler::any_value(std::uint64_t present) {
  switch (random_.below(6)) {
    case 0:
      return random_.next();
    case 1:
      return random_.next() >> random_.below(64);
    case 2:
      return present + 1;
    case 3:
      return present - 1;
    case 4:
      return present + random_.one_of(values_);
    default:
      return random_.one_of(values_);
  }
}

std::size_t Scribbler::next_offset() {
  switch (manner_) {
    case Manner::words:
      return random_.one_of(words_);
    case Manner::one_word:
      return place_;
    case Manner::in_turn:
      return turn_++ % memory_.size();
    case Manner::flicker:
      return place_;
    case Manner::around:
      return (place_ + random_.below(around_bytes)) % memory_.size();
    case Manner::anywhere:
      break;
  }
  return random_.below(memory_.size());
}

void Scribbler::scribble() {
  const std::size_t offset = next_offset();
  const bool flickers = manner_ == Manner::flicker;
  const std::size_t width = std::min<std::size_t>(flickers ? 8 : 1 + random_.below(8), memory_.size() - offset);
  std::uint64_t present = 0;
  std::memcpy(&present, memory_.data() + offset, width);
  const std::uint64_t value = flickers ? random_.one_of(values_) : any_value(present);
  // The present value comes back now and then: else whoever reads twice would hardly ever see first the right one and then a wrong one.
  std::memcpy(memory_.data() + offset, &value, width);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (flickers || random_.one_in(2)) std::memcpy(memory_.data() + offset, &present, width);
}

}  // namespace ginnel::hostile
