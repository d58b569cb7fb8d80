#include "ginnel/msg/detail/topic_reader.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <limits>

#include "attached_ring.hpp"
#include "bell_waiter.hpp"
#include "home.hpp"
#include "own_page.hpp"
#include "topic_folder.hpp"

namespace ginnel::detail {
namespace {

using Clock = Deadline::Clock;

/// At the ring that was read last, before anything else is looked at: some 2 µs where it is the only one.
constexpr int looks_at_only_ring = 64;
constexpr int looks_beside_others = 4;
/// Rounds of those until a look at the clock: a message must not come while it is read.
constexpr int rounds_between_clocks_of_one = 1;
constexpr int rounds_between_clocks = 16;
constexpr std::uint32_t burst_of_one_writer = 64;
/// However fast its messages come, there may be a new writer.
constexpr std::uint32_t burst_of_only_writer = 4096;
constexpr std::size_t no_ring = std::numeric_limits<std::size_t>::max();

std::string page_name(const OwnerStamp& owner, unsigned attempt) {
  const auto ticks = static_cast<std::uint64_t>(Clock::now().time_since_epoch().count());
  return "r." + std::to_string(owner.pid) + "." + std::to_string(ticks + attempt);
}

}  // namespace

struct TopicReader::Cold {
  TopicFolder topic;
  OwnPage own;
  MessageType type;
  SubscriberOptions options;
  std::vector<AttachedRing> rings{};
  std::vector<std::uint64_t> finished{};  ///< incarnations of rings that are left, and that others may keep there
  std::size_t current = no_ring;
  std::size_t turn = 0;  ///< the ring that is looked at first next time
  std::uint32_t seen = 0;
  bool looked = false;
  std::uint64_t lost_before = 0;     ///< of writers that have gone
  std::optional<WriterGone> gone{};  ///< the last writer has, and nobody was told yet
  std::vector<std::uint64_t> copy{};
  BellWaiter waiter{topic, own};
  Clock::time_point looked_for_deaths = Clock::now();

