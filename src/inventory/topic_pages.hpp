#pragma once

#include <array>
#include <functional>
#include <optional>

#include "kept_file.hpp"

// The pages of a topic as docs/FORMAT.md has them: pure functions over bytes that may be anybody's.

namespace ginnel::inventory {

inline constexpr std::size_t rings_max = 56;

/// The header of a ring file, `w.NN`.
struct RingPage {
  Keeper keeper;
  std::uint64_t capacity = 0;
  std::uint64_t alignment = 0;
  std::uint64_t incarnation = 0;
  std::string type;              ///< `Pose (24 bytes, version 2)`
  std::uint64_t payload = 0;     ///< bytes of an ordinary message
  std::uint64_t tail = 0;        ///< as it was told: the next record is here, or up to 1/8 of the ring further on
  std::uint64_t count = 0;       ///< records before it
  std::uint32_t generation = 0;  ///< of the bell when it appeared; 0: not told yet
  bool closed = false;

  /// Bytes from one record to the next.
  [[nodiscard]] std::uint64_t record_bytes(std::uint64_t length) const noexcept {
    constexpr std::uint64_t word_bytes = 8;
    return (word_bytes + length + alignment - 1) & ~(alignment - 1);
  }
};
/// Missing with the reason where it is none that can be read, or the file is shorter than it says.
[[nodiscard]] Fact<RingPage> parse_ring_page(std::string_view page, std::uint64_t file_bytes);

struct RingEnd {
  std::uint64_t position = 0;
  std::uint64_t count = 0;  ///< records before it
};
/// Follows the records from where the header says to the last one. `word_at` gives the 8 bytes at an offset of the file, or none
/// when it is tired of it: what was reached counts then.
[[nodiscard]] RingEnd find_end(const RingPage& ring,
                               const std::function<std::optional<std::uint64_t>(std::uint64_t offset)>& word_at);

/// The page of a reader, `r.PID.NUMBER`.
struct ReaderPage {
  struct Cursor {
    std::uint64_t incarnation = 0;  ///< of the ring; 0: none
    std::uint64_t position = 0;
    std::uint64_t lost = 0;
  };
  Keeper keeper;
  std::uint32_t joined_generation = 0;
  std::uint32_t seen_generation = 0;
  bool reliable = false;
  std::array<Cursor, rings_max> cursors{};
};
[[nodiscard]] Fact<ReaderPage> parse_reader_page(std::string_view page);

/// Where a reader is in a ring; none when it does not read it and is not going to. Of one that was there before the ring, and has
/// not looked since, at its beginning.
[[nodiscard]] std::optional<std::uint64_t> place_in(const ReaderPage& reader, const RingPage& ring, std::size_t number);

/// The number of `w.07`; none for other names.
[[nodiscard]] std::optional<std::size_t> ring_number(std::string_view name) noexcept;
[[nodiscard]] bool is_reader_name(std::string_view name) noexcept;
/// The name that `robot%2Fpose` stands for; `?` for control characters, which no program of ours puts there.
[[nodiscard]] std::string unescaped(std::string_view text);

}  // namespace ginnel::inventory
