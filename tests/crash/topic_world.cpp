#include <cerrno>
#include <map>

#include "crash/collector.hpp"
#include "crash/messages.hpp"
#include "crash/tables.hpp"
#include "ginnel/msg/topic.hpp"

// A topic with a writer and a reliable reader that live through everything. Of each writer, the reader must get every message that was
// published, whole and in order; and in the end nothing of the dead is left.

namespace ginnel::crash {
namespace {

using namespace std::chrono_literals;
using Writer = Publisher<Stamped>;
using Reader = Subscriber<Stamped>;

constexpr std::uint64_t the_survivor = 1;
constexpr std::uint64_t newcomer = 2;
constexpr Bytes smallest_ring = Bytes::kib(64);
constexpr std::uint64_t record_bytes = sizeof(Stamped) + 8;
/// After so many, the next one has to look at the readers, and the next one read tells its cursor.
constexpr std::uint64_t in_an_eighth = smallest_ring.count() / 8 / record_bytes;
constexpr std::uint64_t in_a_ring = smallest_ring.count() / record_bytes;

PublisherOptions small_ring() { return {.capacity = smallest_ring}; }
SubscriberOptions asleep(Delivery delivery = Delivery::reliable, std::uint64_t last = 0) {
  return {.delivery = delivery, .waiting = Waiting::sleeping, .last = last};
}

class TopicWorld : public World {
 public:
  explicit TopicWorld(const Course& course) : World{course} {
    writer_ = must(Writer::create("t", small_ring()), "the first writer");
    // Whom nobody reads goes round his ring at once; the reader comes later then.
    if (course.has("topic.publish-wrapped")) return;
    reader_ = must(Reader::open("t", asleep()), "the first reader");
    const bool many = course.has("topic.receive-tell");
    for (std::uint64_t i = 0; i < (many ? in_an_eighth + 2 : 3); ++i) publish_next();
    if (!many) take();
    if (course.has("topic.recover")) leave_the_dead("t");
    if (course.has("topic.remove") || course.has("topic.collect")) leave_the_dead("old");
    if (course.has("topic.collect")) collector_.see("topic:old");
  }

  // --- what the actors do

  void create(Actor&) { own_writer_ = must(Writer::create("t", small_ring()), "create"); }
  void open(Actor&) { own_reader_ = must(Reader::open("t", asleep()), "open"); }
  void publish(Actor& actor) { publish_own(actor, Deadline::never()); }
  void publish_full(Actor& actor) { publish_own(actor, actor.patient ? Deadline::never() : Deadline::after(1ms)); }
  void loan(Actor& actor) {
    actor.notes->begun = actor.notes->done + 1;
    auto loaned = must(own_writer_->loan(), "loan").as<Loan<Stamped>>();
    *loaned = Stamped::of(author_of(actor.number), actor.notes->begun);
    std::move(loaned).publish();
    actor.notes->done = actor.notes->begun;
  }
  void receive(Actor& actor) {
    for (int i = 0; i < 2; ++i) receive_own(actor, Deadline::immediately());
  }
  void wait(Actor& actor) { receive_own(actor, actor.patient ? Deadline::never() : Deadline::after(1ms)); }
  void close_writer(Actor&) { own_writer_.reset(); }
  void close_reader(Actor&) { own_reader_.reset(); }
  void remove(Actor&) { static_cast<void>(must(remove_topic("old"), "remove")); }
  void collect(Actor&) { collector_.remove(); }

