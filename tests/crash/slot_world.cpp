#include <map>
#include <vector>

#include "crash/slot_stage.hpp"
#include "crash/tables.hpp"

// The steps within a queue, in memory without a file, and without waiting: so short that almost all pairs of instructions can be tried.

namespace ginnel::crash {
namespace {

constexpr std::uint64_t first_push = 100;
constexpr std::uint64_t second_push = 200;
constexpr std::uint64_t reuser_push = 300;
constexpr std::uint32_t most_messages = 64;

struct Popped {
  std::uint64_t id = 0;
  std::uint32_t priority = 0;
  std::uint32_t deliveries = 0;
};

std::string name(QueueStep step) {
  constexpr std::array names{"done", "nothing", "busy", "rubbish"};
  return names.at(static_cast<std::size_t>(step));
}

bool takes(Kind kind) { return kind == Kind::pop || kind == Kind::consume; }

/// Null where nobody acts.
const SlotOperation* step_of(const Operation* operation) {
  if (operation == nullptr) return nullptr;
  for (const SlotOperation& step : steps_at_slots())
    if (step.name == operation->name) return &step;
  return nullptr;
}

class SlotWorld : public World {
 public:
  explicit SlotWorld(const Course& course)
      : World{course},
        with_returned_{(course.variant & 1U) != 0},
        stage_{with_returned_},
        members_{stage_.memory()},
        queue_{stage_.memory(), crash::survivor} {}

  [[nodiscard]] SlotActor& actor(std::uint32_t number) const { return number == 0 ? stage_.first() : stage_.second(); }

  void meanwhile(Meanwhile what) override {
    if (what == Meanwhile::nothing) return;
    sweep();
    if (what == Meanwhile::recover) return;
    drain();
    stage_.first().long_dead_is_gone = false;
    stage_.second().long_dead_is_gone = false;
    require(members_.join(long_dead) == QueueStep::done, "the number of a recovered participant cannot be joined");
    reused_ = true;
    QueueCore reuser{stage_.memory(), long_dead};
    ClaimedSlot claimed;
    while (reuser.claim(claimed) == QueueStep::done) claims_.push_back(claimed);
  }

  void judge() override {
    publish_reused();
    judge_second();
    sweep();
    drain();
    judge_messages();
    judge_places();
    judge_health();
  }

 private:
  [[nodiscard]] bool second_is(Kind kind) const { return is(course().second, kind); }
  [[nodiscard]] bool first_is(Kind kind) const { return is(course().first, kind); }
  [[nodiscard]] static bool is(const Operation* operation, Kind kind) {
    const SlotOperation* const step = step_of(operation);
    return step != nullptr && step->kind == kind;
  }
  [[nodiscard]] bool first_takes() const { return first_is(Kind::pop) || first_is(Kind::consume); }

  void publish_reused() {
    if (!reused_) return;
    QueueCore reuser{stage_.memory(), long_dead};
    for (const ClaimedSlot& claimed : claims_) {
      const CrashMessage message = CrashMessage::of(reuser_push + due_from_reuser_++);
      *reinterpret_cast<CrashMessage*>(reuser.payload(claimed)) = message;
      require(reuser.publish(claimed, sizeof message, 0) == QueueStep::done,
              "a newcomer's message cannot be published");
    }
  }

  /// Who the newcomer is, is clear once the second has done.
  [[nodiscard]] bool is_dead(std::uint32_t number) const {
    if (number == first_actor) return true;
    if (number == long_dead) return !reused_;
    if (number != newcomer) return false;
    if (!second_is(Kind::join)) return true;
    return notes(1).over && stage_.second().step != QueueStep::done;
  }
  void sweep() {
    const SweepReport report = members_.sweep([this](std::uint32_t number) { return is_dead(number); });
    require(!report.rubbish, "the recovery calls the memory rubbish");
  }

