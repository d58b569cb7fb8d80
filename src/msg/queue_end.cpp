#include "ginnel/msg/detail/queue_end.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>

#include "ginnel/msg/detail/queue_members.hpp"
#include "ginnel/sys/directory_watch.hpp"
#include "home.hpp"
#include "queue_file.hpp"
#include "spin_budget.hpp"

namespace ginnel::detail {
namespace {

using namespace std::chrono_literals;
using Clock = Deadline::Clock;

/// Somebody looks for the dead as often as this; the same one, or whoever comes next.
constexpr std::chrono::milliseconds between_looks = look_for_deaths_every / 2;
/// A pop looks at the clock this often at most, and as rarely as its messages come fast.
constexpr std::chrono::nanoseconds clock_at_least_every = 1ms;
constexpr std::uint32_t most_pops_without_clock = 15;
/// A dead participant's lock comes free a moment after its file is told to be closed: the descriptor calls us to look once more.
constexpr int looks_after_close = 2;
/// Who looks at a word that another is about to write takes its cache line away: longer from look to look, up to about 1 µs.
constexpr int most_pauses = 256;
constexpr int looks_between_clocks = 8;
constexpr int most_attempts = 256;

std::uint64_t now_ms() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch()).count());
}

QueueShape shape_for(const QueueOptions& options) {
  return {.slots = options.slots,
          .priorities = options.priorities,
          .payload_bytes = static_cast<std::uint32_t>(
              std::min<std::uint64_t>(options.message_size.count(), QueueShape::most_payload_bytes + 1U)),
          .participants = options.participants};
}

std::string describe(const QueueShape& shape) {
  return std::to_string(shape.slots) + " slots, " + std::to_string(shape.priorities) + " priorities, " +
         std::to_string(shape.participants) + " participants and messages of " + std::to_string(shape.payload_bytes) +
         " bytes";
}

Result<void> check_shape(const QueueShape& shape, const std::string& address) {
  if (shape.is_valid()) return {};
  return std::unexpected{
      Error{EINVAL, "create", address,
            "it cannot have " + describe(shape) + ": there may be 1 to " + std::to_string(QueueShape::most_slots) +
                " slots, 1 to " + std::to_string(QueueShape::most_priorities) + " priorities, 1 to " +
                std::to_string(QueueShape::most_participants) + " participants and messages of up to " +
                std::to_string(QueueShape::most_payload_bytes) + " bytes"}};
}

/// The queue's file in a folder that is held.
Result<QueueFile> open_or_make(const HeldFolder& held, const MessageType& type, const QueueOptions& options,
                               QueueEnd::Existing existing) {
  while (true) {
    auto file = QueueFile::open(held.folder, type, held.address);
    if (file && existing == QueueEnd::Existing::refused)
      return std::unexpected{Error{EEXIST, "create", held.address, "there is one already"}};
    if (file || file.error().code() != ENOENT) return file;
    if (existing == QueueEnd::Existing::required)
      return std::unexpected{Error{ENOENT, "open", held.address, "nobody has made it in " + held.home.path()}};
    file = QueueFile::make(held.folder, type, shape_for(options), held.address);
    if (file || file.error().code() != EEXIST) return file;
  }
}

/// The lock comes first and the joining last: whoever finds a number in use and its lock free knows that its participant is dead.
/// None where no number was free.
Result<std::optional<std::uint32_t>> try_to_join(QueueFile& file, const OwnerStamp& owner, const std::string& address) {
  const QueueMembers members{file.memory()};
  for (std::uint32_t number = 1; number <= file.memory().shape().participants; ++number) {
    const auto locked = file.locks().lock(number);
    if (!locked) return std::unexpected{locked.error()};
    if (!*locked) continue;
    const QueueStep recovered = members.recover(number);
    if (recovered == QueueStep::done) {
      file.stamp(number, owner);
      if (members.join(number) == QueueStep::done) {
        // What was held by the one who had the number before may have come free just now.
        file.messages().wake_all();
        file.room().wake_all();
        return number;
      }
    }
    file.locks().unlock(number);
    if (recovered == QueueStep::rubbish)
      return std::unexpected{Error{EUCLEAN, "attach", address,
                                   "its memory contradicts itself: a participant has damaged it; remove the queue"}};
  }
  return std::nullopt;
}