  void prepare_writer(Actor& actor) {
    create(actor);
    for (int i = 0; i < 2; ++i) publish(actor);
  }
  void prepare_look(Actor& actor) {
    create(actor);
    for (std::uint64_t i = 0; i < in_an_eighth; ++i) publish(actor);
  }
  void prepare_wrapped(Actor& actor) {
    create(actor);
    for (std::uint64_t i = 0; i < in_a_ring + in_an_eighth; ++i) publish(actor);
  }
  void prepare_full(Actor& actor) {
    create(actor);
    while (publish_own(actor, Deadline::immediately())) {
    }
    actor.notes->timed_out = false;
  }
  void prepare_reader(Actor& actor) {
    open(actor);
    actor.notes->got_count = 0;
  }
  void prepare_late_reader(Actor&) { own_reader_ = must(Reader::open("t", asleep(Delivery::reliable, 3)), "open"); }
  void prepare_lossy_reader(Actor&) { own_reader_ = must(Reader::open("t", asleep(Delivery::best_effort, 3)), "open"); }
  void prepare_far_reader(Actor& actor) {
    own_reader_ = must(Reader::open("t", asleep(Delivery::reliable, in_a_ring)), "open");
    for (std::uint64_t i = 0; i + 2 < in_an_eighth + 2; ++i) receive_own(actor, Deadline::immediately());
  }

  /// One that lives on publishes once more, and its last message must come too.
  void afterwards_writer(Actor& actor) {
    if (!actor.notes->timed_out) publish(actor);
  }
  /// One that lives on holds nobody back, and nothing is lost to it.
  void afterwards_reader(Actor& actor) {
    while (receive_own(actor, Deadline::immediately())) {
    }
  }

  // --- what the survivors do

  void ready() override {
    if (reader_) return;
    reader_ = must(Reader::open("t", asleep()), "the first reader");
    for (std::uint32_t actor = 0; actor < 2; ++actor) taken_[author_of(actor)] = notes(actor).done;
  }
  void meanwhile(Meanwhile what) override {
    if (what == Meanwhile::nothing) return;
    publish_beside_standing();
    take_all();
    if (what == Meanwhile::reuse) {
      {
        auto other = must(Writer::create("t", small_ring()), "a writer beside one who stands");
      }
      auto other = must(Reader::open("t", asleep()), "a reader beside one who stands");
    }
  }

  void rouse() override {
    take_all();
    // What the first has published before it died, the sleeper finds itself.
    const bool published = course().second_is("topic.wait") && taken_[author_of(0)] >= 3;
    if (!published) publish_next();
  }

  void judge() override {
    // A reader that has died must not hold the writer back: whether somebody comes or not.
    if ((course().variant & 7U) != 0) come_anew();
    survivor_works();
    come_anew();
    take_all();
    judge_authors();
    judge_removal();
    close_all();
  }

  void judge_image() override {
    auto reader = must(Reader::open("t", asleep()), "a reader after all have died");
    auto writer = must(Writer::create("t", small_ring()), "a writer after all have died");
    for (std::uint64_t i = 1; i <= 2 * in_a_ring; ++i) {
      must_be_done(must(writer.publish(Stamped::of(newcomer, i), Deadline::never()), "publish"));
      auto received = must(reader.receive(), "receive");
      while (received.is<WriterGone>()) received = must(reader.receive(), "receive");
      require(*received.as<Sample<Stamped>>() == Stamped::of(newcomer, i), "another message than was sent came");
    }
  }

 private:
  static void must_be_done(const Outcome<Done, TimedOut>& outcome) { require(outcome.is<Done>(), "it timed out"); }

  bool publish_own(Actor& actor, Deadline deadline) {
    actor.notes->begun = actor.notes->done + 1;
    const auto outcome =
        must(own_writer_->publish(Stamped::of(author_of(actor.number), actor.notes->begun), deadline), "publish");
    actor.notes->timed_out = outcome.is<TimedOut>();
    if (outcome.is<Done>()) actor.notes->done = actor.notes->begun;
    return outcome.is<Done>();
  }
  bool receive_own(Actor& actor, Deadline deadline) {
    const auto received = must(own_reader_->receive(deadline), "receive");
    actor.notes->timed_out = received.is<TimedOut>();
    const auto* const sample = received.get_if<Sample<Stamped>>();
    if (sample == nullptr) return false;
    require((*sample)->whole(), "a torn message came to it");
    std::uint64_t& last = seen_[(*sample)->author];
    require((*sample)->number > last, "message " + (*sample)->text() + " came to it after " + std::to_string(last));
    require(last == 0 || (*sample)->number == last + 1 || own_reader_->lost() > 0,
            "messages before " + (*sample)->text() + " did not come to it");
    last = (*sample)->number;
    actor.notes->note_got(last);
    return true;
  }

