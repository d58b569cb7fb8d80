#include <algorithm>
#include <cerrno>
#include <map>
#include <thread>
#include <vector>

#include "crash/collector.hpp"
#include "crash/messages.hpp"
#include "crash/tables.hpp"
#include "ginnel/msg/queue.hpp"

// A queue as its users have it, with a participant that lives through everything. In the end each message was dealt with once, those that were
// handed out before say so, and as many messages and participants find room as at the beginning. The steps within: slot_world.cpp.

namespace ginnel::crash {
namespace {

using namespace std::chrono_literals;
using Jobs = Queue<Stamped>;

constexpr std::uint64_t the_survivor = 1;
constexpr std::uint32_t slots = 8;
constexpr std::uint32_t participants = 5;
constexpr std::uint64_t first_messages = 4;  ///< numbers 1 to 3 with priority 0, and 4 with 1

QueueOptions options() {
  return {.slots = slots, .priorities = 2, .participants = participants, .waiting = Waiting::sleeping};
}

class QueueWorld : public World {
 public:
  explicit QueueWorld(const Course& course) : World{course} {
    queue_ = must(Jobs::create("q", options()), "the queue");
    if (!course.has("queue.pop-wait") || course.has("queue.recover") || holds(course.first) || holds(course.second))
      for (std::uint64_t i = 1; i <= first_messages; ++i) push_next(i == first_messages ? 1 : 0);
    if (course.has("queue.recover")) leave_the_dead("q");
    if (course.has("queue.remove") || course.has("queue.collect")) leave_the_dead("old");
    if (course.has("queue.collect")) collector_.see("queue:old");
  }

  // --- what the actors do

  void make_other(Actor&) { own_ = must(Jobs::open("n", options()), "open a new one"); }
  void open(Actor&) { own_ = must(Jobs::open("q", options()), "open"); }
  void push(Actor& actor) { static_cast<void>(push_own(actor, Deadline::never())); }
  void push_full(Actor& actor) {
    static_cast<void>(push_own(actor, actor.patient ? Deadline::never() : Deadline::after(1ms)));
  }
  void loan(Actor& actor) {
    actor.notes->begun = actor.notes->done + 1;
    auto loaned = must(own_->loan(), "loan").as<QueueLoan<Stamped>>();
    *loaned = Stamped::of(author_of(actor.number), actor.notes->begun);
    must(std::move(loaned).push(), "push");
    actor.notes->done = actor.notes->begun;
  }
  void drop_loan(Actor&) { static_cast<void>(must(own_->loan(), "loan")); }
  void pop(Actor& actor) { pop_own(actor, Deadline::immediately()); }
  void pop_wait(Actor& actor) { pop_own(actor, actor.patient ? Deadline::never() : Deadline::after(1ms)); }
  void consume(Actor& actor) {
    pop(actor);
    if (held_) require(held_->ack(), "ack");
    held_.reset();
    actor.notes->done = 1;
  }
  void acknowledge(Actor& actor) {
    require(held_->ack(), "ack");
    held_.reset();
    actor.notes->done = 1;
  }
  void give_back(Actor&) {
    require(held_->give_back(), "give back");
    held_.reset();
  }
  void close(Actor&) {
    held_.reset();
    own_.reset();
  }
  void remove(Actor&) { static_cast<void>(must(remove_queue("old"), "remove")); }
  void collect(Actor&) { collector_.remove(); }

  void prepare_full(Actor& actor) {
    open(actor);
    while (push_own(actor, Deadline::immediately())) {
    }
    actor.notes->timed_out = false;
  }
  void prepare_held(Actor& actor) {
    open(actor);
    pop(actor);
    if (!held_) throw Broken{"nothing to hold"};
  }
  /// What it holds, and what it did not say that it has dealt with, it deals with.
  void afterwards(Actor& actor) {
    if (held_) {
      require((**held_).whole(), "what it holds was torn");
      require(held_->ack(), "ack");
      held_.reset();
      actor.notes->done = 1;
    }
  }

