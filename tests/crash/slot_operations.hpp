#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

#include "ginnel/msg/detail/queue_core.hpp"
#include "ginnel/msg/detail/queue_members.hpp"

// What a participant of a queue can be doing when it is killed, and what it could be doing wrong.

namespace ginnel::crash {

using namespace ginnel::detail;

/// Two places tell whether the whole of it was written.
struct CrashMessage {
  std::uint64_t id = 0;
  std::array<std::uint64_t, 4> rest{};

  [[nodiscard]] static CrashMessage of(std::uint64_t id) {
    CrashMessage message{.id = id, .rest = {}};
    for (std::size_t i = 0; i < message.rest.size(); ++i) message.rest[i] = id * 1'000'003 + i;
    return message;
  }
  [[nodiscard]] bool whole() const { return *this == of(id); }
  bool operator==(const CrashMessage&) const = default;
};

// The numbers of the participants.
inline constexpr std::uint8_t first_actor = 1;   ///< is killed
inline constexpr std::uint8_t second_actor = 2;  ///< stands stopped meanwhile, and then goes on
inline constexpr std::uint8_t survivor = 3;
inline constexpr std::uint8_t long_dead = 4;  ///< has left work for a recovery
inline constexpr std::uint8_t newcomer = 5;   ///< a vacant number
inline constexpr QueueShape crash_shape{
    .slots = 10, .priorities = 2, .payload_bytes = sizeof(CrashMessage), .participants = 5};

/// What an operation is given, and what it reports; lies in shared memory.
struct SlotActor {
  QueueMemory memory;
  std::uint8_t number = 0;
  std::uint64_t push_id = 0;
  std::uint32_t push_priority = 0;
  TakenMessage held;                    ///< since before the operation
  std::atomic<bool> long_dead_is_gone;  ///< the proof of death: not once its number has a new user

  QueueStep step = QueueStep::nothing;
  TakenMessage taken;          ///< by the operation
  std::uint64_t taken_id = 0;  ///< 0: none
};

enum class Kind : std::uint8_t { push, pop, consume, acknowledge, give_back, recover, leave, join };

struct SlotOperation {
  std::string_view name;
  Kind kind;
  void (*run)(SlotActor&);
};

inline constexpr std::size_t sound_slot_operations = 8;
inline constexpr std::size_t faulty_slot_operations = 7;
/// The sound ones first. Each of the faulty ones loses, doubles or tears a message only when somebody dies, or stands, at the wrong
/// instruction.
[[nodiscard]] std::span<const SlotOperation, sound_slot_operations + faulty_slot_operations> steps_at_slots();

[[nodiscard]] QueueStep push_message(QueueCore& queue, std::uint64_t id, std::uint32_t priority);
[[nodiscard]] CrashMessage message_of(const QueueCore& queue, const TakenMessage& taken);

}  // namespace ginnel::crash
