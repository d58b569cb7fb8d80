#include "ginnel/msg/detail/topic_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <map>

#include "ginnel/sys/futex.hpp"
#include "home.hpp"
#include "ring_file.hpp"
#include "spin_budget.hpp"

namespace ginnel::detail {
namespace {

using Clock = Deadline::Clock;
constexpr int looks_between_clocks = 64;

}  // namespace

struct TopicWriter::Cold {
  TopicFolder topic;
  RingFile ring;
  std::uint32_t own_generation = 0;
  std::uint32_t readers_known_at = 0;
  std::map<std::string, ReaderView> readers{};
  std::uint64_t promised = 0;
  const ReaderPage* slowest_reader = nullptr;  ///< of `readers`, at the last look
  SpinBudget spin_for{};

  [[nodiscard]] RingHeader& header() const noexcept { return ring.header(); }
  [[nodiscard]] Result<void> look_for_readers();
  [[nodiscard]] std::optional<std::uint64_t> held_at(const ReaderPage& reader) const;
  [[nodiscard]] std::uint64_t slowest(std::uint64_t tail);
  [[nodiscard]] bool is_held_before(std::uint64_t end) const;
  void note_checkpoint(std::uint64_t tail, std::uint64_t count);
  void drop_dead_readers();
  [[nodiscard]] bool is_read() const;
};

/// The readers that are there now: their pages are looked at only when the writer comes near to one of their cursors. All of them, or
/// an error: one that was not seen would hold nobody back, and lose what it was promised.
Result<void> TopicWriter::Cold::look_for_readers() {
  const std::uint32_t generation = topic.bell().generation.load();
  if (generation == readers_known_at) return {};
  const auto names = topic.names();
  if (!names) return std::unexpected{names.error()};
  slowest_reader = nullptr;
  Result<void> outcome;
  std::map<std::string, ReaderView> now;
  for (const std::string& name : *names) {
    if (!TopicFolder::is_reader_name(name)) continue;
    if (auto known = readers.extract(name)) {
      now.insert(std::move(known));
      continue;
    }
    auto view = topic.view_reader(name);
    if (view) now.emplace(name, std::move(*view));
    if (!view && is_want(view.error())) outcome = std::unexpected{view.error()};
  }
  readers = std::move(now);
  if (outcome) readers_known_at = generation;
  return outcome;
}

/// Where a reader holds this writer; none when it does not.
std::optional<std::uint64_t> TopicWriter::Cold::held_at(const ReaderPage& reader) const {
  if (reader.reliable == 0) return std::nullopt;
  const Cursor& cursor = reader.cursors[ring.number];
  if (cursor.incarnation.load() == header().incarnation) return cursor.position.load();
  // It was here before this ring, and has not found it yet: it is to get everything.
  if (is_later(own_generation, reader.joined_generation) && is_later(own_generation, reader.seen_generation.load()))
    return 0;
  return std::nullopt;
}

std::uint64_t TopicWriter::Cold::slowest(std::uint64_t tail) {
  std::uint64_t least = tail;
  slowest_reader = nullptr;
  for (const auto& [name, reader] : readers) {
    const auto held = held_at(reader.page());
    if (!held || *held >= least) continue;
    least = *held;
    slowest_reader = &reader.page();
  }
  return least;
}

/// By the reader that was the slowest: as long as it is, the others need not be looked at.
bool TopicWriter::Cold::is_held_before(std::uint64_t end) const {
  if (slowest_reader == nullptr) return false;
  const auto held = held_at(*slowest_reader);
  return held && *held + ring.shape.capacity < end;
}

void TopicWriter::Cold::note_checkpoint(std::uint64_t tail, std::uint64_t count) {
  RingHeader& own = header();
  const std::uint64_t next = own.next_checkpoint.load(std::memory_order_relaxed);
  const Checkpoint& latest = own.checkpoints[(next + checkpoint_count - 1) % checkpoint_count];
  const std::uint64_t latest_position = latest.position.load(std::memory_order_relaxed);
  if (tail - latest_position < ring.shape.capacity / checkpoint_count) return;
  Checkpoint& checkpoint = own.checkpoints[next % checkpoint_count];
  checkpoint.position.store(tail, std::memory_order_relaxed);
  checkpoint.count.store(count, std::memory_order_relaxed);
  own.next_checkpoint.store(next + 1, std::memory_order_release);
}

void TopicWriter::Cold::drop_dead_readers() {
  const bool any_dead = std::ranges::any_of(readers, [](const auto& entry) { return entry.second.gone(); });
  if (!any_dead) return;
  topic.clean_up();
  static_cast<void>(look_for_readers());  // who makes room looks again, and tells
  slowest_reader = nullptr;
  // One whose page somebody is about to remove, who was stopped in the middle, holds nobody back any more.
  std::erase_if(readers, [](const auto& entry) { return entry.second.gone(); });
}

TopicWriter::TopicWriter(std::unique_ptr<Cold> cold, ForkMark mark) noexcept
    : ring_{cold->ring.mapping.body(), cold->ring.shape},
      attentive_{&cold->topic.attentive_readers()},
      mark_{std::move(mark)},
      cold_{std::move(cold)} {}

TopicWriter::TopicWriter(TopicWriter&& other) noexcept = default;

TopicWriter& TopicWriter::operator=(TopicWriter&& other) noexcept {
  if (this == &other) return *this;
  retire();
  ring_ = other.ring_;
  attentive_ = other.attentive_;
  mark_ = std::move(other.mark_);
  cold_ = std::move(other.cold_);
  return *this;
}

TopicWriter::~TopicWriter() { retire(); }

Result<TopicWriter> TopicWriter::create(const std::string& name, const MessageType& type,
                                        const PublisherOptions& options) {
  auto held = hold_object("topic", name, options.home, Purpose::make);
  if (!held) return std::unexpected{held.error()};
  TakenBack taken_back{*held, bell_name};
  auto topic = TopicFolder::open(std::move(held->folder), held->address);
  if (!topic) return std::unexpected{topic.error()};
  topic->clean_up();
  auto mark = ForkMark::create();
  if (!mark) return std::unexpected{mark.error()};
  auto ring = make_ring(*topic, type, options.capacity);
  if (!ring) return std::unexpected{ring.error()};

  auto cold = std::make_unique<Cold>(Cold{.topic = std::move(*topic), .ring = std::move(*ring)});
  cold->own_generation = cold->topic.announce();
  cold->header().created_generation.store(cold->own_generation);
  taken_back.keep();
  return TopicWriter{std::move(cold), std::move(*mark)};
}

/// Goodbye in good order: what was published stays for those who read it already.
void TopicWriter::retire() noexcept {
  if (!cold_ || !mark_.same_process()) return;
  RingHeader& header = cold_->header();
  header.tail.store(ring_.tail());
  header.count.store(ring_.count());
  header.closed.store(1);
  // The lock is given up before the others are told to look; closing the file would not do it while it is mapped.
  static_cast<void>(cold_->ring.file.unlock(owner_range));
  cold_->topic.announce();
  cold_->topic.clean_up();
  cold_.reset();
}

Result<bool> TopicWriter::try_to_make_room(std::uint64_t end) {
  Cold& cold = *cold_;
  RingHeader& header = cold.header();
  const std::uint64_t tail = ring_.tail();
  const std::uint64_t capacity = ring_.shape().capacity;
  header.tail.store(tail, std::memory_order_release);
  cold.note_checkpoint(tail, ring_.count());
  header.count.store(ring_.count(), std::memory_order_relaxed);

  const std::uint64_t wanted = std::max(end, tail + capacity / steps_in_ring);
  if (wanted > cold.promised) {
    // First the promise, then a look at the cursors; a reader first tells its cursor, then looks at the promise: one of the
    // two sees the other. It is never more than those have left who are known: one that came before this ring, and that it was kept
    // for, would take its beginning for lost.
    const std::uint64_t known = cold.slowest(tail);
    header.promised.store(std::max(known + capacity, ring_.limit()));
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const auto looked = cold.look_for_readers();
    if (looked) cold.promised = std::min(known, cold.slowest(tail)) + capacity;
    // What was used of an earlier promise is not taken back: a reader whose cursor was seen may not have looked at the promise yet.
    header.promised.store(std::max(cold.promised, ring_.limit()));
    if (!looked) return std::unexpected{looked.error()};
  }
  const std::uint64_t limit = std::min(wanted, cold.promised);
  if (limit < end) return false;
  header.reserved.store(limit, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  ring_.set_limit(limit);
  return true;
}

/// A reader that keeps pace makes room sooner than a sleep and its end take.
Result<bool> TopicWriter::spin_for_room(std::uint64_t end, Deadline deadline) {
  const auto start = Clock::now();
  while (true) {
    for (int looks = 0; looks < looks_between_clocks; ++looks) {
      if (!cold_->is_held_before(end)) {
        const auto made = try_to_make_room(end);
        if (!made || *made) return made;
      }
      relax();
    }
    if (deadline.passed() || Clock::now() - start >= cold_->spin_for.now()) return false;
  }
}

Result<Outcome<Done, TimedOut>> TopicWriter::make_room(std::uint64_t payload_bytes, Deadline deadline) {
  if (!mark_.same_process()) return std::unexpected{used_in_child("publish")};
  if (payload_bytes > largest_payload())
    return std::unexpected{Error{EMSGSIZE, "publish", cold_->topic.address(),
                                 std::to_string(payload_bytes) + " bytes, and a message of this ring has at most " +
                                     std::to_string(largest_payload()) +
                                     ", a quarter of it; create it with more capacity"}};
  const std::uint64_t end = ring_.end_of(payload_bytes);
  auto made = try_to_make_room(end);
  if (made && !*made && !deadline.is_immediate()) made = spin_for_room(end, deadline);
  BellPage& bell = cold_->topic.bell();
  while (made && !*made && !deadline.is_immediate()) {
    const std::uint32_t room = bell.room.load();
    bell.waiting.store(1);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    made = try_to_make_room(end);
    if (!made || *made) break;
    if (deadline.passed()) return TimedOut{};
    const auto asleep = Clock::now();
    const auto waited = futex_wait(bell.room, room, deadline.sooner(Deadline::after(look_for_deaths_every)));
    if (!waited) return std::unexpected{waited.error()};
    cold_->spin_for.learn_from(Clock::now() - asleep);
    if (waited->is<TimedOut>()) cold_->drop_dead_readers();
  }
  if (made && !*made) {
    cold_->drop_dead_readers();
    made = try_to_make_room(end);
  }
  if (!made) return std::unexpected{made.error()};
  if (*made) return Done{};
  return TimedOut{};
}

Error TopicWriter::used_in_child(const char* operation) const {
  return {ECHILD, operation, cold_->topic.address(),
          "this handle is the parent's; a child of fork(2) makes its own publisher"};
}

bool TopicWriter::Cold::is_read() const {
  return std::ranges::any_of(readers, [&](const auto& entry) {
    return entry.second.page().cursors[ring.number].incarnation.load() == header().incarnation;
  });
}

Result<Outcome<Done, TimedOut>> TopicWriter::wait_for_reader(Deadline deadline) {
  if (!mark_.same_process()) return std::unexpected{used_in_child("wait")};
  BellPage& bell = cold_->topic.bell();
  while (true) {
    const std::uint32_t room = bell.room.load();
    if (auto looked = cold_->look_for_readers(); !looked) return std::unexpected{looked.error()};
    if (cold_->is_read()) return Done{};
    if (deadline.passed()) return TimedOut{};
    const auto waited = futex_wait(bell.room, room, deadline.sooner(Deadline::after(look_for_deaths_every)));
    if (!waited) return std::unexpected{waited.error()};
  }
}

void TopicWriter::wake_readers() noexcept { cold_->topic.wake_readers(); }

}  // namespace ginnel::detail
