#include "hostile/assault.hpp"

#include <fcntl.h>

#include <array>
#include <bit>
#include <span>
#include <utility>

#include "ginnel/sys/ancillary.hpp"
#include "ginnel/sys/unix_socket.hpp"

namespace ginnel::hostile {
namespace {

using namespace std::chrono_literals;
using detail::ChannelNote;
using detail::ChannelPage;
using detail::RecordWord;

constexpr std::uint64_t writes_between_looks = 64;
constexpr std::uint64_t most_looks = 400;

/// All words of the first page but `closed`, which would end most assaults at once: that is found by those who write anywhere.
std::vector<std::size_t> words_of(const detail::RingShape& shape) {
  std::vector<std::size_t> words{
      offsetof(ChannelPage, start),    offsetof(ChannelPage, start) + 8, offsetof(ChannelPage, start) + 12,
      offsetof(ChannelPage, capacity), offsetof(ChannelPage, alignment), offsetof(ChannelPage, attentive),
      offsetof(ChannelPage, sleeping), offsetof(ChannelPage, watching),  offsetof(ChannelPage, cursor),
      offsetof(ChannelPage, cursor),   offsetof(ChannelPage, taken),     offsetof(ChannelPage, waiting)};
  for (std::uint64_t position = 0; position < 16 * shape.alignment; position += shape.alignment)
    words.push_back(detail::page_bytes + shape.word_offset(position));
  return words;
}

std::vector<std::uint64_t> values_for(const detail::RingShape& shape) {
  const std::uint64_t largest = shape.largest_payload();
  std::vector<std::uint64_t> values{shape.capacity - 1, shape.capacity, shape.capacity + 1, shape.capacity / 8};
  for (const std::uint64_t length : {largest - 1, largest, largest + 1, shape.capacity, shape.capacity * 2 - 1})
    for (const std::uint32_t mark : {0U, RecordWord::accompanied})
      values.push_back(RecordWord::pack(static_cast<std::uint32_t>(length) | mark, 0));
  return values;
}

}  // namespace

Assault::Assault(const Scene& scene, detail::ChannelLink link, std::vector<std::uint32_t> lengths, Random& random)
    : scene_{scene},
      link_{std::move(link)},
      lengths_{std::move(lengths)},
      random_{random},
      scribbler_{memory(), words_of(link_.own_shape), values_for(link_.own_shape), random} {}

std::span<std::byte> Assault::memory() const noexcept {
  return {link_.own.head(), detail::page_bytes + link_.own_shape.capacity};
}

std::size_t Assault::place_of_peer() const noexcept {
  const std::uint64_t cursor = link_.their_page().cursor.load(std::memory_order_relaxed);
  return detail::page_bytes + link_.own_shape.word_offset(cursor);
}

void Assault::fill_ring() {
  const detail::RingShape shape = link_.own_shape;
  std::uint32_t number = 0;
  const std::uint32_t length = random_.one_of(lengths_);
  // Of what is an answer: to each call in its turn, or always to the same.
  const bool counts = random_.one_in(2);
  std::uint64_t head = counts ? 0 : random_.below(4);
  for (std::uint64_t position = 0; position < shape.capacity; position += shape.record_bytes(length)) {
    const std::uint64_t offset = shape.word_offset(position);
    if (length >= sizeof head) detail::word_at(link_.own.body(), offset + detail::word_bytes).store(head);
    detail::word_at(link_.own.body(), offset).store(RecordWord::pack(length, number++));
    if (counts) ++head;
  }
}

void Assault::send_note(Noise noise) {
  ChannelNote note{.kind = static_cast<std::uint32_t>(ChannelNote::Kind::knock), .reserved = 0, .number = 0};
  std::vector<int> descriptors;
  std::size_t size = sizeof note;
  if (noise == Noise::any) {
    note = {.kind = static_cast<std::uint32_t>(random_.below(4)), .reserved = 0, .number = random_.below(3)};
    if (random_.one_in(16)) size = random_.below(size);
    descriptors.assign(random_.below(4), link_.socket.get());
  }
  static_cast<void>(send_descriptors(link_.socket.get(), std::as_bytes(std::span{&note, 1}).first(size), descriptors,
                                     Deadline::immediately()));
}

void Assault::run() {
  ++scene_.ledger.links;
  if (!random_.one_in(3)) fill_ring();
  scribbler_.choose_manner(place_of_peer());
  constexpr std::array noises{Noise::none, Noise::none, Noise::knocks, Noise::any};
  const Noise noise = random_.one_of(noises);
  const bool only_noise = noise != Noise::none && random_.one_in(2);
  // Whoever only makes noise does it for as long as he is borne.
  for (std::uint64_t looks = 1 + random_.below(most_looks); looks > 0; looks -= only_noise ? 0 : 1) {
    for (std::uint64_t i = 0; i < writes_between_looks; ++i) {
      if (!only_noise) scribbler_.scribble();
      if (noise != Noise::none && (only_noise || i % 16 == 0)) send_note(noise);
    }
    scene_.ledger.writes.fetch_add(writes_between_looks, std::memory_order_relaxed);
    if (peer_has_closed(link_.socket.get())) return;
    if (random_.one_in(64)) scribbler_.choose_manner(place_of_peer());
  }
}

}  // namespace ginnel::hostile