  // --- what the survivors do

  void meanwhile(Meanwhile what) override {
    if (what == Meanwhile::nothing) return;
    // Whoever comes looks for the dead.
    {
      const auto other = must(Jobs::open("q", options()), "a participant beside one who stands");
    }
    if (what == Meanwhile::reuse) {
      drain();
      push_next(0);
    }
  }
  void rouse() override {
    if (course().second_is("queue.pop-wait")) {
      // What the first has pushed before it died, the sleeper finds itself, and it clears away what the first was pushing.
      while (has_message()) std::this_thread::yield();
      if (notes(1).got_count == 0) push_next(0);
    } else {
      drain();
    }
  }
  void judge() override {
    {
      const auto looks = must(Jobs::open("q", options()), "a new participant");
    }
    drain();
    judge_messages();
    judge_room();
    judge_places();
    judge_others();
    queue_.reset();
    const auto removed =
        survivor("the queue is removed", [] { return must(remove_queue("q"), "to remove the queue"); });
    require(removed.is<Done>(), "the queue was not there any more");
  }
  void judge_image() override {
    auto queue = must(Jobs::open("q", options()), "a participant after all have died");
    std::uint64_t free = slots;
    while (true) {
      auto popped = must(queue.pop(Deadline::immediately()), "pop");
      if (!popped.is<Popped<Stamped>>()) break;
      Popped<Stamped>& message = popped.as<Popped<Stamped>>();
      require(message->whole(), "a torn message");
      require(message.ack(), "ack");
      require(free-- > 0, "messages without end");
    }
    for (std::uint64_t i = 1; i <= slots; ++i)
      require(must(queue.push(Stamped::of(5, i), 0, Deadline::immediately()), "push").is<Done>(), "a slot was lost");
    require(must(queue.push(Stamped::of(5, 0), 0, Deadline::immediately()), "push").is<TimedOut>(), "a slot too many");
  }

 private:
  [[nodiscard]] static bool takes(const Operation* operation) {
    constexpr std::array names{"queue.pop",         "queue.pop-wait",  "queue.consume",
                               "queue.acknowledge", "queue.give-back", "queue.close"};
    return operation != nullptr && std::ranges::find(names, operation->name) != names.end();
  }

  /// Has popped before its operation.
  [[nodiscard]] static bool holds(const Operation* operation) {
    constexpr std::array names{"queue.acknowledge", "queue.give-back", "queue.close"};
    return operation != nullptr && std::ranges::find(names, operation->name) != names.end();
  }

  bool push_own(Actor& actor, Deadline deadline) {
    actor.notes->begun = actor.notes->done + 1;
    const auto outcome =
        must(own_->push(Stamped::of(author_of(actor.number), actor.notes->begun), 0, deadline), "push");
    actor.notes->timed_out = outcome.is<TimedOut>();
    if (outcome.is<Done>()) actor.notes->done = actor.notes->begun;
    return outcome.is<Done>();
  }
  /// What it has got is noted at once, so that the judge knows what it may have dealt with.
  void pop_own(Actor& actor, Deadline deadline) {
    auto popped = must(own_->pop(deadline), "pop");
    actor.notes->timed_out = popped.is<TimedOut>();
    if (!popped.is<Popped<Stamped>>()) return;
    held_ = std::move(popped.as<Popped<Stamped>>());
    require((**held_).whole(), "a torn message came to it");
    actor.notes->note_got((**held_).author * 1000 + (**held_).number);
  }

  static void leave_the_dead(const char* name) {
    let_die([name] {
      auto queue = Jobs::open(name, options());
      if (std::string_view{name} == "old") static_cast<void>(queue->push(Stamped::of(99, 1)));
      auto popped = queue->pop(Deadline::immediately());
      new auto(std::move(popped->as<Popped<Stamped>>()));
      new auto(must(queue->loan(), "loan").as<QueueLoan<Stamped>>());
      new auto(std::move(*queue));
    });
  }