  /// Everything that can be popped now.
  void drain() {
    std::optional<Popped> before;
    while (true) {
      TakenMessage taken;
      const QueueStep step = queue_.take(taken);
      if (step == QueueStep::nothing) break;
      require(step == QueueStep::done, "a survivor's pop came to " + name(step));
      const CrashMessage message = message_of(queue_, taken);
      require(message.whole(), "a torn message, " + std::to_string(message.id));
      const Popped popped{.id = message.id, .priority = taken.priority, .deliveries = taken.deliveries};
      if (before) judge_order(*before, popped);
      before = popped;
      drained_.push_back(popped);
      require(drained_.size() < most_messages, "messages without end");
      require(queue_.acknowledge(taken) == QueueStep::done, "a survivor's message cannot be acknowledged");
      ++times_[message.id];
    }
    require(!queue_.may_have_message(), "an empty queue seems to have a message");
  }

  static std::uint64_t rank(std::uint64_t id) { return id == second_push ? first_push : id; }
  static void judge_order(const Popped& before, const Popped& after) {
    const bool in_order =
        before.priority > after.priority || (before.priority == after.priority && rank(before.id) <= rank(after.id));
    require(in_order, "message " + std::to_string(after.id) + " came after " + std::to_string(before.id));
  }

  /// What the second said it did must be so; what it still holds it acknowledges now.
  void judge_second() {
    if (course().second != nullptr) judge_operation_of_second(step_of(course().second)->kind);
    const bool gave_up = second_is(Kind::acknowledge) || second_is(Kind::give_back) || second_is(Kind::leave);
    if (second_is(Kind::acknowledge)) ++times_[3];
    if (gave_up) return;
    QueueCore queue{stage_.memory(), second_actor};
    require(queue.acknowledge(stage_.second().held) == QueueStep::done, "the second does not hold what it held");
    ++times_[3];
  }
  void judge_operation_of_second(Kind kind) {
    const SlotActor& actor = stage_.second();
    const bool may_find_nothing =
        (reused_ && (kind == Kind::push || takes(kind))) || (kind == Kind::join && first_is(Kind::join));
    require(actor.step == QueueStep::done || (actor.step == QueueStep::nothing && may_find_nothing),
            "the second's operation came to " + name(actor.step));
    if (!takes(kind) || actor.step != QueueStep::done) return;
    ++times_[actor.taken_id];
    if (kind == Kind::consume) return;
    QueueCore queue{stage_.memory(), second_actor};
    require(message_of(queue, actor.taken) == CrashMessage::of(actor.taken_id), "the second's message changed");
    require(queue.acknowledge(actor.taken) == QueueStep::done, "the second does not hold what it popped");
  }

  void judge_messages() {
    if (first_ended() && first_is(Kind::acknowledge)) ++times_[2];
    if (first_ended() && first_is(Kind::consume)) ++times_[stage_.first().taken_id];
    std::map<std::uint64_t, bool> due;
    for (std::uint64_t id = with_returned_ ? 1 : 2; id <= 7; ++id) due[id] = true;
    if (second_is(Kind::push)) due[second_push] = stage_.second().step == QueueStep::done;
    if (first_is(Kind::push)) due[first_push] = first_ended();
    for (std::uint64_t i = 0; i < due_from_reuser_; ++i) due[reuser_push + i] = true;

    int missing = 0;
    for (const auto& [id, is_due] : due) {
      const int times = times_[id];
      require(times <= 1, "message " + std::to_string(id) + " came twice");
      const bool unknown = (id == first_push && !is_due) || first_may_have_dealt_with(id);
      require(times == (is_due ? 1 : 0) || unknown, "message " + std::to_string(id) + " was lost, or came unsent");
      if (times == 0 && is_due) ++missing;
    }
    require(missing <= 1, "two messages were lost");
    for (const auto& [id, times] : times_)
      require(times == 0 || due.contains(id), "message " + std::to_string(id) + " was never sent");
    judge_marks();
  }

