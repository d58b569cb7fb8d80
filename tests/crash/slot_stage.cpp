#include <cstdio>
#include <cstdlib>
#include <new>

#include "crash/slot_stage.hpp"

namespace ginnel::crash {
namespace {

constexpr std::size_t actors_bytes = 4096;
static_assert(2 * sizeof(SlotActor) <= actors_bytes);
constexpr int laps_before = 90;  // no multiple of the cells: the ring's end comes in the middle of the scene

void expect(bool held, const char* what) {
  if (held) return;
  std::fprintf(stderr, "crash tests: the scene cannot be set: %s\n", what);
  std::exit(3);
}

ReadWriteMapping map_stage() {
  auto mapping = ReadWriteMapping::anonymous(Bytes{actors_bytes + crash_shape.bytes()});
  expect(mapping.has_value(), "mmap");
  return std::move(*mapping);
}

TakenMessage take(QueueCore& queue) {
  TakenMessage taken;
  expect(queue.take(taken) == QueueStep::done, "take");
  return taken;
}

/// As one leaves it who is killed between taking the message and reopening its cell.
void take_by_halves(const QueueMemory& memory, std::uint8_t number) {
  for (std::uint64_t position = memory.head(0).load();; ++position) {
    const QueueMemory::Word cell = memory.cell(0, position);
    const std::uint64_t word = cell.load();
    const LookedAtCell looked = look_at_cell(cell, word, memory);
    if (looked.found != CellFound::available) continue;
    const SlotWord held = SlotWord::unpack(looked.slot_word).held_by(number);
    memory.slot_word(CellWord::unpack(word).slot()).store(held.pack());
    return;
  }
}

}  // namespace

SlotStage::SlotStage(bool with_returned)
    : mapping_{map_stage()}, memory_{mapping_.bytes().data() + actors_bytes, crash_shape} {
  prepare(with_returned);
}

SlotActor* SlotStage::actors() const { return reinterpret_cast<SlotActor*>(mapping_.bytes().data()); }

/// Messages 1 to 7 in the order of pushing: 1 returned or gone, 2 and 3 held by the actors, 4 half taken and 5 pushed by the long
/// dead one, who was filling another slot besides; 6 queued, 7 queued with the higher priority.
void SlotStage::prepare(bool with_returned) {
  QueueMembers members{memory_};
  for (const std::uint8_t number : {first_actor, second_actor, survivor, long_dead})
    expect(members.join(number) == QueueStep::done, "join");
  QueueCore first{memory_, first_actor};
  QueueCore second{memory_, second_actor};
  QueueCore other{memory_, survivor};
  QueueCore dead{memory_, long_dead};
  const auto push = [](QueueCore& queue, std::uint64_t id, std::uint32_t priority) {
    expect(push_message(queue, id, priority) == QueueStep::done, "push");
  };
  for (int lap = 0; lap < laps_before; ++lap) {
    push(other, 1, 0);
    (void)other.acknowledge(take(other));
  }
  push(other, 1, 0);
  const TakenMessage one = take(other);
  push(other, 2, 0);
  const TakenMessage two = take(first);
  push(other, 3, 0);
  const TakenMessage three = take(second);
  push(other, 4, 0);
  push(dead, 5, 0);
  push(other, 6, 0);
  push(other, 7, 1);
  take_by_halves(memory_, long_dead);
  ClaimedSlot half;
  expect(dead.claim(half) == QueueStep::done, "claim");
  (void)(with_returned ? other.give_back(one) : other.acknowledge(one));

  new (&actors()[0]) SlotActor{
      .memory = memory_, .number = first_actor, .push_id = 100, .held = two, .long_dead_is_gone = true, .taken = {}};
  new (&actors()[1]) SlotActor{
      .memory = memory_, .number = second_actor, .push_id = 200, .held = three, .long_dead_is_gone = true, .taken = {}};
}

}  // namespace ginnel::crash
