#include "ginnel/msg/detail/channel_end.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <deque>
#include <optional>

#include "channel_link.hpp"
#include "ginnel/sys/epoll.hpp"
#include "ginnel/sys/eventfd.hpp"
#include "ginnel/sys/futex.hpp"
#include "ginnel/sys/process_barrier.hpp"
#include "spin_budget.hpp"

namespace ginnel::detail {
namespace {

using namespace std::chrono_literals;
using Clock = Deadline::Clock;

constexpr auto sleep_without_barriers = 1ms;
/// At the ring before anything else is looked at: some 2 µs.
constexpr int looks_at_once = 64;
constexpr int receives_until_inattentive = 256;
/// Two sets of descriptors are on their way at the most while no record of theirs is there: a set is sent right before its record.
constexpr std::size_t sets_ahead_max = 2;
/// A peer that knocks without end is not to keep us from anything else.
constexpr int notes_at_once = 64;

/// What a sender looks at that no barrier of others reaches: it has a fence in its path instead.
constinit const std::atomic<std::uint32_t> always_attentive{1};

constexpr const char* not_told = "its note over the socket is none of ginnel's";
constexpr const char* wrong_set = "descriptors came that belong to no message, or none for a message that has some";

FutexWord& own_half(void* word) noexcept { return const_cast<FutexWord&>(low_half(word)); }

}  // namespace

struct ChannelEnd::Cold {
  /// Descriptors that came before their record, or the news that they could not be taken.
  struct Set {
    std::uint64_t number = 0;
    std::vector<UniqueFd> descriptors;
    std::optional<Error> lost{};
  };

  ChannelLink link;
  Waiting waiting;
  std::atomic<bool> gone{false};
  std::atomic<const char*> broken{nullptr};

  // Of the thread that sends.
  std::uint64_t cursor = 0;  ///< of the peer, as it was told last
  std::uint32_t answered_sleep = 0;
  std::uint32_t answered_watch = 0;
  std::uint32_t waits = 0;
  SpinBudget spin_for_room{};
  Clock::time_point sender_looked = Clock::now();

  // Of the thread that receives.
  std::uint32_t sleeps = 0;
  std::uint32_t watches = 0;
  std::uint32_t answered_wait = 0;
  bool attentive = false;
  bool barriers_work = true;
  int receives_since_sleep = 0;
  SpinBudget spin_for{};
  Clock::time_point receiver_looked = Clock::now();
  std::deque<Set> sets{};
  Epoll watched{};
  std::optional<Eventfd>
      never_looked{};  ///< keeps the descriptor readable until then: what is there already makes no knock

