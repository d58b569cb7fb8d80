#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kept_file.hpp"

// The file of a queue of ginnel's own, as docs/FORMAT.md has it.

namespace ginnel::inventory {

inline constexpr std::uint32_t queue_participants_max = 255;

/// Its header.
struct QueuePage {
  std::uint32_t slots = 0;
  std::uint32_t priorities = 0;
  std::uint32_t longest = 0;  ///< bytes
  std::uint32_t participants = 0;
  std::int64_t created_ns = 0;  ///< since the epoch
  std::string type;

  [[nodiscard]] std::uint64_t stamps_at() const noexcept { return kept_page_bytes; }
  [[nodiscard]] std::uint64_t participants_at() const noexcept;
  [[nodiscard]] std::uint64_t slots_at() const noexcept;
};
/// Missing with the reason where it is none that can be read, or the file is shorter than it says.
[[nodiscard]] Fact<QueuePage> parse_queue_page(std::string_view page, std::uint64_t file_bytes);

/// What the slots hold, one after the other: not all at one moment.
struct QueueCounts {
  std::uint64_t waiting = 0;  ///< to be received, or to be received again; also what a sender is still filling
  std::uint64_t held = 0;     ///< received and not acknowledged
  std::vector<std::uint64_t> held_by = std::vector<std::uint64_t>(queue_participants_max + 1);  ///< by number

  [[nodiscard]] std::uint64_t all() const noexcept { return waiting + held; }
};
/// Adds the words of some slots, eight bytes each.
void count_slots(QueueCounts& counts, std::string_view words);

struct QueueParticipant {
  std::uint32_t number = 0;
  Keeper keeper;
  Fact<bool> locked;
};

/// All that is in the folder of a queue.
struct QueueFiles : MessagingFolder {
  std::optional<FileStatus> file;
  Fact<QueuePage> page;
  Fact<bool> locked;  ///< anybody's number
  Fact<QueueCounts> counts;
  std::vector<QueueParticipant> participants;  ///< those whose number is in use
};

/// The folder as it was found, `folder` open. Takes no lock, maps nothing and writes nothing.
[[nodiscard]] QueueFiles read_queue(Directory& folder, const FileStatus& status);

}  // namespace ginnel::inventory
