#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "bell_folder.hpp"
#include "format.hpp"
#include "ginnel/msg/detail/latest_slots.hpp"
#include "ginnel/msg/message.hpp"
#include "ginnel/sys/file_lock.hpp"
#include "ginnel/sys/mapping.hpp"

// The folder of a newest value: a bell, `value`, which its writer alone writes, and the pages of its readers, `r.00` and so on.
// docs/FORMAT.md.

namespace ginnel::detail {

inline constexpr Magic latest_magic{'G', 'I', 'N', 'L', 'A', 'S', 'T', '1'};
inline constexpr const char* value_file_name = "value";
inline constexpr std::uint32_t latest_readers_max = 64;

/// The first page of the file; the slots follow.
struct LatestHeader {
  FileStart start;
  std::uint64_t value_bytes;
  std::uint64_t alignment;
  std::uint32_t slots;
  std::uint32_t unused;
  std::int64_t created_ns;  ///< wall clock
  OwnerStamp owner;
  TypeStamp type;
  alignas(64) std::atomic<std::uint64_t> current;  ///< CurrentWord
  std::atomic<std::uint64_t> looks;                ///< for free slots, counted as they begin
  std::atomic<std::uint32_t> closed;               ///< 1: its writer ended it in good order
};
static_assert(sizeof(LatestHeader) <= page_bytes);
static_assert(offsetof(LatestHeader, value_bytes) == 16 && offsetof(LatestHeader, created_ns) == 40 &&
              offsetof(LatestHeader, owner) == 48 && offsetof(LatestHeader, type) == 112 &&
              offsetof(LatestHeader, current) == 256);

/// As its readers have it, and whoever comes to write next.
struct ValueView {
  RangeLocks file;
  ReadOnlyMapping mapping;
  LatestShape shape;

  [[nodiscard]] const LatestHeader& header() const noexcept {
    return *reinterpret_cast<const LatestHeader*>(mapping.bytes().data());
  }
  [[nodiscard]] const std::byte* slots() const noexcept { return mapping.bytes().data() + page_bytes; }
  [[nodiscard]] bool writer_is_gone() const { return owner_is_gone(file, header().owner); }
};

/// As its writer has it.
struct OwnValue {
  RangeLocks file;
  ReadWriteMapping mapping;
  LatestShape shape;
  std::uint64_t version = 0;  ///< of the last value of those who wrote before

  [[nodiscard]] LatestHeader& header() const noexcept {
    return *reinterpret_cast<LatestHeader*>(mapping.bytes().data());
  }
  [[nodiscard]] std::byte* slots() const noexcept { return mapping.bytes().data() + page_bytes; }
};

/// Where a reader announces the slot that it reads.
[[nodiscard]] inline std::atomic<std::uint64_t>& announcement(ReaderPage& page) noexcept {
  return page.cursors[0].position;
}
[[nodiscard]] inline const std::atomic<std::uint64_t>& announcement(const ReaderPage& page) noexcept {
  return page.cursors[0].position;
}

/// `r.07`.
[[nodiscard]] std::string latest_page_name(std::uint32_t number);

/// None where nobody has made it. Errors: EBADMSG (damaged or foreign), EPROTOTYPE (another type, when one is expected: shows both), EACCES.
[[nodiscard]] Result<std::optional<ValueView>> view_value(const BellFolder& folder, const MessageType* expected);

/// Makes a file for the caller, with what is current in the last one when it fits, and puts it in that one's place, while the folder is held
/// (home.hpp). Errors: EBUSY (a writer is there), ENOSPC, EINVAL (alignment).
[[nodiscard]] Result<OwnValue> take_over_value(const BellFolder& folder, const MessageType& type,
                                               const LatestShape& shape);

}  // namespace ginnel::detail