  [[nodiscard]] ChannelPage& own() const noexcept { return link.own_page(); }
  [[nodiscard]] const ChannelPage& theirs() const noexcept { return link.their_page(); }
  [[nodiscard]] bool peer_is_gone() {
    if (!gone.load(std::memory_order_relaxed) && link.peer_is_gone()) gone.store(true, std::memory_order_relaxed);
    return gone.load(std::memory_order_relaxed);
  }
  [[nodiscard]] Error broken_by(const char* why) const {
    return {EBADMSG, "talk to a peer", link.address,
            "process " + std::to_string(link.peer.pid) + " of user " + std::to_string(link.peer.uid) +
                " broke the protocol: " + why};
  }
  [[nodiscard]] std::optional<Error> already_broken() const {
    const char* const why = broken.load(std::memory_order_acquire);
    if (why == nullptr) return std::nullopt;
    return broken_by(why);
  }
};

ChannelEnd::ChannelEnd(ChannelLink link, ForkMark mark, Waiting waiting)
    : mark_{std::move(mark)},
      out_{link.own.body(), link.own_shape},
      in_{link.theirs.body(), link.their_shape, 0},
      step_{link.their_shape.capacity / steps_in_ring},
      cold_{new Cold{.link = std::move(link), .waiting = waiting}} {
  attentive_ = register_for_process_barriers() ? &cold_->theirs().attentive : &always_attentive;
}

ChannelEnd::~ChannelEnd() { retire(); }

Result<std::unique_ptr<ChannelEnd>> ChannelEnd::make(ChannelLink link, Waiting waiting) {
  auto mark = ForkMark::create();
  if (!mark) return std::unexpected{mark.error()};
  return std::make_unique<ChannelEnd>(std::move(link), std::move(*mark), waiting);
}

Result<Outcome<std::unique_ptr<ChannelEnd>, TimedOut>> ChannelEnd::connect(const std::string& path,
                                                                           const MessageType& sends,
                                                                           const MessageType& receives,
                                                                           const ChannelOptions& options,
                                                                           Deadline deadline) {
  const ChannelTerms terms{.sends = sends,
                           .receives = receives,
                           .capacity = options.capacity.value_or(capacity_of_channel),
                           .address = "channel:" + path};
  auto link = connect_channel(UnixAddress{path}, terms, deadline);
  if (!link) return std::unexpected{link.error()};
  if (link->is<TimedOut>()) return TimedOut{};
  auto end = make(std::move(link->as<ChannelLink>()), options.waiting);
  if (!end) return std::unexpected{end.error()};
  return std::move(*end);
}

/// Goodbye in good order: what was sent stays with the peer. A child of fork(2) has the descriptors, but not the memory: it may have something
/// else there by now, and leaves that alone.
void ChannelEnd::retire() noexcept {
  Cold& cold = *cold_;
  if (!mark_.same_process()) {
    cold.link.socket.reset();
    cold.link.peer_process.reset();
    cold.watched = {};
    cold.never_looked.reset();
    cold.sets.clear();
    static_cast<void>(cold_.release());
    return;
  }
  cold.own().closed.store(1);
  cold.own().attentive.store(1);  // a peer that only sends looks
  static_cast<void>(futex_wake(own_half(out_.word()), wake_all));
  static_cast<void>(futex_wake(own_half(&cold.own().cursor), wake_all));
}

Error ChannelEnd::used_in_child(const char* operation) const {
  return {ECHILD, operation, {}, "this end is the parent's; a child of fork(2) connects for itself"};
}

Error ChannelEnd::end_with(const char* why) noexcept {
  cold_->broken.store(why, std::memory_order_release);
  end_connection(cold_->link.socket.get());
  return cold_->broken_by(why);
}

Error ChannelEnd::break_off(const char* why) noexcept {
  stop_receiving();
  return end_with(why);
}

const Credentials& ChannelEnd::peer() const noexcept { return cold_->link.peer; }
const std::string& ChannelEnd::address() const noexcept { return cold_->link.address; }
int ChannelEnd::socket() const noexcept { return cold_->link.socket.get(); }
int ChannelEnd::peer_process() const noexcept { return cold_->link.peer_process.get(); }
bool ChannelEnd::peer_is_gone() noexcept { return cold_->peer_is_gone(); }

void ChannelEnd::tell_taken(std::uint64_t count) noexcept {
  cold_->own().taken.store(count, std::memory_order_release);
}
std::uint64_t ChannelEnd::taken_by_peer() const noexcept {
  return cold_->theirs().taken.load(std::memory_order_acquire);
}

// Sending.

/// Up to the peer's cursor, but an eighth of the ring at a time: then it is noticed that the peer has gone.
Result<bool> ChannelEnd::try_to_make_room(std::uint64_t end) {
  Cold& cold = *cold_;
  const std::uint64_t tail = out_.tail();
  const std::uint64_t capacity = out_.shape().capacity;
  const std::uint64_t cursor = cold.theirs().cursor.load(std::memory_order_acquire);
  if (cursor < cold.cursor || cursor > tail) {
    out_.set_limit(0);  // what is short enough for the room that is left is not sent either
    return std::unexpected{end_with("it says that it has read what was not sent yet, or takes back what it said")};
  }
  cold.cursor = cursor;
  const std::uint64_t limit = std::min(std::max(end, tail + capacity / steps_in_ring), cursor + capacity);
  if (limit < end) return false;
  out_.set_limit(limit);
  return true;
}

/// A peer that keeps pace makes room sooner than a sleep and its end take.
bool ChannelEnd::spin_for_room(std::uint64_t end, Deadline deadline) noexcept {
  const auto start = Clock::now();
  while (true) {
    for (int looks = 0; looks < looks_at_once; ++looks) {
      if (cold_->theirs().cursor.load(std::memory_order_acquire) + out_.shape().capacity >= end) return true;
      relax();
    }
    if (deadline.passed() || Clock::now() - start >= cold_->spin_for_room.now()) return false;
  }
}

Result<void> ChannelEnd::sleep_for_room(std::uint64_t end, Deadline deadline) {
  Cold& cold = *cold_;
  cold.own().waiting.store(++cold.waits, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const auto& cursor = cold.theirs().cursor;
  const std::uint64_t seen = cursor.load(std::memory_order_acquire);
  if (seen + out_.shape().capacity >= end) return {};
  const auto asleep = Clock::now();
  const auto slept = futex_wait(low_half(&cursor), static_cast<std::uint32_t>(seen),
                                deadline.sooner(Deadline::after(look_for_deaths_every)));
  if (!slept) return std::unexpected{slept.error()};
  cold.spin_for_room.learn_from(Clock::now() - asleep);
  return {};
}

Result<Outcome<Done, PeerGone, TimedOut>> ChannelEnd::make_room(std::uint64_t payload_bytes, Deadline deadline) {
  if (!mark_.same_process()) return std::unexpected{used_in_child("send")};
  Cold& cold = *cold_;
  if (payload_bytes > largest_payload())
    return std::unexpected{Error{EMSGSIZE, "send", cold.link.address,
                                 std::to_string(payload_bytes) + " bytes, and a message of this ring has at most " +
                                     std::to_string(largest_payload()) +
                                     ", a quarter of it; give the channel more capacity"}};
  const std::uint64_t end = out_.end_of(payload_bytes);
  while (true) {
    if (auto broken = cold.already_broken()) {
      out_.set_limit(0);
      return std::unexpected{std::move(*broken)};
    }
    const auto room = try_to_make_room(end);
    if (!room) return std::unexpected{room.error()};
    const auto now = Clock::now();
    const bool look = !*room || now - cold.sender_looked >= look_for_deaths_every;
    if (look) cold.sender_looked = now;
    if (look ? cold.peer_is_gone() : cold.gone.load(std::memory_order_relaxed)) {
      out_.set_limit(0);
      return PeerGone{};
    }
    if (*room) return Done{};
    if (deadline.passed()) return TimedOut{};
    if (cold.waiting != Waiting::sleeping && spin_for_room(end, deadline)) continue;
    if (auto slept = sleep_for_room(end, deadline); !slept) return std::unexpected{slept.error()};
  }
}

/// The peer may sleep, or wait by its descriptor; where it has asked for nothing since the last time, it may have gone.
void ChannelEnd::wake_peer(std::byte* word) noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  Cold& cold = *cold_;
  const ChannelPage& theirs = cold.theirs();
  const std::uint32_t sleep = theirs.sleeping.load(std::memory_order_relaxed);
  const std::uint32_t watch = theirs.watching.load(std::memory_order_relaxed);
  if (sleep != cold.answered_sleep) {
    cold.answered_sleep = sleep;
    static_cast<void>(futex_wake(own_half(word), 1));
  }
  if (watch != cold.answered_watch) {
    cold.answered_watch = watch;
    knock();
    return;
  }
  if (theirs.closed.load(std::memory_order_relaxed) == 0) {
    const auto now = Clock::now();
    if (now - cold.sender_looked < look_for_deaths_every) return;
    cold.sender_looked = now;
  }
  if (cold.peer_is_gone()) out_.set_limit(0);
}

void ChannelEnd::knock() noexcept {
  const ChannelNote note{.kind = static_cast<std::uint32_t>(ChannelNote::Kind::knock), .reserved = 0, .number = 0};
  // Where there is no room for it, there is enough to read.
  static_cast<void>(
      send_descriptors(cold_->link.socket.get(), std::as_bytes(std::span{&note, 1}), {}, Deadline::immediately()));
}

Result<Outcome<Done, PeerGone, TimedOut, TooManyInFlight>> ChannelEnd::send_ahead(std::span<const int> descriptors,
                                                                                  Deadline deadline) {
  Cold& cold = *cold_;
  const ChannelNote note{
      .kind = static_cast<std::uint32_t>(ChannelNote::Kind::descriptors), .reserved = 0, .number = out_.count()};
  while (true) {
    // In slices: the socket of a peer that died may live on in a child of it.
    auto sent = send_descriptors(cold.link.socket.get(), std::as_bytes(std::span{&note, 1}), descriptors,
                                 deadline.sooner(Deadline::after(look_for_deaths_every)));
    if (!sent) return std::unexpected{std::move(sent.error()).with_object(cold.link.address)};
    if (sent->is<BytesWritten>()) return Done{};
    if (sent->is<PeerGone>() || cold.peer_is_gone()) return PeerGone{};
    if (sent->is<TooManyInFlight>()) return TooManyInFlight{};
    if (deadline.passed()) return TimedOut{};
  }
}

// Receiving.

void ChannelEnd::tell_cursor() noexcept {
  Cold& cold = *cold_;
  told_ = in_.position();
  cold.own().cursor.store(told_, std::memory_order_release);
  if (cold.broken.load(std::memory_order_relaxed) != nullptr) return stop_receiving();
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const std::uint32_t waits = cold.theirs().waiting.load(std::memory_order_relaxed);
  if (waits == cold.answered_wait) return;
  cold.answered_wait = waits;
  static_cast<void>(futex_wake(own_half(&cold.own().cursor), 1));
}

/// Whatever a peer that broke the protocol goes on to write: no record of it is found any more.
void ChannelEnd::stop_receiving() noexcept {
  in_ = RingReader{silence.data(), shape_of_silence, 0};
  told_ = 0;
  held_ = Held::nothing;
}

/// What comes over the socket: knocks, which are answered by looking, and descriptors ahead of their records.
Result<int> ChannelEnd::read_socket(int notes_max) {
  Cold& cold = *cold_;
  std::array<std::byte, sizeof(ChannelNote)> buffer{};
  int notes = 0;
  for (; notes < notes_max && cold.sets.size() < sets_ahead_max; ++notes) {
    auto received = receive_descriptors(cold.link.socket.get(), buffer, Deadline::immediately());
    if (!received) {
      const int code = received.error().code();
      if (code == EMFILE) {
        cold.sets.push_back({.number = 0, .descriptors = {}, .lost = std::move(received.error())});
        continue;
      }
      if (code != EMSGSIZE && code != ECONNRESET) return std::unexpected{std::move(received.error())};
      if (code == EMSGSIZE) return std::unexpected{break_off(not_told)};
      return notes;
    }
    if (!received->is<ReceivedWithDescriptors>()) return notes;
    auto& message = received->as<ReceivedWithDescriptors>();
    if (message.bytes != sizeof(ChannelNote)) return std::unexpected{break_off(not_told)};
    const auto note = std::bit_cast<ChannelNote>(buffer);
    if (note.kind == static_cast<std::uint32_t>(ChannelNote::Kind::knock)) continue;
    if (note.kind != static_cast<std::uint32_t>(ChannelNote::Kind::descriptors))
      return std::unexpected{break_off(not_told)};
    cold.sets.push_back({.number = note.number, .descriptors = std::move(message.descriptors)});
  }
  return notes;
}

/// The descriptors of the record that was found. They were sent before it.
Result<void> ChannelEnd::take_along() {
  Cold& cold = *cold_;
  if (cold.sets.empty())
    if (auto read = read_socket(notes_at_once); !read) return std::unexpected{std::move(read.error())};
  if (cold.sets.empty()) return std::unexpected{break_off(wrong_set)};
  Cold::Set set = std::move(cold.sets.front());
  cold.sets.pop_front();
  if (set.lost) {
    in_.pass(record_);
    return std::unexpected{std::move(*set.lost).with_object(cold.link.address)};
  }
  if (static_cast<std::uint32_t>(set.number) != record_.number) return std::unexpected{break_off(wrong_set)};
  came_along_ = std::move(set.descriptors);
  return {};
}

Result<bool> ChannelEnd::find() {
  if (held_ != Held::nothing) release();
  if (auto broken = cold_->already_broken()) return std::unexpected{std::move(*broken)};
  bool accompanied = false;
  switch (in_.look(record_, accompanied)) {
    case RingReader::Found::rubbish:
      return std::unexpected{break_off("a record has an impossible length")};
    case RingReader::Found::nothing:
      // The first set's record is sent before the second set is.
      if (cold_->sets.size() >= sets_ahead_max) return std::unexpected{break_off(wrong_set)};
      return false;
    case RingReader::Found::record:
      break;
  }
  if (accompanied)
    if (auto taken = take_along(); !taken) return std::unexpected{taken.error()};
  held_ = accompanied ? Held::record_with_descriptors : Held::record;
  return true;
}

bool ChannelEnd::watch() noexcept {
  if (in_.watch(record_, looks_at_once, record_.length) != RingReader::Found::record) return false;
  held_ = Held::record;
  return true;
}

const Record* ChannelEnd::soon(Deadline deadline) noexcept {
  if (!mark_.same_process() || deadline.is_immediate() || cold_->waiting == Waiting::sleeping || !watch())
    return nullptr;
  note_received();
  return &record_;
}

Result<bool> ChannelEnd::spin(Deadline deadline) {
  Cold& cold = *cold_;
  const bool polling = cold.waiting == Waiting::polling;
  const auto start = Clock::now();
  while (true) {
    if (watch()) return true;
    auto found = find();
    if (!found || *found) return found;
    const auto now = Clock::now();
    if (now - cold.receiver_looked >= look_for_deaths_every) return false;
    if (cold.theirs().closed.load(std::memory_order_relaxed) != 0) return false;
    if (deadline.passed() || (!polling && now - start >= cold.spin_for.now())) return false;
  }
}

/// From now on the peer looks whether anybody sleeps here; true when it did not before, and a barrier has to make it see that: if it
/// does not see it, it has sent before the barrier, and what it sent is seen here.
bool ChannelEnd::be_attentive() noexcept {
  Cold& cold = *cold_;
  cold.receives_since_sleep = 0;
  if (cold.attentive) return false;
  cold.attentive = true;
  cold.own().attentive.store(1);
  return true;
}

void ChannelEnd::note_received() noexcept {
  if (++cold_->receives_since_sleep == receives_until_inattentive) be_inattentive();
}

void ChannelEnd::be_inattentive() noexcept {
  Cold& cold = *cold_;
  if (!cold.attentive || cold.watched.valid()) return;
  cold.attentive = false;
  cold.own().attentive.store(0);
}

const FutexWord& ChannelEnd::announce_sleep(bool& barrier_needed) noexcept {
  barrier_needed = be_attentive() || barrier_needed;
  cold_->own().sleeping.store(++cold_->sleeps, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return low_half(in_.word());
}

Result<bool> ChannelEnd::wait_asleep(Deadline deadline) {
  Cold& cold = *cold_;
  bool barrier_needed = false;
  const FutexWord& word = announce_sleep(barrier_needed);
  if (barrier_needed) cold.barriers_work = process_barrier().has_value();
  auto found = find();
  if (!found || *found) return found;
  const std::chrono::nanoseconds longest = cold.barriers_work ? look_for_deaths_every : sleep_without_barriers;
  const auto asleep = Clock::now();
  const auto slept = futex_wait(word, 0, deadline.sooner(Deadline::after(longest)));
  if (!slept) return std::unexpected{slept.error()};
  cold.spin_for.learn_from(Clock::now() - asleep);
  return find();
}

/// Whether it is time to ask the kernel, and what it said.
bool ChannelEnd::peer_may_be_gone() noexcept {
  Cold& cold = *cold_;
  if (cold.gone.load(std::memory_order_relaxed)) return true;
  const auto now = Clock::now();
  const bool said_goodbye = cold.theirs().closed.load(std::memory_order_relaxed) != 0;
  if (!said_goodbye && now - cold.receiver_looked < look_for_deaths_every) return false;
  cold.receiver_looked = now;
  return cold.peer_is_gone();
}

Result<Outcome<Record, PeerGone, TimedOut>> ChannelEnd::wait(Deadline deadline) {
  if (!mark_.same_process()) return std::unexpected{used_in_child("receive")};
  Cold& cold = *cold_;
  auto found = find();
  const auto taken = [&]() -> Outcome<Record, PeerGone, TimedOut> {
    note_received();
    return record_;
  };
  while (true) {
    if (!found) return std::unexpected{found.error()};
    if (*found) return taken();
    if (in_.position() != told_) tell_cursor();
    if (!deadline.is_immediate() && cold.waiting != Waiting::sleeping) {
      found = spin(deadline);
      if (!found || *found) continue;
    }
    if (peer_may_be_gone()) {
      found = find();  // what was sent before the death is seen now
      if (!found || *found) continue;
      return PeerGone{};
    }
    if (deadline.passed()) break;
    if (cold.waiting != Waiting::polling) found = wait_asleep(deadline);
  }
  if (!cold.watched.valid()) return TimedOut{};
  return look_watched();
}

/// Nothing is there, and the caller will wait by the descriptor.
Result<Outcome<Record, PeerGone, TimedOut>> ChannelEnd::look_watched() {
  cold_->never_looked.reset();
  if (auto read = read_socket(notes_at_once); !read) return std::unexpected{read.error()};
  if (ask_for_knock()) cold_->barriers_work = process_barrier().has_value();
  const bool gone = cold_->peer_is_gone();
  const auto found = find();
  if (!found) return std::unexpected{found.error()};
  if (*found) return record_;
  if (gone) return PeerGone{};
  return TimedOut{};
}

bool ChannelEnd::ask_for_knock() noexcept {
  const bool barrier_needed = be_attentive();
  cold_->own().watching.store(++cold_->watches, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return barrier_needed;
}

Result<int> ChannelEnd::pollable() {
  if (!mark_.same_process()) return std::unexpected{used_in_child("poll")};
  Cold& cold = *cold_;
  if (cold.watched.valid()) return cold.watched.pollable();
  auto set = Epoll::create();
  if (!set) return std::unexpected{set.error()};
  auto ready = Eventfd::create({.initial = 1});
  if (!ready) return std::unexpected{ready.error()};
  for (const int fd : {cold.link.socket.get(), cold.link.peer_process.get(), ready->pollable()})
    if (auto added = set->add(fd, 0); !added) return std::unexpected{added.error()};
  cold.watched = std::move(*set);
  cold.never_looked = std::move(*ready);
  return cold.watched.pollable();
}

}  // namespace ginnel::detail