  [[nodiscard]] BellPage& bell() const noexcept { return topic.bell(); }
  [[nodiscard]] Result<void> look_for_rings();
  [[nodiscard]] bool has_attached(const RingFile& file) const;
  [[nodiscard]] bool uses_number(std::size_t number) const;
  void leave(std::size_t ring);
  [[nodiscard]] Error broken(const AttachedRing& ring, const std::string& why) const {
    return {EBADMSG, "receive", topic.address() + " " + ring.file().name,
            why + ": its writer is broken, and is left alone"};
  }
  [[nodiscard]] bool any_was_closed() const { return std::ranges::any_of(rings, &AttachedRing::was_closed); }
  void drop_gone_rings();
};

bool TopicReader::Cold::has_attached(const RingFile& file) const {
  return std::ranges::any_of(rings, [&](const AttachedRing& ring) {
    return ring.file().header().incarnation == file.header().incarnation && ring.file().number == file.number;
  });
}

bool TopicReader::Cold::uses_number(std::size_t number) const {
  return std::ranges::any_of(rings, [&](const AttachedRing& ring) { return ring.file().number == number; });
}

/// For good: while another reader keeps its file there, it is not to be read once more.
void TopicReader::Cold::leave(std::size_t ring) {
  finished.push_back(rings[ring].file().header().incarnation);
  rings[ring].leave();
  rings.erase(rings.begin() + static_cast<std::ptrdiff_t>(ring));
}

Result<void> TopicReader::Cold::look_for_rings() {
  const std::uint32_t generation = bell().generation.load();
  if (looked && generation == seen) return {};
  drop_gone_rings();
  Result<void> outcome;
  bool complete = true;
  std::vector<std::uint64_t> still_there;
  const auto names = topic.names();
  if (!names) return std::unexpected{names.error()};
  for (const std::string& name : *names) {
    if (!TopicFolder::ring_number(name)) continue;
    auto file = attach_ring(topic, name, type.name.empty() ? nullptr : &type);
    if (!file) {
      // One that went meanwhile is nobody's fault.
      if (file.error().code() != ENOENT) outcome = std::unexpected{file.error()};
      if (is_want(file.error())) complete = false;
      continue;
    }
    if (has_attached(*file)) continue;
    const std::uint64_t incarnation = file->header().incarnation;
    if (std::ranges::find(finished, incarnation) != finished.end()) {
      still_there.push_back(incarnation);
      continue;
    }
    // Its last user died and was cleared away while we attached to it: the place of the cursor is taken until we are done with that
    // ring. As long as we do not say that we have looked, the new one waits for us.
    if (uses_number(file->number)) {
      complete = false;
      continue;
    }
    rings.emplace_back(std::move(*file), own.page(), looked ? 0 : options.last);
    if (!rings.back().has_begun()) {
      outcome = std::unexpected{broken(rings.back(), "its header contradicts itself")};
      still_there.push_back(incarnation);
      leave(rings.size() - 1);
    }
  }
  finished = std::move(still_there);
  looked = true;
  if (complete) {
    seen = generation;
    own.page().seen_generation.store(generation);
  }
  topic.wake_writers();  // one may wait for its first reader
  return outcome;
}

/// Those whose writer has gone and that hold nothing more to read. First the death is seen and then the ring looked at once
/// more: whatever was published before is found.
void TopicReader::Cold::drop_gone_rings() {
  const std::size_t before = rings.size();
  for (std::size_t i = 0; i < rings.size();) {
    AttachedRing& ring = rings[i];
    if (!ring.writer_is_gone() || ring.reader().has_record()) {
      ++i;
      continue;
    }
    gone = WriterGone{.died = !ring.was_closed()};
    lost_before += ring.lost();
    leave(i);
  }
  if (rings.size() != before) topic.clean_up();
}

TopicReader::TopicReader(std::unique_ptr<Cold> cold, ForkMark mark) noexcept
    : mark_{std::move(mark)}, cold_{std::move(cold)} {
  switch_to(no_ring);
}

TopicReader::TopicReader(TopicReader&& other) noexcept = default;

TopicReader& TopicReader::operator=(TopicReader&& other) noexcept {
  if (this == &other) return *this;
  retire();
  ring_ = other.ring_;
  record_ = other.record_;
  holds_ = other.holds_;
  burst_ = other.burst_;
  looks_ = other.looks_;
  told_ = other.told_;
  step_ = other.step_;
  mark_ = std::move(other.mark_);
  cold_ = std::move(other.cold_);
  return *this;
}

TopicReader::~TopicReader() { retire(); }

Result<TopicReader> TopicReader::open(const std::string& name, const MessageType& type,
                                      const SubscriberOptions& options) {
  auto held = hold_object("topic", name, options.home, Purpose::make);
  if (!held) return std::unexpected{held.error()};
  TakenBack taken_back{*held, bell_name};
  auto topic = TopicFolder::open(std::move(held->folder), held->address);
  if (!topic) return std::unexpected{topic.error()};
  auto mark = ForkMark::create();
  if (!mark) return std::unexpected{mark.error()};
  topic->clean_up();
  auto page = make_page(*topic, options.delivery == Delivery::reliable, page_name);
  if (!page) return std::unexpected{page.error()};
  auto cold = std::unique_ptr<Cold>{
      new Cold{.topic = std::move(*topic), .own = std::move(*page), .type = type, .options = options}};
  cold->topic.announce();
  TopicReader reader{std::move(cold), std::move(*mark)};
  if (auto found = reader.cold_->look_for_rings(); !found) return std::unexpected{found.error()};
  taken_back.keep();
  return reader;
}

void TopicReader::retire() noexcept {
  if (!cold_ || !mark_.same_process()) return;
  cold_->waiter.stop();
  static_cast<void>(cold_->topic.folder().remove_if_same(cold_->own.name, cold_->own.file.descriptor()));
  cold_->topic.announce();
  cold_->topic.clean_up();
  cold_.reset();
}

std::uint64_t TopicReader::lost() const noexcept {
  std::uint64_t lost = cold_->lost_before;
  for (const AttachedRing& ring : cold_->rings) lost += ring.lost();
  return lost;
}

std::size_t TopicReader::writers() const noexcept { return cold_->rings.size(); }

void TopicReader::tell_cursor() noexcept {
  told_ = ring_.position();
  cold_->rings[cold_->current].tell(told_);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  BellPage& bell = cold_->bell();
  if (bell.waiting.load(std::memory_order_relaxed) != 0 && bell.waiting.exchange(0) != 0) cold_->topic.wake_writers();
}

/// Gives the ring that is read now back to the others, its cursor told.
void TopicReader::put_back() noexcept {
  if (cold_->current == no_ring) return;
  if (holds_) release();
  cold_->rings[cold_->current].reader() = ring_;
  if (ring_.position() != told_) tell_cursor();
  cold_->current = no_ring;
}

void TopicReader::switch_to(std::size_t ring) noexcept {
  cold_->current = ring;
  holds_ = false;
  burst_ = burst_of_one_writer;
  looks_ = 0;
  if (ring == no_ring) {
    ring_ = RingReader{silence.data(), shape_of_silence, 0};
    return;
  }
  AttachedRing& chosen = cold_->rings[ring];
  ring_ = chosen.reader();
  told_ = chosen.told();
  step_ = chosen.capacity() / steps_in_ring;
  const bool is_only_one = cold_->rings.size() == 1;
  if (is_only_one) burst_ = burst_of_only_writer;
  if (cold_->options.waiting != Waiting::sleeping) looks_ = is_only_one ? looks_at_only_ring : looks_beside_others;
}

/// What that ring has next; a record is held from then on.
RingReader::Found TopicReader::look_at(std::size_t index) {
  AttachedRing& ring = cold_->rings[index];
  if (cold_->options.delivery == Delivery::best_effort) {
    const RingReader::Found found = ring.copy(cold_->copy, record_);
    if (found == RingReader::Found::record) ring.tell(ring.reader().position());
    return found;
  }
  const RingReader::Found found = ring.reader().look(record_);
  if (found == RingReader::Found::record) {
    switch_to(index);
    holds_ = true;
  }
  return found;
}

/// Looks once at each ring, beginning after the one that had something last.
Result<bool> TopicReader::find_record() {
  const std::size_t last = cold_->current;
  put_back();
  if (cold_->bell().generation.load(std::memory_order_relaxed) != cold_->seen || !cold_->looked) {
    switch_to(no_ring);  // the one that was read may be dropped
    if (auto found = cold_->look_for_rings(); !found) return std::unexpected{found.error()};
  }
  const std::size_t count = cold_->rings.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t index = (cold_->turn + i) % count;
    const RingReader::Found found = look_at(index);
    if (found == RingReader::Found::record) {
      cold_->turn = index + 1;
      return true;
    }
    if (found == RingReader::Found::rubbish) {
      Error error = cold_->broken(cold_->rings[index], "what is there cannot be a record");
      switch_to(no_ring);  // it may be the one that was read last, whose memory goes
      cold_->leave(index);
      return std::unexpected{std::move(error)};
    }
  }
  const bool in_place = cold_->options.delivery == Delivery::reliable;
  if (in_place && count > 0) switch_to(last < count ? last : 0);
  return false;
}

