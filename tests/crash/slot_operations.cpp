#include "crash/slot_operations.hpp"

#include <cstring>

namespace ginnel::crash {
namespace {

QueueCore core_of(const SlotActor& actor) { return {actor.memory, actor.number}; }

void note_taken(SlotActor& actor, const QueueCore& queue) {
  if (actor.step == QueueStep::done) actor.taken_id = message_of(queue, actor.taken).id;
}

// --- sound

void push(SlotActor& actor) {
  QueueCore queue = core_of(actor);
  actor.step = push_message(queue, actor.push_id, actor.push_priority);
}

void pop(SlotActor& actor) {
  QueueCore queue = core_of(actor);
  actor.step = queue.take(actor.taken);
  note_taken(actor, queue);
}

void consume(SlotActor& actor) {
  pop(actor);
  if (actor.step == QueueStep::done) actor.step = core_of(actor).acknowledge(actor.taken);
}

void acknowledge(SlotActor& actor) { actor.step = core_of(actor).acknowledge(actor.held); }

void give_back(SlotActor& actor) { actor.step = core_of(actor).give_back(actor.held); }

void recover(SlotActor& actor) {
  const SweepReport report = QueueMembers{actor.memory}.sweep(
      [&actor](std::uint32_t number) { return number == long_dead && actor.long_dead_is_gone.load(); });
  actor.step = report.rubbish ? QueueStep::rubbish : QueueStep::done;
}

void leave(SlotActor& actor) { actor.step = QueueMembers{actor.memory}.leave(actor.number); }

void join(SlotActor& actor) { actor.step = QueueMembers{actor.memory}.join(newcomer); }

// --- faulty

void push_publishes_before_it_writes(SlotActor& actor) {
  QueueCore queue = core_of(actor);
  ClaimedSlot claimed;
  actor.step = queue.claim(claimed);
  if (actor.step != QueueStep::done) return;
  actor.step = queue.publish(claimed, sizeof(CrashMessage), actor.push_priority);
  const CrashMessage message = CrashMessage::of(actor.push_id);
  std::memcpy(queue.payload(claimed), &message, sizeof message);
}

/// The first queued message, found as take() does; the slot's word is for the caller to read.
struct FoundCell {
  std::uint64_t position = 0;
  std::uint64_t word = 0;
  bool there = false;
};
FoundCell first_queued(const QueueMemory& memory, std::uint32_t priority) {
  std::uint64_t position = memory.head(priority).load();
  for (std::uint64_t left = 2 * memory.cell_count(); left > 0; --left, ++position) {
    const QueueMemory::Word cell = memory.cell(priority, position);
    const std::uint64_t word = cell.load();
    const CellWord seen = CellWord::unpack(word);
    const std::int64_t ahead = seen.rounds_ahead_of(memory.round_of(position));
    if (ahead > 0) continue;
    if (ahead < 0 || seen.is_empty()) return {};
    const LookedAtCell looked = look_at_cell(cell, word, memory);
    if (looked.found == CellFound::available) return {.position = position, .word = word, .there = true};
    if (looked.found == CellFound::spent) reopen_cell(cell, word);
  }
  return {};
}

bool hold(SlotActor& actor, std::uint32_t slot, std::uint64_t word) {
  const QueueCore queue = core_of(actor);
  const SlotWord held = SlotWord::unpack(word).held_by(actor.number);
  if (!actor.memory.slot_word(slot).compare_exchange_strong(word, held.pack())) return false;
  actor.taken = {.slot = slot, .length = sizeof(CrashMessage), .priority = 0, .deliveries = 1, .word = held.pack()};
  actor.step = QueueStep::done;
  note_taken(actor, queue);
  return true;
}

void pop_reopens_before_it_holds(SlotActor& actor) {
  const FoundCell found = first_queued(actor.memory, 0);
  if (!found.there) return;
  const std::uint32_t slot = CellWord::unpack(found.word).slot();
  const std::uint64_t word = actor.memory.slot_word(slot).load();
  reopen_cell(actor.memory.cell(0, found.position), found.word);
  (void)hold(actor, slot, word);
}

/// Without the second look at the cell, the slot's word may be another message's.
void pop_looks_once_at_the_cell(SlotActor& actor) {
  for (int tries = 0; tries < 64; ++tries) {
    const FoundCell found = first_queued(actor.memory, 0);
    if (!found.there) return;
    const std::uint32_t slot = CellWord::unpack(found.word).slot();
    const std::uint64_t word = actor.memory.slot_word(slot).load();
    const SlotState state = SlotWord::unpack(word).state;
    if (state != SlotState::filling && state != SlotState::queued) continue;
    if (!hold(actor, slot, word)) continue;
    reopen_cell(actor.memory.cell(0, found.position), found.word);
    return;
  }
}

template <class Change>
void change_slots_of(const QueueMemory& memory, std::uint32_t number, SlotState state, Change change) {
  for (std::uint32_t slot = 0; slot < memory.shape().slots; ++slot) {
    std::uint64_t word = memory.slot_word(slot).load();
    const SlotWord seen = SlotWord::unpack(word);
    if (seen.owner == number && seen.state == state)
      memory.slot_word(slot).compare_exchange_strong(word, change(seen).pack());
  }
}
SlotWord freed(SlotWord word) { return word.freed(); }
SlotWord returned(SlotWord word) { return word.returned(); }

void vacate(const QueueMemory& memory, std::uint32_t number) {
  std::uint64_t word = memory.participant(number).load();
  const ParticipantWord seen = ParticipantWord::unpack(word);
  if (seen.state == ParticipantState::vacant) return;
  const ParticipantWord vacant{.state = ParticipantState::vacant, .incarnation = seen.incarnation};
  memory.participant(number).compare_exchange_strong(word, vacant.pack());
}

void settle_all_cells(const QueueMemory& memory) {
  for (std::uint32_t priority = 0; priority < memory.shape().priorities; ++priority)
    for (std::uint64_t index = 0; index < memory.cell_count(); ++index) {
      const QueueMemory::Word cell = memory.cell(priority, index);
      const std::uint64_t word = cell.load();
      const CellWord seen = CellWord::unpack(word);
      if (seen.is_empty()) continue;
      LookedAtCell looked = look_at_cell(cell, word, memory);
      if (looked.found == CellFound::spent) reopen_cell(cell, word);
      if (looked.found != CellFound::available) continue;
      const SlotWord slot = SlotWord::unpack(looked.slot_word);
      if (slot.state == SlotState::filling)
        memory.slot_word(seen.slot()).compare_exchange_strong(looked.slot_word, slot.queued().pack());
    }
}

void recovery_vacates_the_number_first(SlotActor& actor) {
  vacate(actor.memory, long_dead);
  settle_all_cells(actor.memory);
  change_slots_of(actor.memory, long_dead, SlotState::filling, freed);
  change_slots_of(actor.memory, long_dead, SlotState::held, returned);
  mark_returned(actor.memory);
  actor.step = QueueStep::done;
}

void recovery_does_not_look_at_cells(SlotActor& actor) {
  change_slots_of(actor.memory, long_dead, SlotState::filling, freed);
  change_slots_of(actor.memory, long_dead, SlotState::held, returned);
  mark_returned(actor.memory);
  vacate(actor.memory, long_dead);
  actor.step = QueueStep::done;
}

/// One who stood stopped here while others completed the recovery frees what the number's next user is filling.
void recovery_forgets_that_it_may_be_late(SlotActor& actor) {
  actor.step = QueueStep::done;
  const ParticipantWord seen = ParticipantWord::unpack(actor.memory.participant(long_dead).load());
  const ParticipantWord vacant{.state = ParticipantState::vacant, .incarnation = seen.incarnation};
  if (seen.state == ParticipantState::vacant || !actor.long_dead_is_gone.load()) return;
  settle_all_cells(actor.memory);
  change_slots_of(actor.memory, long_dead, SlotState::filling, freed);
  change_slots_of(actor.memory, long_dead, SlotState::held, returned);
  mark_returned(actor.memory);
  // Only as long as it is this death's.
  std::uint64_t word = seen.pack();
  actor.memory.participant(long_dead).compare_exchange_strong(word, vacant.pack());
}

void acknowledge_names_nobody(SlotActor& actor) {
  SlotWord word = SlotWord::unpack(actor.held.word).freed();
  // In two steps, the first of which names nobody.
  word.state = SlotState::queued;
  actor.memory.slot_word(actor.held.slot).store(word.pack());
  word.state = SlotState::free;
  actor.memory.slot_word(actor.held.slot).store(word.pack());
  actor.step = QueueStep::done;
}

constexpr std::array<SlotOperation, sound_slot_operations + faulty_slot_operations> all{
    {{"slot.push", Kind::push, push},
     {"slot.pop", Kind::pop, pop},
     {"slot.consume", Kind::consume, consume},
     {"slot.acknowledge", Kind::acknowledge, acknowledge},
     {"slot.give-back", Kind::give_back, give_back},
     {"slot.recover", Kind::recover, recover},
     {"slot.leave", Kind::leave, leave},
     {"slot.join", Kind::join, join},
     {"slot.push-publishes-before-it-writes", Kind::push, push_publishes_before_it_writes},
     {"slot.pop-reopens-before-it-holds", Kind::pop, pop_reopens_before_it_holds},
     {"slot.pop-looks-once-at-the-cell", Kind::pop, pop_looks_once_at_the_cell},
     {"slot.recovery-vacates-the-number-first", Kind::recover, recovery_vacates_the_number_first},
     {"slot.recovery-does-not-look-at-cells", Kind::recover, recovery_does_not_look_at_cells},
     {"slot.recovery-forgets-that-it-may-be-late", Kind::recover, recovery_forgets_that_it_may_be_late},
     {"slot.acknowledge-names-nobody", Kind::acknowledge, acknowledge_names_nobody}}};

}  // namespace

std::span<const SlotOperation, sound_slot_operations + faulty_slot_operations> steps_at_slots() { return all; }

QueueStep push_message(QueueCore& queue, std::uint64_t id, std::uint32_t priority) {
  ClaimedSlot claimed;
  if (const QueueStep step = queue.claim(claimed); step != QueueStep::done) return step;
  const CrashMessage message = CrashMessage::of(id);
  std::memcpy(queue.payload(claimed), &message, sizeof message);
  return queue.publish(claimed, sizeof message, priority);
}

CrashMessage message_of(const QueueCore& queue, const TakenMessage& taken) {
  CrashMessage message;
  if (taken.length == sizeof message) std::memcpy(&message, queue.payload(taken).data(), sizeof message);
  return message;
}

}  // namespace ginnel::crash