  static void leave_the_dead(const char* name) {
    let_die([name] {
      auto dead_writer = Writer::create(name, small_ring());
      auto dead_reader = Reader::open(name, asleep());
      static_cast<void>(dead_writer->publish(Stamped::of(99, 1)));
      new auto(std::move(*dead_writer));
      new auto(std::move(*dead_reader));
    });
  }

  /// A reliable reader that stands holds everybody back, and is not taken for dead.
  void publish_beside_standing() {
    const auto outcome = survivor("a writer publishes beside one who stands", [&] {
      return must(writer_->publish(Stamped::of(the_survivor, published_ + 1), Deadline::immediately()), "publish");
    });
    if (outcome.is<Done>()) ++published_;
    const bool may_be_held = published_ >= in_a_ring - in_an_eighth;
    require(outcome.is<Done>() || may_be_held, "a writer is held back too early");
  }
  void publish_next() {
    survivor("a writer publishes",
             [&] { must_be_done(must(writer_->publish(Stamped::of(the_survivor, ++published_)), "publish")); });
  }
  /// One message, of whomever.
  bool take() {
    return survivor("a reader receives", [&] {
      const auto received = must(reader_->receive(Deadline::immediately()), "receive");
      const auto* const sample = received.get_if<Sample<Stamped>>();
      if (sample == nullptr) return false;
      require((*sample)->whole(), "a torn message came");
      std::uint64_t& last = taken_[(*sample)->author];
      require((*sample)->number == last + 1, "message " + (*sample)->text() + " came after " + std::to_string(last));
      last = (*sample)->number;
      return true;
    });
  }
  void take_all() {
    while (take()) {
    }
  }
  /// More than its ring holds, so that whoever holds it back is looked at.
  void survivor_works() {
    for (std::uint64_t i = 0; i < in_a_ring + in_an_eighth; ++i) {
      publish_next();
      take();
    }
    take_all();
    require(taken_[the_survivor] == published_, "messages of the survivor were lost");
  }
  void come_anew() {
    auto reader = survivor("a new reader comes", [] { return must(Reader::open("t", asleep()), "a new reader"); });
    auto writer =
        survivor("a new writer comes", [] { return must(Writer::create("t", small_ring()), "a new writer"); });
    must_be_done(must(writer.publish(Stamped::of(newcomer, ++newcomers_)), "publish"));
    const auto received = survivor("a new reader receives", [&] { return must(reader.receive(), "receive"); });
    require(received.is<Sample<Stamped>>(), "a new reader was told of an end");
    take_all();
  }
  /// Exactly what was published came.
  void judge_authors() {
    for (std::uint32_t actor = 0; actor < 2; ++actor) {
      const std::uint64_t came = taken_[author_of(actor)];
      const Notes& told = notes(actor);
      require(came >= told.done, std::to_string(told.done) + " messages of actor " + std::to_string(actor) +
                                     " were published, and came up to " + std::to_string(came));
      require(came <= std::max(told.begun, told.done), "a message came that was not sent");
    }
    require(taken_[newcomer] == newcomers_, "messages of a newcomer were lost");
  }
  void judge_removal() {
    if (!course().has("topic.remove") && !course().has("topic.collect")) return;
    const auto removed = survivor("what was begun to be removed is removed",
                                  [] { return must(remove_topic("old"), "to remove it once more"); });
    const bool by_actor = (course().first_is("topic.remove") && first_ended()) || course().second_is("topic.remove");
    require(!by_actor || removed.is<NotFound>(), "it was removed and is there");
  }
  void close_all() {
    writer_.reset();
    reader_.reset();
    const auto removed =
        survivor("the topic is removed", [] { return must(remove_topic("t"), "to remove the topic"); });
    require(removed.is<Done>(), "the topic was not there any more");
  }

