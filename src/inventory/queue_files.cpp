#include "queue_files.hpp"

#include <algorithm>
#include <array>

namespace ginnel::inventory {
namespace {

constexpr std::string_view queue_magic = "GINQUEU1";
constexpr const char* queue_name = "queue";

namespace queue_at {
constexpr std::size_t slots = 16, priorities = 20, longest = 24, participants = 28, created = 32, type = 40;
}  // namespace queue_at
constexpr std::uint32_t most_slots = (1U << 20U) - 1;
constexpr std::uint32_t most_priorities = 64;
constexpr std::uint32_t longest_payload = 1U << 30U;

constexpr std::uint64_t stamp_bytes = 64;
constexpr std::uint64_t participant_bytes = 64;
constexpr std::uint64_t mark_bytes = 64;  // of the returned messages, before the participants
constexpr std::uint64_t ends_bytes = 128;
constexpr std::uint64_t word_bytes = 8;
constexpr std::uint64_t participant_states = 3;  // bits; 0: the number is vacant

enum class SlotState : std::uint8_t { free, filling, queued, held, returned };
constexpr std::uint64_t slot_states = 7;
constexpr unsigned owner_shift = 3;
constexpr std::uint64_t owners = 255;

std::string read_bytes(const UniqueFd& file, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  const auto got = read_at(file.get(), offset, std::as_writable_bytes(std::span{bytes}));
  bytes.resize(got ? *got : 0);
  return bytes;
}

void add_participants(QueueFiles& queue, UniqueFd& file) {
  const QueuePage& page = *queue.page;
  const std::string stamps = read_bytes(file, page.stamps_at(), page.participants * stamp_bytes);
  const std::string words = read_bytes(file, page.participants_at(), page.participants * participant_bytes);
  for (std::uint32_t number = 1; number <= page.participants; ++number) {
    const std::size_t row = (number - 1) * stamp_bytes;
    if (stamps.size() < row + stamp_bytes || words.size() < row + participant_bytes) return;  // it was shortened
    if ((number_at<std::uint64_t>(words, row) & participant_states) == 0) continue;
    queue.participants.push_back({.number = number,
                                  .keeper = keeper_at(stamps, row),
                                  .locked = is_locked(file, {.start = number, .length = 1})});
  }
}

Fact<QueueCounts> counts_of(const QueuePage& page, const UniqueFd& file) {
  constexpr std::uint64_t slots_at_a_time = 8192;
  QueueCounts counts;
  for (std::uint64_t done = 0; done < page.slots;) {
    const std::uint64_t some = std::min(slots_at_a_time, page.slots - done);
    const std::string words = read_bytes(file, page.slots_at() + done * word_bytes, some * word_bytes);
    if (words.size() < some * word_bytes) return Fact<QueueCounts>::missing("it is shorter than it says");
    count_slots(counts, words);
    done += some;
  }
  return counts;
}

void add_file(QueueFiles& queue, const Directory& folder) {
  auto kept = read_kept_file(folder, queue_name);
  if (!kept) return;
  queue.file = kept->status;
  queue.locked = kept->locked;
  if (!kept->file.valid()) {
    queue.page = Fact<QueuePage>::missing(kept->locked.reason());
    queue.counts = Fact<QueueCounts>::missing(kept->locked.reason());
    return;
  }
  queue.locked = is_locked(kept->file, {.start = 1, .length = queue_participants_max});
  queue.page = parse_queue_page(kept->page, kept->status.size);
  if (!queue.page) {
    queue.counts = Fact<QueueCounts>::missing(queue.page.reason());
    return;
  }
  add_participants(queue, kept->file);
  queue.counts = counts_of(*queue.page, kept->file);
}

}  // namespace

std::uint64_t QueuePage::participants_at() const noexcept {
  const std::uint64_t end_of_stamps = stamps_at() + participants * stamp_bytes;
  return (end_of_stamps + kept_page_bytes - 1) / kept_page_bytes * kept_page_bytes + mark_bytes;
}

std::uint64_t QueuePage::slots_at() const noexcept {
  return participants_at() + participants * participant_bytes + priorities * ends_bytes;
}

Fact<QueuePage> parse_queue_page(std::string_view page, std::uint64_t file_bytes) {
  if (const auto why = why_foreign(page, queue_magic); !why.empty()) return Fact<QueuePage>::missing(why);
  QueuePage queue{.slots = number_at<std::uint32_t>(page, queue_at::slots),
                  .priorities = number_at<std::uint32_t>(page, queue_at::priorities),
                  .longest = number_at<std::uint32_t>(page, queue_at::longest),
                  .participants = number_at<std::uint32_t>(page, queue_at::participants),
                  .created_ns = number_at<std::int64_t>(page, queue_at::created),
                  .type = message_type_at(page, queue_at::type)};
  const bool is_possible = queue.slots >= 1 && queue.slots <= most_slots && queue.priorities >= 1 &&
                           queue.priorities <= most_priorities && queue.longest <= longest_payload &&
                           queue.participants >= 1 && queue.participants <= queue_participants_max;
  if (!is_possible) return Fact<QueuePage>::missing("its shape is no possible one");
  if (file_bytes < queue.slots_at() + queue.slots * word_bytes)
    return Fact<QueuePage>::missing("it is shorter than it says");
  return queue;
}

void count_slots(QueueCounts& counts, std::string_view words) {
  for (std::size_t at = 0; at + word_bytes <= words.size(); at += word_bytes) {
    const auto word = number_at<std::uint64_t>(words, at);
    switch (static_cast<SlotState>(word & slot_states)) {
      case SlotState::filling:  // and perhaps named by a cell: then it waits already
      case SlotState::queued:
      case SlotState::returned:
        ++counts.waiting;
        break;
      case SlotState::held:
        ++counts.held;
        ++counts.held_by.at((word >> owner_shift) & owners);
        break;
      default:
        break;
    }
  }
}

QueueFiles read_queue(Directory& folder, const FileStatus& status) {
  QueueFiles queue;
  queue.status = status;
  for (const std::string& name : names_in(folder, queue)) {
    if (name == queue_name)
      add_file(queue, folder);
    else
      queue.note_stranger(name);
  }
  return queue;
}

}  // namespace ginnel::inventory