Result<std::uint32_t> join(QueueFile& file, const OwnerStamp& owner, const std::string& address) {
  for (int left = most_attempts; left > 0; --left) {
    const auto number = try_to_join(file, owner, address);
    if (!number) return std::unexpected{number.error()};
    if (*number) return **number;
    if (file.locks().count_others() >= file.memory().shape().participants) break;
    std::this_thread::yield();  // one has just come free, or is being recovered by somebody else
  }
  return std::unexpected{Error{
      EUSERS, "attach", address,
      "all its " + std::to_string(file.memory().shape().participants) + " participants are there; make it with more"}};
}

}  // namespace

struct QueueEnd::Cold {
  std::string address;
  SharedFolder folder;
  QueueFile file;
  Waiting waiting = Waiting::adaptive;
  SpinBudget spin_for{};
  std::atomic<std::uint32_t> pops_between_looks = 1;
  std::atomic<Clock::rep> looked_at_clock = 0;
  std::atomic<bool> is_watched = false;
  std::mutex watching{};  ///< guards what follows
  DirectoryWatch watch{};
  int looks_after_close = 0;

  [[nodiscard]] std::uint32_t sweep(std::uint32_t me) const;
  void ring_doorbell() const {
    static_cast<void>(DirectoryWatch::ring(file.descriptor(), offsetof(QueueHeader, doorbell)));
  }
};

/// How many it has recovered.
std::uint32_t QueueEnd::Cold::sweep(std::uint32_t me) const {
  const QueueMembers members{file.memory()};
  return members.sweep([&](std::uint32_t number) { return number != me && file.is_gone(number); }).recovered;
}

QueueEnd::QueueEnd(std::unique_ptr<Cold> cold, ForkMark mark) noexcept
    : messages_{cold->file.messages()}, room_{cold->file.room()}, mark_{std::move(mark)}, cold_{std::move(cold)} {}

Result<std::unique_ptr<QueueEnd>> QueueEnd::open(const std::string& name, const MessageType& type,
                                                 const QueueOptions& options, Existing existing) {
  const std::string address = "queue:" + name;
  const QueueShape wanted = shape_for(options);
  const bool may_make = existing != Existing::required;
  if (may_make)
    if (auto good = check_shape(wanted, address); !good) return std::unexpected{good.error()};
  const auto owner = own_stamp();
  if (!owner) return std::unexpected{owner.error()};
  auto mark = ForkMark::create();
  if (!mark) return std::unexpected{mark.error()};

  auto held = hold_object("queue", name, options.home, may_make ? Purpose::make : Purpose::attach);
  if (!held) return std::unexpected{held.error()};
  TakenBack taken_back{*held, {}};
  auto file = open_or_make(*held, type, options, existing);
  if (!file) return std::unexpected{file.error()};
  const QueueShape found = file->memory().shape();
  if (may_make && found != wanted)
    return std::unexpected{
        Error{EEXIST, "open", address,
              "it has " + describe(found) + ", not " + describe(wanted) + ": attach to it as it is, or remove it"}};
  const auto number = join(*file, *owner, address);
  if (!number) return std::unexpected{number.error()};
  taken_back.keep();
  auto cold = std::unique_ptr<Cold>{new Cold{
      .address = address, .folder = std::move(held->folder), .file = std::move(*file), .waiting = options.waiting}};
  auto end = std::unique_ptr<QueueEnd>{new QueueEnd{std::move(cold), std::move(*mark)}};
  end->core_ = QueueCore{end->cold_->file.memory(), static_cast<std::uint8_t>(*number)};
  end->look_for_deaths(When::now);
  return end;
}

QueueEnd::~QueueEnd() {
  if (!mark_.same_process()) return;
  static_cast<void>(QueueMembers{core_.memory()}.leave(core_.participant()));
  messages_.wake_all();
  room_.wake_all();
  // Closing the file would not do it while it is mapped.
  cold_->file.locks().unlock(core_.participant());
}

