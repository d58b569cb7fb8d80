#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "ginnel/core/process_id.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/msg/detail/ring.hpp"
#include "ginnel/msg/message.hpp"

// The files of a topic, byte by byte: docs/FORMAT.md. Every number is of fixed width in the machine's byte order; nothing here is
// believed before it was checked.

namespace ginnel::detail {

inline constexpr std::uint32_t format_version = 1;
inline constexpr std::size_t page_bytes = 4096;
inline constexpr std::size_t writers_max = 56;

/// A writer tells its tail, and a reader its cursor, so many times a lap.
inline constexpr std::uint64_t steps_in_ring = 8;
/// Nobody sleeps longer without a look at those that are waited for.
inline constexpr std::chrono::milliseconds look_for_deaths_every{50};

using Magic = std::array<char, 8>;
inline constexpr Magic ring_magic{'G', 'I', 'N', 'R', 'I', 'N', 'G', '1'};
inline constexpr Magic bell_magic{'G', 'I', 'N', 'B', 'E', 'L', 'L', '1'};
inline constexpr Magic reader_magic{'G', 'I', 'N', 'R', 'E', 'A', 'D', '1'};

struct FileStart {
  Magic magic;
  std::uint32_t version;
  std::uint32_t header_bytes;
};

/// Who keeps a file, for the case that its lock is still held by a child which fork(2) gave a copy to.
struct OwnerStamp {
  std::uint32_t pid;
  std::uint32_t user;
  std::uint64_t start_ticks;
  std::uint64_t pid_namespace;
  std::array<char, 40> boot_id;
};

struct TypeStamp {
  std::array<char, 104> name;  ///< cut to 103 bytes, with its hash below
  std::uint64_t name_hash;
  std::uint32_t version;
  std::uint32_t size;
  std::uint32_t alignment;
  std::uint32_t sequence;
};

/// A place from which records can be read on.
struct Checkpoint {
  std::atomic<std::uint64_t> position;
  std::atomic<std::uint64_t> count;  ///< records before it
};
inline constexpr std::size_t checkpoint_count = 16;

/// The first page of a ring file; the body follows. The writer alone may write to it.
struct RingHeader {
  FileStart start;
  std::uint64_t capacity;
  std::uint64_t alignment;
  std::uint64_t incarnation;  ///< no two rings of a topic have the same
  std::int64_t created_ns;    ///< wall clock
  OwnerStamp owner;
  TypeStamp type;

  alignas(512) std::atomic<std::uint64_t> tail;   ///< where the next record goes; told every 1/8 of the ring
  std::atomic<std::uint64_t> count;               ///< records before the tail
  std::atomic<std::uint64_t> reserved;            ///< up to here bytes may be changing
  std::atomic<std::uint64_t> promised;            ///< up to here the writer may go without looking at the cursors
  std::atomic<std::uint32_t> created_generation;  ///< of the bell, right after this file appeared; 0: not told yet
  std::atomic<std::uint32_t> closed;              ///< 1: its writer ended it in good order
  std::atomic<std::uint64_t> next_checkpoint;     ///< the oldest one is here
  alignas(64) std::array<Checkpoint, checkpoint_count> checkpoints;
};
static_assert(sizeof(RingHeader) <= page_bytes);
static_assert(offsetof(RingHeader, owner) == 48 && offsetof(RingHeader, type) == 112);
static_assert(offsetof(RingHeader, tail) == 512 && offsetof(RingHeader, checkpoints) == 576);

/// One page that all participants may write to. It only wakes; nothing in it is believed.
struct BellPage {  // NOLINT(clang-analyzer-optin.performance.Padding): a line for each side that writes
  FileStart start;
  alignas(64) std::atomic<std::uint32_t> attentive;   ///< readers that may sleep: the writers' path looks further
  std::atomic<std::uint32_t> sleeping;                ///< 1: a reader sleeps on this word
  std::atomic<std::uint32_t> armed;                   ///< 1: a reader waits by its descriptor
  alignas(64) std::atomic<std::uint32_t> generation;  ///< counts files that came and went
  std::atomic<std::uint32_t> room;                    ///< a writer sleeps on this word; readers count it up
  std::atomic<std::uint32_t> waiting;                 ///< 1: a writer waits for room
  alignas(64) std::array<std::byte, 64> doorbell;     ///< written to with write(2), for those who watch the directory
};
static_assert(sizeof(BellPage) <= page_bytes);
static_assert(offsetof(BellPage, attentive) == 64 && offsetof(BellPage, generation) == 128 &&
              offsetof(BellPage, doorbell) == 192);

/// What a reader has read of one ring: a line of its own.
struct alignas(64) Cursor {
  std::atomic<std::uint64_t> incarnation;  ///< of the ring; 0: none
  std::atomic<std::uint64_t> position;     ///< up to here it needs nothing any more
  std::atomic<std::uint64_t> lost;         ///< records, of a reader that may lose
};

/// The page of a reader, which it alone may write to.
struct ReaderPage {
  FileStart start;
  OwnerStamp owner;
  std::uint32_t joined_generation;             ///< of the bell, right before this file appeared
  std::uint32_t reliable;                      ///< 1: holds writers back; 0: may lose
  std::atomic<std::uint32_t> seen_generation;  ///< up to which it has looked for rings
  std::atomic<std::uint32_t> attentive;        ///< 1: counted in the bell
  alignas(512) std::array<Cursor, writers_max> cursors;
};
static_assert(offsetof(ReaderPage, joined_generation) == 80 && offsetof(ReaderPage, attentive) == 92);
static_assert(sizeof(ReaderPage) == page_bytes && offsetof(ReaderPage, cursors) == 512);

[[nodiscard]] Result<OwnerStamp> own_stamp();
/// Whether the process that is named there has ended for sure. False when it may not be known from here.
[[nodiscard]] bool has_ended(const OwnerStamp& owner);

[[nodiscard]] TypeStamp stamp_of(const MessageType& type) noexcept;
[[nodiscard]] MessageType type_of(const TypeStamp& stamp);

/// Errors: EBADMSG (no such file of ginnel's, or of another version: tells which).
[[nodiscard]] Result<void> check_start(const FileStart& start, const Magic& magic, const std::string& path);

/// Whether the caller was refused for want of descriptors or memory, which says nothing of what he asked for.
[[nodiscard]] bool is_want(const Error& refusal) noexcept;
/// Why a file could not be mapped: a want of the caller's, or else `damaged`, for it is too short.
[[nodiscard]] Error not_mapped(const Error& refusal, const std::string& path, Error damaged);

/// Errors: EPROTOTYPE (another type: shows both).
[[nodiscard]] Result<void> check_type(const TypeStamp& found, const MessageType& expected, const std::string& address);

[[nodiscard]] std::int64_t wall_clock_ns();

/// The generation counts on beyond its largest number.
[[nodiscard]] constexpr bool is_later(std::uint32_t a, std::uint32_t b) noexcept {
  return static_cast<std::int32_t>(a - b) > 0;
}

}  // namespace ginnel::detail