  [[nodiscard]] bool first_may_have_dealt_with(std::uint64_t id) const {
    if (first_ended()) return false;
    return (first_is(Kind::acknowledge) && id == 2) || (first_is(Kind::consume) && id != 2 && id < reuser_push);
  }

  /// Of what is popped at the end, 1 to 4 were delivered once before, and at most one more by the first before its death.
  void judge_marks() const {
    int more = 0;
    for (const Popped& popped : drained_) {
      const std::uint32_t expected = popped.id <= 4 ? 2 : 1;
      if (first_takes() && popped.deliveries == expected + 1) {
        ++more;
        continue;
      }
      require(popped.deliveries == expected,
              "message " + std::to_string(popped.id) + " has count " + std::to_string(popped.deliveries));
    }
    require(more <= 1, "two messages were marked for one death");
  }

  void judge_places() const {
    const auto audit = audit_queue(stage_.memory());
    require(audit.has_value(), audit.has_value() ? "" : audit.error().message());
    require(audit->free == crash_shape.slots, "slots were lost: " + std::to_string(audit->free) + " are free");
    require(state_of(first_actor, ParticipantState::vacant), "the number of the dead is not vacant");
    require(state_of(long_dead, reused_ ? ParticipantState::live : ParticipantState::vacant), "a wrong state of 4");
    const bool joined = second_is(Kind::join) && stage_.second().step == QueueStep::done;
    require(state_of(newcomer, joined ? ParticipantState::live : ParticipantState::vacant), "a wrong state of 5");
    require(state_of(second_actor, second_is(Kind::leave) ? ParticipantState::vacant : ParticipantState::live),
            "a wrong state of 2");
  }
  [[nodiscard]] bool state_of(std::uint32_t number, ParticipantState state) const {
    return members_.state(number) == state;
  }

  /// The queue takes as many messages as it has slots, more than once round.
  void judge_health() {
    for (int round = 0; round < 3; ++round) {
      for (std::uint64_t id = 1; id <= crash_shape.slots; ++id)
        require(push_message(queue_, id, 0) == QueueStep::done, "a push fails afterwards");
      require(push_message(queue_, 0, 0) == QueueStep::nothing, "one message too many fits in afterwards");
      for (std::uint64_t id = 1; id <= crash_shape.slots; ++id) {
        TakenMessage taken;
        require(queue_.take(taken) == QueueStep::done, "a pop fails afterwards");
        require(message_of(queue_, taken) == CrashMessage::of(id) && !taken.redelivered(),
                "a wrong message afterwards");
        require(queue_.acknowledge(taken) == QueueStep::done, "an acknowledgement fails afterwards");
      }
    }
  }

  bool with_returned_;
  SlotStage stage_;
  QueueMembers members_;
  QueueCore queue_;
  bool reused_ = false;  ///< the number of the long dead one
  std::vector<ClaimedSlot> claims_;
  std::uint64_t due_from_reuser_ = 0;
  std::vector<Popped> drained_;
  std::map<std::uint64_t, int> times_;  ///< how often a message was dealt with
};

template <std::size_t Index>
constexpr Operation operation_at() {
  return {.name = {},
          .make = make_world<SlotWorld>,
          .run = [](World& world,
                    Actor& actor) { steps_at_slots()[Index].run(static_cast<SlotWorld&>(world).actor(actor.number)); },
          .faulty = Index >= sound_slot_operations};
}
template <std::size_t... Indices>
auto operations_at(std::index_sequence<Indices...>) {
  std::array<Operation, sizeof...(Indices)> operations{operation_at<Indices>()...};
  for (std::size_t i = 0; i < operations.size(); ++i) operations[i].name = steps_at_slots()[i].name;
  return operations;
}

}  // namespace

std::span<const Operation> slot_operations() {
  static const auto operations =
      operations_at(std::make_index_sequence<sound_slot_operations + faulty_slot_operations>{});
  return operations;
}

}  // namespace ginnel::crash