void QueueEnd::look_for_deaths(When when) {
  std::atomic<std::uint64_t>& looked = cold_->file.header().looked_for_deaths;
  const std::uint64_t now = now_ms();
  std::uint64_t last = looked.load(std::memory_order_relaxed);
  const bool is_due = now < last || now - last >= static_cast<std::uint64_t>(between_looks.count());
  if (when == When::when_due && (!is_due || !looked.compare_exchange_strong(last, now))) return;
  if (cold_->sweep(core_.participant()) == 0) return;
  messages_.wake_all();
  room_.wake_all();
}

void QueueEnd::plan_next_look() noexcept {
  const Clock::rep now = Clock::now().time_since_epoch().count();
  const Clock::duration since{now - cold_->looked_at_clock.exchange(now, std::memory_order_relaxed)};
  const std::uint32_t before = cold_->pops_between_looks.load(std::memory_order_relaxed);
  const std::uint32_t next = since < clock_at_least_every ? std::min(2 * before + 1, most_pops_without_clock) : 0;
  cold_->pops_between_looks.store(next, std::memory_order_relaxed);
  pops_until_look_.store(next, std::memory_order_relaxed);
}

/// Looks again and again until an attempt brings something, or the time to spin is over.
template <class Attempt>
QueueStep QueueEnd::spin(Deadline deadline, const Attempt& attempt) {
  const bool polling = cold_->waiting == Waiting::polling;
  const auto end = Clock::now() + (polling ? std::chrono::nanoseconds{between_looks} : cold_->spin_for.now());
  int pauses = 1;
  while (true) {
    for (int looks = 0; looks < looks_between_clocks; ++looks) {
      for (int i = 0; i < pauses; ++i) relax();
      pauses = std::min(2 * pauses, most_pauses);
      if (const QueueStep step = attempt(); step != QueueStep::nothing) return step;
    }
    if (deadline.passed() || Clock::now() >= end) return QueueStep::nothing;
  }
}

/// `attempt` tries to get what is waited for; `is_more` tells, after it got it, whether another may be woken for the next.
template <class Attempt, class IsMore>
Result<Outcome<Done, TimedOut>> QueueEnd::wait(const char* operation, const WaitGate& gate, Deadline deadline,
                                               const Attempt& attempt, const IsMore& is_more) {
  const bool may_spin = cold_->waiting != Waiting::sleeping && !deadline.is_immediate();
  bool was_announced = false;
  while (true) {
    look_for_deaths(When::when_due);
    QueueStep step = attempt();
    if (step == QueueStep::nothing && may_spin) step = spin(deadline, attempt);
    std::uint32_t announced = 0;
    const bool may_sleep = cold_->waiting != Waiting::polling && !deadline.passed();
    if (step == QueueStep::nothing && may_sleep) {
      announced = gate.announce_sleeper();
      was_announced = true;
      step = attempt();
    }
    if (step == QueueStep::done) {
      if (was_announced && is_more()) gate.wake_one();
      return Done{};
    }
    if (step == QueueStep::rubbish) return std::unexpected{contradicts_itself(operation)};
    if (deadline.passed()) return TimedOut{};
    if (step == QueueStep::busy || !may_sleep) continue;
    const auto asleep = Clock::now();
    if (auto slept = gate.sleep_while(announced, deadline.sooner(Deadline::after(look_for_deaths_every))); !slept)
      return std::unexpected{slept.error()};
    cold_->spin_for.learn_from(Clock::now() - asleep);
    // Whoever woke us took the announcement of all away: the others may still sleep.
    static_cast<void>(gate.announce_sleeper());
  }
}

Result<Outcome<Done, TimedOut>> QueueEnd::wait_for_slot(ClaimedSlot& claimed, Deadline deadline) {
  if (!mark_.same_process()) return std::unexpected{used_in_child("push")};
  return wait("push", room_, deadline, [&] { return core_.claim(claimed); }, [] { return true; });
}

Result<Outcome<Done, TimedOut>> QueueEnd::wait_for_message(TakenMessage& taken, Deadline deadline) {
  if (!mark_.same_process()) return std::unexpected{used_in_child("pop")};
  if (pops_until_look_.load(std::memory_order_relaxed) == 0) plan_next_look();
  const auto attempt = [&] { return core_.take(taken); };
  const auto is_more = [&] { return core_.may_have_message(); };
  auto outcome = wait("pop", messages_, deadline, attempt, is_more);
  if (!outcome || !outcome->is<TimedOut>() || !cold_->is_watched.load(std::memory_order_acquire)) return outcome;
  return wait_watched(taken);
}

