#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "format.hpp"
#include "ginnel/core/unique_fd.hpp"
#include "ginnel/msg/detail/queue_memory.hpp"
#include "ginnel/msg/detail/wait_gate.hpp"
#include "ginnel/msg/message.hpp"
#include "ginnel/sys/file_lock.hpp"
#include "ginnel/sys/futex.hpp"
#include "ginnel/sys/mapping.hpp"
#include "ginnel/sys/shared_folder.hpp"

// The file of a queue, `queue:NAME/queue`: docs/FORMAT.md. A header, the stamps of those who take part, and the memory of
// queue_memory.hpp. Participant N holds a lock on byte N for as long as it lives.

namespace ginnel::detail {

inline constexpr Magic queue_magic{'G', 'I', 'N', 'Q', 'U', 'E', 'U', '1'};
inline constexpr const char* queue_file_name = "queue";

struct QueueHeader {
  FileStart start;
  QueueShape shape;
  std::int64_t created_ns;  ///< wall clock
  TypeStamp type;
  alignas(64) FutexWord messages;                            ///< the gate of those who wait for a message
  alignas(64) FutexWord room;                                ///< and of those who wait for a slot
  alignas(64) std::atomic<std::uint64_t> looked_for_deaths;  ///< CLOCK_MONOTONIC, ms: so that not everybody looks
  alignas(64) std::array<std::byte, 64> doorbell;  ///< written to with write(2), for those who watch the directory
};
static_assert(sizeof(QueueHeader) <= page_bytes);
static_assert(offsetof(QueueHeader, shape) == 16 && offsetof(QueueHeader, created_ns) == 32 &&
              offsetof(QueueHeader, type) == 40 && offsetof(QueueHeader, messages) == 192 &&
              offsetof(QueueHeader, doorbell) == 384);

/// The locks of a queue's file, one for each participant.
class QueueLocks {
 public:
  explicit QueueLocks(UniqueFd file) noexcept : locks_{RangeLocks::adopt(std::move(file))} {}
  [[nodiscard]] int descriptor() const noexcept { return locks_.descriptor(); }

  /// False: somebody else has it.
  [[nodiscard]] Result<bool> lock(std::uint32_t number);
  void unlock(std::uint32_t number) { static_cast<void>(locks_.unlock({.start = number, .length = 1})); }
  [[nodiscard]] bool is_others(std::uint32_t number) const;
  [[nodiscard]] std::uint32_t count_others() const;

 private:
  RangeLocks locks_;
};

/// A queue's file, mapped. The stamps say who takes part, for the case that a lock is still held by a child which fork(2) gave
/// a copy to.
class QueueFile {
 public:
  /// Errors: ENOENT, EBADMSG (damaged or foreign), EPROTOTYPE (of another type), EACCES.
  [[nodiscard]] static Result<QueueFile> open(const SharedFolder& folder, const MessageType& type,
                                              const std::string& address);
  /// Errors: EEXIST, ENOSPC, ENOENT (the folder has been removed), EINVAL (alignment).
  [[nodiscard]] static Result<QueueFile> make(const SharedFolder& folder, const MessageType& type,
                                              const QueueShape& shape, const std::string& address);

  [[nodiscard]] QueueHeader& header() const noexcept {
    return *reinterpret_cast<QueueHeader*>(mapping_.bytes().data());
  }
  [[nodiscard]] const QueueMemory& memory() const noexcept { return memory_; }
  [[nodiscard]] int descriptor() const noexcept { return locks_.descriptor(); }
  [[nodiscard]] WaitGate messages() const noexcept { return {header().messages, descriptor(), doorbell_at}; }
  [[nodiscard]] WaitGate room() const noexcept { return {header().room, descriptor(), doorbell_at}; }

  [[nodiscard]] QueueLocks& locks() noexcept { return locks_; }
  /// Before joining, and with the number locked.
  void stamp(std::uint32_t number, const OwnerStamp& owner) const noexcept;
  /// Whether the participant of a number, which is somebody else's, has died or gone. Its word must have been read before.
  [[nodiscard]] bool is_gone(std::uint32_t number) const;

 private:
  static constexpr std::uint64_t doorbell_at = offsetof(QueueHeader, doorbell);
  QueueFile(UniqueFd file, ReadWriteMapping mapping, const QueueShape& shape) noexcept;
  [[nodiscard]] std::byte* stamp_at(std::uint32_t number) const noexcept {
    return mapping_.bytes().data() + page_bytes + (number - 1) * sizeof(OwnerStamp);
  }

  QueueLocks locks_;
  ReadWriteMapping mapping_;
  QueueMemory memory_;
};

}  // namespace ginnel::detail
