#include "ginnel/msg/detail/latest_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "bell_folder.hpp"
#include "bell_waiter.hpp"
#include "home.hpp"
#include "latest_file.hpp"
#include "own_page.hpp"

namespace ginnel::detail {
namespace {

using Clock = Deadline::Clock;

constexpr int looks_between_clocks = 64;

/// What is read while there is no file.
constinit const std::atomic<std::uint64_t> never_set{0};

}  // namespace

struct LatestReader::Cold {
  BellFolder folder;
  OwnPage own;
  MessageType type;
  Waiting waiting = Waiting::adaptive;
  std::optional<ValueView> value{};
  BellWaiter waiter{folder, own};
  bool gone_was_told = false;
  Clock::time_point looked_for_deaths = Clock::now();

  [[nodiscard]] bool is_time_to_look_for_death() const {
    return Clock::now() - looked_for_deaths >= look_for_deaths_every || (value && value->header().closed.load() != 0);
  }
  /// Told once for each writer.
  [[nodiscard]] std::optional<WriterGone> look_for_death();
};

std::optional<WriterGone> LatestReader::Cold::look_for_death() {
  looked_for_deaths = Clock::now();
  if (!value || gone_was_told || !value->writer_is_gone()) return std::nullopt;
  gone_was_told = true;
  return WriterGone{.died = value->header().closed.load() == 0};
}

LatestReader::LatestReader(std::unique_ptr<Cold> cold, ForkMark mark) noexcept
    : generation_{&cold->folder.bell().generation},
      announced_{&announcement(cold->own.page())},
      mark_{std::move(mark)},
      cold_{std::move(cold)} {
  read_from_nothing();
}

void LatestReader::read_from_nothing() noexcept {
  announced_->store(0);
  held_ = 0;
  current_ = &never_set;
  looks_ = &never_set;
}

LatestReader::LatestReader(LatestReader&& other) noexcept = default;

LatestReader& LatestReader::operator=(LatestReader&& other) noexcept {
  if (this == &other) return *this;
  retire();
  shape_ = other.shape_;
  stride_ = other.stride_;
  value_at_ = other.value_at_;
  slots_ = other.slots_;
  current_ = other.current_;
  looks_ = other.looks_;
  generation_ = other.generation_;
  announced_ = other.announced_;
  held_ = other.held_;
  seen_generation_ = other.seen_generation_;
  mark_ = std::move(other.mark_);
  cold_ = std::move(other.cold_);
  return *this;
}

LatestReader::~LatestReader() { retire(); }

Result<LatestReader> LatestReader::open(const std::string& name, const MessageType& type,
                                        const LatestReaderOptions& options) {
  auto held = hold_object("latest", name, options.home, Purpose::make);
  if (!held) return std::unexpected{held.error()};
  TakenBack taken_back{*held, bell_name};
  auto folder = BellFolder::open(std::move(held->folder), held->address);
  if (!folder) return std::unexpected{folder.error()};
  auto mark = ForkMark::create();
  if (!mark) return std::unexpected{mark.error()};
  const auto value = view_value(*folder, type.name.empty() ? nullptr : &type);
  if (!value) return std::unexpected{value.error()};
  std::vector<ReaderView> living;
  if (const auto removed = folder->remove_dead_readers(living); removed && *removed) folder->announce();
  const std::uint32_t places = *value ? (*value)->shape.readers() : latest_readers_max;
  auto page = make_page(*folder, false, [&](const OwnerStamp&, unsigned attempt) {
    return attempt < places ? latest_page_name(attempt) : std::string{};
  });
  if (!page) return std::unexpected{page.error()};
  folder->announce();
  auto cold = std::unique_ptr<Cold>{
      new Cold{.folder = std::move(*folder), .own = std::move(*page), .type = type, .waiting = options.waiting}};
  LatestReader reader{std::move(cold), std::move(*mark)};
  if (auto looked = reader.look_for_file(); !looked) return std::unexpected{looked.error()};
  taken_back.keep();
  return reader;
}

void LatestReader::retire() noexcept {
  if (!cold_ || !mark_.same_process()) return;
  cold_->waiter.stop();
  static_cast<void>(cold_->folder.folder().remove_if_same(cold_->own.name, cold_->own.file.descriptor()));
  cold_->folder.announce();
  cold_.reset();
}

/// Something came or went: perhaps a writer, with a file of its own.
Result<void> LatestReader::look_for_file() {
  if (!mark_.same_process()) return std::unexpected{used_in_child("get")};
  Cold& cold = *cold_;
  const std::uint32_t generation = generation_->load();
  auto found = view_value(cold.folder, cold.type.name.empty() ? nullptr : &cold.type);
  if (!found) return std::unexpected{found.error()};
  seen_generation_ = generation;
  if (!*found) return {};
  if (cold.value) {
    const auto there = file_status((*found)->file.descriptor());
    const auto attached = file_status(cold.value->file.descriptor());
    if (!there || !attached) return std::unexpected{!there ? there.error() : attached.error()};
    if (there->inode == attached->inode) return {};
  }
  if (cold.own.name >= latest_page_name((*found)->shape.readers()))
    return std::unexpected{Error{EUSERS, "attach", cold.folder.address(),
                                 "its new writer made room for " + std::to_string((*found)->shape.readers()) +
                                     " readers: open it again when fewer are there"}};
  read_from_nothing();
  cold.value = std::move(**found);
  cold.gone_was_told = false;
  shape_ = cold.value->shape;
  stride_ = shape_.stride();
  value_at_ = shape_.value_at();
  slots_ = cold.value->slots();
  current_ = &cold.value->header().current;
  looks_ = &cold.value->header().looks;
  return {};
}

bool LatestReader::is_newer() const noexcept {
  const std::uint64_t version = CurrentWord::unpack(current_->load(std::memory_order_acquire)).version;
  return version != 0 && version != got_;
}

/// True when something newer is there; false when the time to spin is over, or it is time to look for deaths.
bool LatestReader::spin(Deadline deadline) noexcept {
  const bool polling = cold_->waiting == Waiting::polling;
  const auto start = Clock::now();
  while (true) {
    for (int looks = 0; looks < looks_between_clocks; ++looks) {
      if (is_newer() || generation_->load(std::memory_order_relaxed) != seen_generation_) return true;
      if (!polling) relax();
    }
    const auto now = Clock::now();
    if (now - cold_->looked_for_deaths >= look_for_deaths_every || deadline.passed()) return false;
    if (!polling && now - start >= cold_->waiter.spin_for().now()) return false;
  }
}

/// TimedOut when nothing newer is there.
Result<Outcome<Record, TimedOut, WriterGone>> LatestReader::take_newer() {
  if (generation_->load(std::memory_order_relaxed) != seen_generation_)
    if (auto looked = look_for_file(); !looked) return std::unexpected{std::move(looked.error())};
  if (!is_newer()) return TimedOut{};
  cold_->waiter.note_received();
  auto newest = this->newest();
  if (!newest) return std::unexpected{std::move(newest.error())};
  if (newest->is<NothingYet>()) return TimedOut{};
  return newest->as<Record>();
}

Result<Outcome<Record, TimedOut, WriterGone>> LatestReader::wait_for_newer(Deadline deadline) {
  if (!mark_.same_process()) return std::unexpected{used_in_child("wait")};
  Cold& cold = *cold_;
  while (true) {
    auto taken = take_newer();
    if (!taken || !taken->is<TimedOut>()) return taken;
    if (!deadline.is_immediate() && cold.waiting != Waiting::sleeping && spin(deadline)) continue;
    if (cold.is_time_to_look_for_death()) {
      // First the death is seen and then looked once more: whatever was set before is found.
      if (const auto gone = cold.look_for_death()) {
        taken = take_newer();
        if (!taken || !taken->is<TimedOut>()) {
          cold.gone_was_told = false;
          return taken;
        }
        return *gone;
      }
    }
    if (deadline.passed()) break;
    if (cold.waiting == Waiting::polling) continue;
    cold.waiter.announce_sleep();
    taken = take_newer();
    if (!taken || !taken->is<TimedOut>()) return taken;
    if (auto slept = cold.waiter.rest_until(deadline); !slept) return std::unexpected{std::move(slept.error())};
  }
  if (!cold.waiter.is_watching()) return TimedOut{};
  return wait_watched();
}

/// Nothing is there, and the caller will wait by the descriptor.
Result<Outcome<Record, TimedOut, WriterGone>> LatestReader::wait_watched() {
  const bool look_for_death = cold_->waiter.announce_watch();
  const auto gone = look_for_death ? cold_->look_for_death() : std::nullopt;
  auto taken = take_newer();
  if (!gone) return taken;
  if (taken && taken->is<TimedOut>()) return *gone;
  cold_->gone_was_told = false;
  return taken;
}

Result<int> LatestReader::pollable() {
  if (!mark_.same_process()) return std::unexpected{used_in_child("poll")};
  return cold_->waiter.pollable();
}

Error LatestReader::damaged() const {
  return Error{EBADMSG, "get", cold_->folder.address(),
               "its file contradicts itself: its writer is broken; remove it when that has ended"};
}

Error LatestReader::used_in_child(const char* operation) const {
  return Error{ECHILD, operation, cold_->folder.address(),
               "this handle is the parent's; a child of fork(2) opens its own"};
}

}  // namespace ginnel::detail