/// Nothing is there, and the caller will wait by the descriptor.
Result<Outcome<Done, TimedOut>> QueueEnd::wait_watched(TakenMessage& taken) {
  const std::lock_guard guard{cold_->watching};
  if (cold_->watch.clear()) cold_->looks_after_close = looks_after_close;
  messages_.announce_watcher();
  if (cold_->looks_after_close > 0) {
    look_for_deaths(When::now);
    if (--cold_->looks_after_close > 0) cold_->ring_doorbell();
  }
  switch (core_.take(taken)) {
    case QueueStep::done:
      return Done{};
    case QueueStep::rubbish:
      return std::unexpected{contradicts_itself("pop")};
    case QueueStep::busy:
      cold_->ring_doorbell();
      [[fallthrough]];
    case QueueStep::nothing:
      break;
  }
  return TimedOut{};
}

/// What others do can only delay a publication: see QueueCore::publish.
Result<void> QueueEnd::publish_again(QueueStep step, const ClaimedSlot& claimed, std::uint32_t length,
                                     std::uint32_t priority) {
  while (step == QueueStep::busy) step = core_.publish(claimed, length, priority);
  if (step == QueueStep::done) {
    messages_.knock();
    return {};
  }
  withdraw(claimed);
  return std::unexpected{contradicts_itself("push")};
}

void QueueEnd::withdraw(const ClaimedSlot& claimed) noexcept {
  if (!mark_.same_process()) return;
  core_.withdraw(claimed);
  room_.knock();
}

bool QueueEnd::give_back(const TakenMessage& taken) noexcept {
  if (!mark_.same_process() || core_.give_back(taken) != QueueStep::done) return false;
  messages_.knock();
  return true;
}

QueueCounts QueueEnd::counts() const noexcept {
  QueueCounts counts{.slots = shape().slots};
  for (std::uint32_t slot = 0; slot < counts.slots; ++slot) {
    const SlotState state = SlotWord::unpack(core_.memory().slot_word(slot).load(std::memory_order_relaxed)).state;
    if (state == SlotState::held)
      ++counts.held;
    else if (state != SlotState::free)
      ++counts.queued;
  }
  return counts;
}

Result<int> QueueEnd::pollable() {
  if (!mark_.same_process()) return std::unexpected{used_in_child("poll")};
  const std::lock_guard guard{cold_->watching};
  if (cold_->watch.active()) return cold_->watch.pollable();
  auto watch = DirectoryWatch::of(cold_->folder.descriptor());
  if (!watch) return std::unexpected{std::move(watch.error()).with_object(cold_->address)};
  cold_->watch = std::move(*watch);
  messages_.announce_watcher();
  cold_->is_watched.store(true, std::memory_order_release);
  cold_->ring_doorbell();  // what came before nobody was told of
  return cold_->watch.pollable();
}

Error QueueEnd::refusal(std::uint64_t payload_bytes, std::uint32_t priority) const {
  if (payload_bytes > shape().payload_bytes)
    return Error{EMSGSIZE, "push", cold_->address,
                 std::to_string(payload_bytes) + " bytes, and a message of this queue has at most " +
                     std::to_string(shape().payload_bytes) + "; make it with a larger message size"};
  return Error{EINVAL, "push", cold_->address,
               "there is no priority " + std::to_string(priority) + ": the highest is " +
                   std::to_string(shape().priorities - 1) + "; make it with more"};
}

Error QueueEnd::used_in_child(const char* operation) const {
  return Error{ECHILD, operation, cold_->address, "this handle is the parent's; a child of fork(2) opens its own"};
}

Error QueueEnd::contradicts_itself(const char* operation) const {
  return Error{EUCLEAN, operation, cold_->address,
               "its memory contradicts itself: a participant has damaged it; remove the queue and make it anew"};
}

Error QueueEnd::wrong_size(const TakenMessage& taken) const {
  return Error{EUCLEAN, "pop", cold_->address,
               "a message has " + std::to_string(taken.length) + " bytes, which is no size of its type"};
}

}  // namespace ginnel::detail
