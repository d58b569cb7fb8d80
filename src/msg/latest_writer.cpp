#include "ginnel/msg/detail/latest_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include "bell_folder.hpp"
#include "home.hpp"
#include "latest_file.hpp"

namespace ginnel::detail {

struct LatestWriter::Cold {
  BellFolder folder;
  OwnValue value;
  std::uint32_t readers_known_at = 0;
  std::map<std::string, ReaderView> readers{};

  [[nodiscard]] Result<void> look_for_readers();
};

/// All of them, or an error: a slot that somebody holds who was not seen would be written over.
Result<void> LatestWriter::Cold::look_for_readers() {
  const std::uint32_t generation = folder.bell().generation.load();
  if (generation == readers_known_at) return {};
  // By name, and a name may be another's by now: all are looked at anew.
  readers.clear();
  readers_known_at = 0;
  const auto names = folder.names();
  if (!names) return std::unexpected{names.error()};
  for (const std::string& name : *names) {
    if (!BellFolder::is_reader_name(name)) continue;
    auto view = folder.view_reader(name);
    if (view) readers.emplace(name, std::move(*view));
    if (!view && is_want(view.error())) return std::unexpected{view.error()};
  }
  readers_known_at = generation;
  return {};
}

LatestWriter::LatestWriter(std::unique_ptr<Cold> cold, ForkMark mark) noexcept
    : shape_{cold->value.shape},
      stride_{shape_.stride()},
      value_at_{shape_.value_at()},
      slots_{cold->value.slots()},
      current_{&cold->value.header().current},
      attentive_{&cold->folder.attentive_readers()},
      version_{cold->value.version},
      mark_{std::move(mark)},
      cold_{std::move(cold)} {}

LatestWriter::LatestWriter(LatestWriter&& other) noexcept = default;

LatestWriter& LatestWriter::operator=(LatestWriter&& other) noexcept {
  if (this == &other) return *this;
  retire();
  shape_ = other.shape_;
  stride_ = other.stride_;
  value_at_ = other.value_at_;
  slots_ = other.slots_;
  next_ = other.next_;
  current_ = other.current_;
  attentive_ = other.attentive_;
  version_ = other.version_;
  free_ = other.free_;
  free_left_ = other.free_left_;
  mark_ = std::move(other.mark_);
  cold_ = std::move(other.cold_);
  return *this;
}

LatestWriter::~LatestWriter() { retire(); }

Result<LatestWriter> LatestWriter::create(const std::string& name, const MessageType& type,
                                          const LatestWriterOptions& options) {
  auto held = hold_object("latest", name, options.home, Purpose::make);
  if (!held) return std::unexpected{held.error()};
  TakenBack taken_back{*held, bell_name};
  auto folder = BellFolder::open(std::move(held->folder), held->address);
  if (!folder) return std::unexpected{folder.error()};
  auto mark = ForkMark::create();
  if (!mark) return std::unexpected{mark.error()};
  const std::uint32_t readers = std::min(options.readers, latest_readers_max + 1);
  auto value = take_over_value(*folder, type,
                               {.value_bytes = options.value_size.count(),
                                .alignment = std::max<std::uint64_t>(word_bytes, type.alignment),
                                .slots = readers + LatestShape::slots_besides_readers});
  if (!value) return std::unexpected{value.error()};
  taken_back.keep();
  folder->announce();
  auto cold = std::unique_ptr<Cold>{new Cold{.folder = std::move(*folder), .value = std::move(*value)}};
  return LatestWriter{std::move(cold), std::move(*mark)};
}

/// There are more slots than readers, the current one and one more, and each reader announces one at most: one is free.
Result<void> LatestWriter::look_for_free_slots() {
  LatestHeader& header = cold_->value.header();
  header.looks.store(header.looks.load(std::memory_order_relaxed) + 1);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (auto looked = cold_->look_for_readers(); !looked) return looked;
  std::array<bool, LatestShape::most_slots> used{};
  const CurrentWord current = CurrentWord::unpack(header.current.load(std::memory_order_relaxed));
  if (current.version != 0) used.at(current.slot) = true;
  for (const auto& [name, reader] : cold_->readers) {
    const CurrentWord announced = CurrentWord::unpack(announcement(reader.page()).load(std::memory_order_acquire));
    if (announced.version != 0 && announced.slot < shape_.slots) used.at(announced.slot) = true;
  }
  for (std::uint32_t slot = 0; slot < shape_.slots; ++slot)
    if (!used.at(slot)) free_.at(free_left_++) = static_cast<std::uint8_t>(slot);
  return {};
}

void LatestWriter::wake_readers() noexcept { cold_->folder.wake_readers(); }

void LatestWriter::retire() noexcept {
  if (!cold_ || !mark_.same_process()) return;
  cold_->value.header().closed.store(1);
  // The lock is given up before the others are told to look; closing the file would not do it while it is mapped.
  static_cast<void>(cold_->value.file.unlock(owner_range));
  cold_->folder.announce();
  cold_.reset();
}

Error LatestWriter::refusal(std::uint64_t bytes) const {
  if (!mark_.same_process())
    return Error{ECHILD, "set", cold_->folder.address(),
                 "this handle is the parent's; a child of fork(2) opens its own writer"};
  return Error{EMSGSIZE, "set", cold_->folder.address(),
               std::to_string(bytes) + " bytes, and its longest value has " + std::to_string(shape_.value_bytes) +
                   "; create it with a larger one"};
}

}  // namespace ginnel::detail