  /// Queued, or in somebody's hands.
  [[nodiscard]] bool has_message() const {
    const QueueCounts counts = queue_->counts();
    return counts.queued + counts.held > 0;
  }
  void push_next(std::uint32_t priority) {
    const auto pushed = survivor("a push", [&] {
      return must(queue_->push(Stamped::of(the_survivor, ++pushed_), priority, Deadline::after(20s)), "push");
    });
    require(pushed.is<Done>(), "there is no room for a push");
  }
  void drain() {
    while (true) {
      auto popped = survivor("a pop", [&] { return must(queue_->pop(Deadline::immediately()), "pop"); });
      if (!popped.is<Popped<Stamped>>()) return;
      Popped<Stamped>& message = popped.as<Popped<Stamped>>();
      require(message->whole(), "a torn message came");
      const std::uint64_t id = message->author * 1000 + message->number;
      require(++times_[id] == 1, "message " + message->text() + " came twice");
      if (message.redelivered()) redelivered_[id] = true;
      require(message.ack(), "ack");
    }
  }
  [[nodiscard]] bool has_got(std::uint32_t actor, std::uint64_t id) const {
    const Notes& told = notes(actor);
    return std::find(told.got.begin(), told.got.begin() + told.got_count, id) != told.got.begin() + told.got_count;
  }
  /// Each that was pushed was dealt with once: by the survivor, or by an actor who may have acknowledged it.
  void judge_messages() {
    std::map<std::uint64_t, bool> due;  // true: it was pushed for certain
    for (std::uint64_t i = 1; i <= pushed_; ++i) due[the_survivor * 1000 + i] = true;
    for (std::uint32_t actor = 0; actor < 2; ++actor) {
      const Operation* operation = actor == 0 ? course().first : course().second;
      if (operation == nullptr || takes(operation)) continue;
      for (std::uint64_t i = 1; i <= std::max(notes(actor).begun, notes(actor).done); ++i)
        due[author_of(actor) * 1000 + i] = i <= notes(actor).done;
    }
    int dead_has_dealt_with = 0;
    for (const auto& [id, certain] : due) {
      int times = times_[id];
      const bool second_dealt = takes(course().second) && has_got(1, id) && notes(1).done == 1;
      if (second_dealt) ++times;
      require(times <= 1, "message " + std::to_string(id) + " was dealt with twice");
      if (times == 1 || !certain) continue;
      const bool may = course().first_is("queue.consume") || (course().first_is("queue.acknowledge") && has_got(0, id));
      require(may, "message " + std::to_string(id) + " was lost");
      ++dead_has_dealt_with;
    }
    require(dead_has_dealt_with <= 1, "two messages were lost");
    judge_marks();
  }
  /// What came again says so, and nothing else does.
  void judge_marks() const {
    int unexplained = 0;
    for (const auto& [id, redelivered] : redelivered_)
      if (redelivered && !has_got(0, id) && !has_got(1, id)) ++unexplained;
    const int explained = (course().has("queue.recover") ? 1 : 0) + (takes(course().first) && !first_ended() ? 1 : 0);
    require(unexplained <= explained, "messages were marked as redelivered that nobody had");
    for (std::uint32_t actor = 0; actor < 2; ++actor)
      for (std::uint32_t i = 0; i < notes(actor).got_count; ++i) {
        const std::uint64_t id = notes(actor).got[i];
        const bool came_again = times_.contains(id) && times_.at(id) > 0;
        require(!came_again || redelivered_.contains(id), "a message came again and did not say so");
      }
  }
  void judge_room() {
    const std::uint64_t before = pushed_;
    for (int round = 0; round < 3; ++round) {
      for (std::uint32_t i = 0; i < slots; ++i)
        require(must(queue_->push(Stamped::of(the_survivor, ++pushed_), 0, Deadline::immediately()), "push").is<Done>(),
                "a slot was lost: " + std::to_string(i) + " are free");
      const auto more = must(queue_->push(Stamped::of(9, 9), 0, Deadline::immediately()), "push");
      require(more.is<TimedOut>(), "there is a slot too many");
      const QueueCounts counts = queue_->counts();
      require(counts.queued == slots && counts.held == 0, "the counts are wrong");
      drain();
    }
    for (std::uint64_t i = before + 1; i <= pushed_; ++i)
      require(times_[the_survivor * 1000 + i] == 1, "a message was lost afterwards");
  }
  void judge_places() {
    std::vector<Jobs> others;
    while (others.size() + 1 < participants)
      others.push_back(
          survivor("a new participant comes", [] { return must(Jobs::open("q", options()), "a new participant"); }));
  }
  void judge_others() {
    if (course().has("queue.make")) {
      {
        const auto made = must(Jobs::open("n", options()), "what was begun to be made");
      }
      static_cast<void>(must(remove_queue("n"), "to remove what was made"));
    }
    if (course().has("queue.remove") || course().has("queue.collect"))
      static_cast<void>(survivor("what was begun to be removed is removed",
                                 [] { return must(remove_queue("old"), "to remove it once more"); }));
  }