const Record* TopicReader::soon(Deadline deadline) noexcept {
  if (!mark_.same_process() || deadline.is_immediate() || burst_ <= 1) return nullptr;
  if (ring_.watch(record_, looks_, record_.length) != RingReader::Found::record) return nullptr;
  --burst_;
  holds_ = true;
  cold_->waiter.note_received();
  return &record_;
}

/// Looks again and again until a record is there, the time to spin is over, or somebody has gone.
Result<bool> TopicReader::spin(Deadline deadline) {
  const bool polling = cold_->options.waiting == Waiting::polling;
  const auto start = Clock::now();
  while (true) {
    const int rounds = cold_->rings.size() <= 1 ? rounds_between_clocks_of_one : rounds_between_clocks;
    for (int round = 0; round < rounds; ++round) {
      auto found = find_record();
      if (!found || *found) return found;
      if (ring_.watch(record_, std::max(looks_, 1), record_.length) == RingReader::Found::record) {
        holds_ = true;
        return true;
      }
    }
    const auto now = Clock::now();
    if (now - cold_->looked_for_deaths >= look_for_deaths_every) return false;
    if (deadline.passed() || (!polling && now - start >= cold_->waiter.spin_for().now())) return false;
  }
}

Result<bool> TopicReader::wait_asleep(Deadline deadline) {
  cold_->waiter.announce_sleep();
  auto found = find_record();
  if (!found || *found) return found;
  if (auto slept = cold_->waiter.rest_until(deadline); !slept) return std::unexpected{slept.error()};
  return find_record();
}

Outcome<Record, TimedOut, WriterGone> TopicReader::taken() noexcept {
  cold_->waiter.note_received();
  return record_;
}

Result<Outcome<Record, TimedOut, WriterGone>> TopicReader::wait(Deadline deadline) {
  if (!mark_.same_process()) return std::unexpected{used_in_child("receive")};
  Cold& cold = *cold_;
  while (true) {
    auto found = find_record();
    if (!found) return std::unexpected{found.error()};
    if (*found) return taken();
    if (!deadline.is_immediate() && cold.options.waiting != Waiting::sleeping) {
      found = spin(deadline);
      if (!found) return std::unexpected{found.error()};
      if (*found) return taken();
    }
    const auto now = Clock::now();
    if (now - cold.looked_for_deaths >= look_for_deaths_every || cold.any_was_closed()) {
      cold.looked_for_deaths = now;
      put_back();
      switch_to(no_ring);
      cold.drop_gone_rings();
    }
    if (cold.rings.empty() && cold.gone) return *std::exchange(cold.gone, std::nullopt);
    if (deadline.passed()) break;
    if (cold.options.waiting == Waiting::polling) continue;
    found = wait_asleep(deadline);
    if (!found) return std::unexpected{found.error()};
    if (*found) return taken();
  }
  if (!cold.waiter.is_watching()) return TimedOut{};
  return wait_watched();
}

/// Nothing is there, and the caller will wait by the descriptor.
Result<Outcome<Record, TimedOut, WriterGone>> TopicReader::wait_watched() {
  Cold& cold = *cold_;
  const bool look_for_deaths = cold.waiter.announce_watch();
  auto found = find_record();
  if (!found) return std::unexpected{found.error()};
  if (*found) return taken();
  if (look_for_deaths) {
    put_back();
    switch_to(no_ring);
    cold.drop_gone_rings();
    if (cold.rings.empty() && cold.gone) return *std::exchange(cold.gone, std::nullopt);
  }
  return TimedOut{};
}

Error TopicReader::wrong_size() const {
  return {EBADMSG, "receive", cold_->topic.address(), "a message has not the size of its type: its writer is broken"};
}

Error TopicReader::used_in_child(const char* operation) const {
  return {ECHILD, operation, cold_->topic.address(),
          "this handle is the parent's; a child of fork(2) opens its own subscriber"};
}

Result<int> TopicReader::pollable() {
  if (!mark_.same_process()) return std::unexpected{used_in_child("poll")};
  return cold_->waiter.pollable();
}

}  // namespace ginnel::detail
