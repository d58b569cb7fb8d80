#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <vector>

#include "ginnel/msg/topic.hpp"
#include "home.hpp"
#include "hostile/honest.hpp"
#include "hostile/offences.hpp"
#include "hostile/readable.hpp"
#include "hostile/scribbler.hpp"
#include "own_page.hpp"
#include "ring_file.hpp"
#include "support/scratch.hpp"

// Those who share a topic trust each other. One who breaks the rules spoils the topic, but nobody crashes or hangs, or reads what is no part of it. Here
// a writer scribbles into its ring and a reader into its page, and both into the bell.

namespace ginnel::hostile {
namespace {

using namespace std::chrono_literals;

constexpr const char* topic_name = "victim";
constexpr const char* topic_address = "topic:victim";
constexpr Bytes smallest_ring = Bytes::kib(64);
constexpr int operations_of_handle = 300;
constexpr int operations_between_exchanges = 32;

// --- who is hostile

detail::TopicFolder join() {
  auto held = must(detail::hold_object("topic", topic_name, {}, detail::Purpose::make));
  return must(detail::TopicFolder::open(std::move(held.folder), held.address));
}

/// Scribbles for a while; at the end what others check when they come is again what it was, so that they come.
class Spoiler {
 public:
  Spoiler(const Scene& scene, const detail::TopicFolder& topic, std::span<std::byte> own,
          std::vector<std::size_t> words, std::vector<std::uint64_t> values, Random& random)
      : scene_{scene},
        topic_{topic},
        random_{random},
        own_{own, std::move(words), std::move(values), random},
        bell_{bell(),
              {offsetof(detail::BellPage, attentive), offsetof(detail::BellPage, sleeping),
               offsetof(detail::BellPage, armed), offsetof(detail::BellPage, generation),
               offsetof(detail::BellPage, room), offsetof(detail::BellPage, waiting)},
              {},
              random} {}

  void run(std::size_t place, const std::function<void()>& now_and_then) {
    ++scene_.ledger.links;
    own_.choose_manner(place);
    bell_.choose_manner(offsetof(detail::BellPage, attentive));
    const std::uint64_t bells = random_.one_of(std::array<std::uint64_t, 3>{2, 16, 1024});
    constexpr std::uint64_t writes_between_looks = 64;
    std::vector<std::byte> good(sizeof(detail::FileStart));
    std::memcpy(good.data(), bell().data(), good.size());
    for (std::uint64_t looks = 1 + random_.below(500); looks > 0; --looks) {
      for (std::uint64_t i = 0; i < writes_between_looks; ++i) {
        Scribbler& scribbler = random_.one_in(bells) ? bell_ : own_;
        scribbler.scribble();
      }
      scene_.ledger.writes.fetch_add(writes_between_looks, std::memory_order_relaxed);
      if (random_.one_in(8)) now_and_then();
      if (random_.one_in(32)) own_.choose_manner(place);
    }
    std::memcpy(bell().data(), good.data(), good.size());
  }

 private:
  [[nodiscard]] std::span<std::byte> bell() const noexcept {
    return {reinterpret_cast<std::byte*>(&topic_.bell()), sizeof(detail::BellPage)};
  }