  std::optional<Writer> writer_;
  std::optional<Reader> reader_;
  std::optional<Writer> own_writer_;
  std::optional<Reader> own_reader_;
  Collector collector_;
  std::uint64_t published_ = 0;
  std::uint64_t newcomers_ = 0;
  std::map<std::uint64_t, std::uint64_t> taken_;  ///< the last number of each author
  std::map<std::uint64_t, std::uint64_t> seen_;   ///< by an actor
};

constexpr auto make = make_world<TopicWorld>;
constexpr std::array operations{
    Operation{.name = "topic.create",
              .make = make,
              .run = part<&TopicWorld::create>,
              .afterwards = part<&TopicWorld::afterwards_writer>,
              .images = true},
    Operation{.name = "topic.open",
              .make = make,
              .run = part<&TopicWorld::open>,
              .afterwards = part<&TopicWorld::afterwards_reader>},
    Operation{.name = "topic.publish",
              .make = make,
              .prepare = part<&TopicWorld::prepare_writer>,
              .run = part<&TopicWorld::publish>,
              .afterwards = part<&TopicWorld::afterwards_writer>,
              .images = true},
    Operation{.name = "topic.publish-look",
              .make = make,
              .prepare = part<&TopicWorld::prepare_look>,
              .run = part<&TopicWorld::publish>,
              .afterwards = part<&TopicWorld::afterwards_writer>,
              .images = true},
    Operation{.name = "topic.publish-wrapped",
              .make = make,
              .prepare = part<&TopicWorld::prepare_wrapped>,
              .run = part<&TopicWorld::publish>,
              .afterwards = part<&TopicWorld::afterwards_writer>,
              .alone = true},
    Operation{.name = "topic.publish-full",
              .make = make,
              .prepare = part<&TopicWorld::prepare_full>,
              .run = part<&TopicWorld::publish_full>,
              .afterwards = part<&TopicWorld::afterwards_writer>,
              .woken_by = "topic.receive-tell",
              .sleeps_in = futex_call},
    Operation{.name = "topic.loan",
              .make = make,
              .prepare = part<&TopicWorld::prepare_writer>,
              .run = part<&TopicWorld::loan>,
              .afterwards = part<&TopicWorld::afterwards_writer>},
    Operation{.name = "topic.receive",
              .make = make,
              .prepare = part<&TopicWorld::prepare_late_reader>,
              .run = part<&TopicWorld::receive>,
              .afterwards = part<&TopicWorld::afterwards_reader>},
    Operation{.name = "topic.receive-tell",
              .make = make,
              .prepare = part<&TopicWorld::prepare_far_reader>,
              .run = part<&TopicWorld::receive>,
              .afterwards = part<&TopicWorld::afterwards_reader>},
    Operation{.name = "topic.receive-lossy",
              .make = make,
              .prepare = part<&TopicWorld::prepare_lossy_reader>,
              .run = part<&TopicWorld::receive>,
              .afterwards = part<&TopicWorld::afterwards_reader>},
    Operation{.name = "topic.wait",
              .make = make,
              .prepare = part<&TopicWorld::prepare_reader>,
              .run = part<&TopicWorld::wait>,
              .afterwards = part<&TopicWorld::afterwards_reader>,
              .woken_by = "topic.publish",
              .sleeps_in = futex_call},
    Operation{.name = "topic.close-writer",
              .make = make,
              .prepare = part<&TopicWorld::prepare_writer>,
              .run = part<&TopicWorld::close_writer>},
    Operation{.name = "topic.close-reader",
              .make = make,
              .prepare = part<&TopicWorld::prepare_reader>,
              .run = part<&TopicWorld::close_reader>},
    Operation{.name = "topic.recover",
              .make = make,
              .run = part<&TopicWorld::open>,
              .afterwards = part<&TopicWorld::afterwards_reader>},
    Operation{.name = "topic.remove", .make = make, .run = part<&TopicWorld::remove>, .exclusive = true},
    Operation{.name = "topic.collect", .make = make, .run = part<&TopicWorld::collect>, .exclusive = true},
};

}  // namespace

std::span<const Operation> topic_operations() { return operations; }

}  // namespace ginnel::crash