  std::optional<Jobs> queue_;
  std::optional<Jobs> own_;
  std::optional<Popped<Stamped>> held_;
  Collector collector_;
  std::uint64_t pushed_ = 0;
  std::map<std::uint64_t, int> times_;
  std::map<std::uint64_t, bool> redelivered_;
};

constexpr auto make = make_world<QueueWorld>;
constexpr auto open = part<&QueueWorld::open>;
constexpr auto after = part<&QueueWorld::afterwards>;
constexpr std::array operations{
    Operation{.name = "queue.make", .make = make, .run = part<&QueueWorld::make_other>},
    Operation{.name = "queue.open", .make = make, .run = open, .afterwards = after},
    Operation{.name = "queue.push",
              .make = make,
              .prepare = open,
              .run = part<&QueueWorld::push>,
              .afterwards = after,
              .images = true},
    Operation{.name = "queue.push-full",
              .make = make,
              .prepare = part<&QueueWorld::prepare_full>,
              .run = part<&QueueWorld::push_full>,
              .woken_by = "queue.consume",
              .sleeps_in = futex_call,
              .alone = true},
    Operation{.name = "queue.loan", .make = make, .prepare = open, .run = part<&QueueWorld::loan>, .afterwards = after},
    Operation{.name = "queue.drop-loan",
              .make = make,
              .prepare = open,
              .run = part<&QueueWorld::drop_loan>,
              .afterwards = after},
    Operation{.name = "queue.pop",
              .make = make,
              .prepare = open,
              .run = part<&QueueWorld::pop>,
              .afterwards = after,
              .images = true},
    Operation{.name = "queue.consume",
              .make = make,
              .prepare = open,
              .run = part<&QueueWorld::consume>,
              .afterwards = after,
              .images = true},
    Operation{.name = "queue.pop-wait",
              .make = make,
              .prepare = open,
              .run = part<&QueueWorld::pop_wait>,
              .afterwards = after,
              .woken_by = "queue.push",
              .sleeps_in = futex_call},
    Operation{.name = "queue.acknowledge",
              .make = make,
              .prepare = part<&QueueWorld::prepare_held>,
              .run = part<&QueueWorld::acknowledge>,
              .images = true},
    Operation{.name = "queue.give-back",
              .make = make,
              .prepare = part<&QueueWorld::prepare_held>,
              .run = part<&QueueWorld::give_back>},
    Operation{.name = "queue.close",
              .make = make,
              .prepare = part<&QueueWorld::prepare_held>,
              .run = part<&QueueWorld::close>},
    Operation{.name = "queue.recover", .make = make, .run = open, .afterwards = after, .images = true},
    Operation{.name = "queue.remove", .make = make, .run = part<&QueueWorld::remove>, .exclusive = true},
    Operation{.name = "queue.collect", .make = make, .run = part<&QueueWorld::collect>, .exclusive = true},
};

}  // namespace

std::span<const Operation> queue_operations() { return operations; }

}  // namespace ginnel::crash