  const Scene& scene_;
  const detail::TopicFolder& topic_;
  Random& random_;
  Scribbler own_;
  Scribbler bell_;
};

std::vector<std::size_t> words_of_ring(const detail::RingShape& shape) {
  using detail::RingHeader;
  std::vector<std::size_t> words{offsetof(RingHeader, capacity),    offsetof(RingHeader, alignment),
                                 offsetof(RingHeader, incarnation), offsetof(RingHeader, owner),
                                 offsetof(RingHeader, owner) + 8,   offsetof(RingHeader, tail),
                                 offsetof(RingHeader, count),       offsetof(RingHeader, reserved),
                                 offsetof(RingHeader, promised),    offsetof(RingHeader, created_generation),
                                 offsetof(RingHeader, closed),      offsetof(RingHeader, next_checkpoint)};
  for (std::size_t i = 0; i < 2 * detail::checkpoint_count; ++i)
    words.push_back(offsetof(RingHeader, checkpoints) + i * detail::word_bytes);
  for (std::uint64_t position = 0; position < 16 * shape.alignment; position += shape.alignment)
    words.push_back(detail::page_bytes + shape.word_offset(position));
  return words;
}

void fill(const detail::RingFile& ring, std::uint32_t length) {
  std::uint32_t number = 0;
  for (std::uint64_t position = 0; position < ring.shape.capacity; position += ring.shape.record_bytes(length))
    detail::word_at(ring.mapping.body(), ring.shape.word_offset(position))
        .store(detail::RecordWord::pack(length, number++));
}

void attack_reader(const Scene& scene, Random random) {
  const detail::TopicFolder topic = join();
  while (true) {
    auto ring = detail::make_ring(topic, message_type<std::byte[]>(), smallest_ring);
    if (!ring) throw std::runtime_error{ring.error().message()};
    ring->header().created_generation.store(topic.announce());
    if (!random.one_in(3)) fill(*ring, random.one_of(std::array<std::uint32_t, 4>{0, 8, 100, 16'000}));
    const std::uint64_t largest = ring->shape.largest_payload();
    Spoiler{scene,
            topic,
            {ring->mapping.head(), detail::page_bytes + ring->shape.capacity},
            words_of_ring(ring->shape),
            {ring->shape.capacity - 1, ring->shape.capacity, ring->shape.capacity + 1, largest + 1, largest + 2},
            random}
        .run(detail::page_bytes, [&] { static_cast<void>(topic.announce()); });
    std::filesystem::remove(topic.folder().path() + "/" + ring->name);
    static_cast<void>(topic.announce());
  }
}

void attack_writer(const Scene& scene, Random random) {
  using detail::Cursor;
  using detail::ReaderPage;
  const detail::TopicFolder topic = join();
  const std::vector<std::size_t> words{offsetof(ReaderPage, owner),
                                       offsetof(ReaderPage, joined_generation),
                                       offsetof(ReaderPage, reliable),
                                       offsetof(ReaderPage, seen_generation),
                                       offsetof(ReaderPage, attentive),
                                       offsetof(ReaderPage, cursors),
                                       offsetof(ReaderPage, cursors) + offsetof(Cursor, position),
                                       offsetof(ReaderPage, cursors) + offsetof(Cursor, position),
                                       offsetof(ReaderPage, cursors) + offsetof(Cursor, position)};
  std::uint64_t number = 0;
  while (true) {
    auto page = must(detail::make_page(
        topic, true, [&](const detail::OwnerStamp&, unsigned) { return "r." + std::to_string(number++); }));
    static_cast<void>(topic.announce());
    const auto hold_writer = [&] {
      const auto ring = detail::attach_ring(topic, "w.00", nullptr);
      if (ring) page.page().cursors[0].incarnation.store(ring->header().incarnation);
      if (random.one_in(2)) page.page().cursors[0].position.store(ring ? ring->header().tail.load() : 0);
      page.page().reliable = 1;
      topic.wake_writers();
    };
    hold_writer();
    const std::uint64_t capacity = smallest_ring.count();
    Spoiler{scene, topic, page.mapping.bytes(), words, {capacity, capacity + 1, capacity - 1}, random}.run(
        offsetof(ReaderPage, cursors), hold_writer);
    std::filesystem::remove(topic.folder().path() + "/" + page.name);
    static_cast<void>(topic.announce());
  }
}

// --- the victims

class ReaderVictim {
 public:
  ReaderVictim(const Scene& scene, Random random) : scene_{scene}, random_{random}, honest_{scene} {}

  void suffer() {
    const auto before = test::open_descriptors();
    const std::array waitings{Waiting::adaptive, Waiting::sleeping, Waiting::polling};
    while (!scene_.is_over()) {
      const SubscriberOptions options{.delivery = random_.one_in(2) ? Delivery::reliable : Delivery::best_effort,
                                      .waiting = random_.one_of(waitings),
                                      .last = random_.one_in(2) ? 10U : 0U};
      auto reader = timely(scene_.ledger, "open", Deadline::immediately(),
                           [&] { return Subscriber<std::byte[]>::open(topic_name, options); });
      if (reader)
        endure(*reader, options.delivery == Delivery::reliable);
      else
        expect_offence(scene_, reader.error(), {EBADMSG, EPROTOTYPE}, topic_address);
      honest_.exchange();
    }
    if (test::open_descriptors() != before) scene_.ledger.contradict("descriptors are left open");
  }

 private:
  void endure(Subscriber<std::byte[]>& reader, bool in_place) {
    if (random_.one_in(8)) static_cast<void>(reader.pollable());
    for (int left = operations_of_handle; left > 0 && !scene_.is_over(); --left) {
      const Deadline deadline = any_deadline(random_);
      ++scene_.ledger.operations;
      const auto got = timely(scene_.ledger, "receive", deadline, [&] { return reader.receive(deadline); });
      if (!got)
        expect_offence(scene_, got.error(), {EBADMSG, EPROTOTYPE}, topic_address);
      else if (const auto* message = got->get_if<Sample<std::byte[]>>())
        use(**message, in_place);
      if (left % operations_between_exchanges == 0) honest_.exchange();
    }
  }
  void use(std::span<const std::byte> bytes, bool in_place) {
    ++scene_.ledger.messages;
    const bool is_short = bytes.size() <= smallest_ring.count() / 4;
    if (is_short && (!in_place || readable_.holds(bytes)))
      sum_ += sum_of(bytes);
    else
      scene_.ledger.contradict("a message of " + std::to_string(bytes.size()) + " bytes lies beyond the ring");
    if (reinterpret_cast<std::uintptr_t>(bytes.data()) % detail::word_bytes != 0)
      scene_.ledger.contradict("a message does not lie where its alignment wants it");
  }

  const Scene& scene_;
  Random random_;
  HonestLink honest_;
  Readable readable_{};
  std::uint64_t sum_ = 0;
};

class WriterVictim {
 public:
  WriterVictim(const Scene& scene, Random random) : scene_{scene}, random_{random}, honest_{scene} {}

  void suffer() {
    const auto before = test::open_descriptors();
    while (!scene_.is_over()) {
      auto writer = timely(scene_.ledger, "create", Deadline::immediately(),
                           [&] { return Publisher<std::byte[]>::create(topic_name, {.capacity = smallest_ring}); });
      if (writer)
        endure(*writer);
      else
        expect_offence(scene_, writer.error(), {EBADMSG}, topic_address);
      honest_.exchange();
    }
    if (test::open_descriptors() != before) scene_.ledger.contradict("descriptors are left open");
  }

 private:
  void endure(Publisher<std::byte[]>& writer) {
    for (int left = operations_of_handle; left > 0 && !scene_.is_over(); --left) {
      const Deadline deadline = any_deadline(random_);
      ++scene_.ledger.operations;
      const std::vector<std::byte> message(random_.below(writer.largest() + 1));
      const auto published =
          random_.one_in(8)
              ? timely(scene_.ledger, "wait for a reader", deadline, [&] { return writer.wait_for_reader(deadline); })
              : timely(scene_.ledger, "publish", deadline, [&] { return writer.publish(message, deadline); });
      if (!published)
        scene_.ledger.contradict("a writer is told: " + published.error().message());
      else if (published->is<Done>())
        ++scene_.ledger.messages;
      if (left % operations_between_exchanges == 0) honest_.exchange();
    }
  }

  const Scene& scene_;
  Random random_;
  HonestLink honest_;
};

constexpr std::array victims{
    Victim{.name = "topic-reader",
           .suffer = [](const Scene& scene, Random random) { ReaderVictim{scene, random}.suffer(); },
           .attack = attack_reader,
           .befriend = send_back},
    Victim{.name = "topic-writer",
           .suffer = [](const Scene& scene, Random random) { WriterVictim{scene, random}.suffer(); },
           .attack = attack_writer,
           .befriend = send_back},
};

}  // namespace

std::span<const Victim> topic_victims() { return victims; }

}  // namespace ginnel::hostile
