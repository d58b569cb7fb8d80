#include "ginnel/msg/detail/queue_members.hpp"

#include <cerrno>
#include <vector>

namespace ginnel::detail {
namespace {

constexpr std::uint32_t most_tries = 1U << 16U;

}  // namespace

QueueStep QueueMembers::join(std::uint32_t number) const noexcept {
  const QueueMemory::Word shared = memory_.participant(number);
  std::uint64_t word = shared.load(std::memory_order_acquire);
  const ParticipantWord seen = ParticipantWord::unpack(word);
  if (seen.state != ParticipantState::vacant) return QueueStep::nothing;
  const ParticipantWord joined{.state = ParticipantState::live, .incarnation = seen.incarnation + 1};
  const bool done = shared.compare_exchange_strong(word, joined.pack(), std::memory_order_acq_rel);
  return done ? QueueStep::done : QueueStep::nothing;
}

QueueStep QueueMembers::leave(std::uint32_t number) const noexcept { return recover(number); }

QueueStep QueueMembers::recover(std::uint32_t number) const noexcept {
  const std::uint64_t word = memory_.participant(number).load(std::memory_order_acquire);
  switch (ParticipantWord::unpack(word).state) {
    case ParticipantState::vacant:
      return QueueStep::done;
    case ParticipantState::live:
      return declare_dead(number, word);
    case ParticipantState::dead:
      return recover_dead(number, word);
    default:
      return QueueStep::rubbish;
  }
}

SweepReport QueueMembers::sweep(const IsDead& is_dead) const {
  SweepReport report;
  for (std::uint32_t number = 1; number <= memory_.shape().participants; ++number) {
    // The word comes first: a number that was live before its proof was found gone, and still is, belongs to a dead participant.
    const std::uint64_t word = memory_.participant(number).load(std::memory_order_acquire);
    const ParticipantState state = ParticipantWord::unpack(word).state;
    if (state == ParticipantState::vacant) continue;
    if (state == ParticipantState::live && !is_dead(number)) continue;
    const QueueStep step = state == ParticipantState::live   ? declare_dead(number, word)
                           : state == ParticipantState::dead ? recover_dead(number, word)
                                                             : QueueStep::rubbish;
    if (step == QueueStep::done) ++report.recovered;
    if (step == QueueStep::rubbish) report.rubbish = true;
  }
  return report;
}

QueueStep QueueMembers::declare_dead(std::uint32_t number, std::uint64_t live) const noexcept {
  const ParticipantWord dead{.state = ParticipantState::dead, .incarnation = ParticipantWord::unpack(live).incarnation};
  std::uint64_t word = live;
  const bool declared = memory_.participant(number).compare_exchange_strong(
      word, dead.pack(), std::memory_order_acq_rel, std::memory_order_acquire);
  if (!declared && word != dead.pack()) return QueueStep::done;  // another has recovered it
  return recover_dead(number, dead.pack());
}

/// Each step leaves nothing to do for one who begins again, and until the last the number stays dead. Whoever stood stopped here while
/// others completed it notices: what it would change has another generation, or the number another word.
QueueStep QueueMembers::recover_dead(std::uint32_t number, std::uint64_t dead) const noexcept {
  if (const QueueStep step = settle_cells(number); step != QueueStep::done) return step;
  if (!release_slots(number, dead)) return QueueStep::done;
  // Always: the one who marked slots as returned may have been killed before this line.
  mark_returned(memory_);
  const ParticipantWord vacant{.state = ParticipantState::vacant,
                               .incarnation = ParticipantWord::unpack(dead).incarnation};
  memory_.participant(number).compare_exchange_strong(dead, vacant.pack(), std::memory_order_acq_rel);
  return QueueStep::done;
}

/// Afterwards no cell names a slot that the dead one held, and what it filled is `queued` if it is.
QueueStep QueueMembers::settle_cells(std::uint32_t number) const noexcept {
  for (std::uint32_t priority = 0; priority < memory_.shape().priorities; ++priority)
    for (std::uint64_t index = 0; index < memory_.cell_count(); ++index)
      if (const QueueStep step = settle_cell(memory_.cell(priority, index), number); step != QueueStep::done)
        return step;
  return QueueStep::done;
}

QueueStep QueueMembers::settle_cell(QueueMemory::Word cell, std::uint32_t number) const noexcept {
  for (std::uint32_t left = most_tries; left > 0; --left) {
    const std::uint64_t cell_word = cell.load(std::memory_order_acquire);
    const CellWord seen = CellWord::unpack(cell_word);
    if (seen.is_empty()) return QueueStep::done;
    LookedAtCell looked = look_at_cell(cell, cell_word, memory_);
    const SlotWord slot = SlotWord::unpack(looked.slot_word);
    if (looked.found == CellFound::rubbish) return QueueStep::rubbish;
    if (looked.found == CellFound::spent) reopen_cell(cell, cell_word);
    if (looked.found != CellFound::available) continue;
    if (slot.state == SlotState::queued || slot.owner != number) return QueueStep::done;
    if (memory_.slot_word(seen.slot())
            .compare_exchange_strong(looked.slot_word, slot.queued().pack(), std::memory_order_acq_rel,
                                     std::memory_order_relaxed))
      return QueueStep::done;
  }
  return QueueStep::busy;
}

/// False when another has completed the recovery meanwhile.
bool QueueMembers::release_slots(std::uint32_t number, std::uint64_t dead) const noexcept {
  for (std::uint32_t slot = 0; slot < memory_.shape().slots; ++slot) {
    std::uint64_t word = memory_.slot_word(slot).load(std::memory_order_acquire);
    const SlotWord seen = SlotWord::unpack(word);
    const bool filling = seen.state == SlotState::filling;
    if (seen.owner != number || (!filling && seen.state != SlotState::held)) continue;
    // The slot's word comes first: while the number is still this dead one, it is no word of the number's next user.
    if (memory_.participant(number).load(std::memory_order_acquire) != dead) return false;
    // A failure means that another survivor did it.
    memory_.slot_word(slot).compare_exchange_strong(word, (filling ? seen.freed() : seen.returned()).pack(),
                                                    std::memory_order_acq_rel, std::memory_order_acquire);
  }
  return true;
}

/// Two steps, each of which takes away the ground of a popper who looked before it and now wants to take the mark down.
void mark_returned(const QueueMemory& memory) noexcept {
  memory.returned_mark().fetch_add(2, std::memory_order_acq_rel);
  memory.returned_mark().fetch_or(1, std::memory_order_seq_cst);
}

namespace {

struct Contradiction {
  const char* what;
  std::uint64_t where;
};

std::unexpected<Error> contradiction(Contradiction found) {
  return std::unexpected{Error{EUCLEAN, "audit", "queue",
                               std::string{"its memory contradicts itself: "} + found.what + " " +
                                   std::to_string(found.where) + "; make the queue anew"}};
}

/// Which slots are named by cells; each at most once, and none that is free or returned.
Result<std::vector<bool>> slots_named_by_cells(const QueueMemory& memory) {
  std::vector<bool> named(memory.shape().slots);
  for (std::uint32_t priority = 0; priority < memory.shape().priorities; ++priority)
    for (std::uint64_t index = 0; index < memory.cell_count(); ++index) {
      const CellWord cell = CellWord::unpack(memory.cell(priority, index).load(std::memory_order_acquire));
      if (cell.is_empty()) continue;
      if (cell.slot() >= memory.shape().slots) return contradiction({"a cell names slot", cell.slot()});
      if (named[cell.slot()]) return contradiction({"two cells name slot", cell.slot()});
      const SlotWord slot = SlotWord::unpack(memory.slot_word(cell.slot()).load(std::memory_order_acquire));
      if (slot.state == SlotState::free || slot.state == SlotState::returned)
        return contradiction({"a cell names a slot without a queued message:", cell.slot()});
      named[cell.slot()] = true;
    }
  return named;
}

}  // namespace

Result<QueueAudit> audit_queue(const QueueMemory& memory) {
  auto named = slots_named_by_cells(memory);
  if (!named) return std::unexpected{std::move(named.error())};
  QueueAudit audit;
  for (std::uint32_t slot = 0; slot < memory.shape().slots; ++slot) {
    const SlotWord word = SlotWord::unpack(memory.slot_word(slot).load(std::memory_order_acquire));
    const bool owned = word.state == SlotState::filling || word.state == SlotState::held;
    if (owned != (word.owner != 0) || word.owner > memory.shape().participants)
      return contradiction({"a wrong owner of slot", slot});
    switch (word.state) {
      case SlotState::free:
        ++audit.free;
        break;
      case SlotState::filling:
        ++((*named)[slot] ? audit.queued : audit.filling);
        break;
      case SlotState::queued:
        if (!(*named)[slot]) return contradiction({"no cell names the queued slot", slot});
        ++audit.queued;
        break;
      case SlotState::held:
        ++audit.held;
        break;
      case SlotState::returned:
        ++audit.returned;
        break;
      default:
        return contradiction({"an unknown state of slot", slot});
    }
  }
  return audit;
}

}  // namespace ginnel::detail
