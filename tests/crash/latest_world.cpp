#include <cerrno>
#include <vector>

#include "crash/collector.hpp"
#include "crash/messages.hpp"
#include "crash/tables.hpp"
#include "ginnel/msg/latest.hpp"

// A newest value with a reader that lives through everything, and a writer that does unless an actor is to be the writer. What is read is
// always whole, never older than before, and not written over while it is held; a dead writer or reader keeps nobody's place.

namespace ginnel::crash {
namespace {

using namespace std::chrono_literals;
using Writer = LatestWriter<Stamped>;
using Reader = LatestReader<Stamped>;

constexpr std::uint64_t the_survivor = 1;
constexpr std::uint64_t the_successor = 2;
/// Room for so many readers: those of the world, and one more.
constexpr std::uint32_t readers_max = 4;
constexpr std::uint64_t first_values = 3;

LatestWriterOptions options() { return {.readers = readers_max}; }
LatestReaderOptions sleeping() { return {.waiting = Waiting::sleeping}; }

class LatestWorld : public World {
 public:
  explicit LatestWorld(const Course& course) : World{course} {
    writer_ = must(Writer::create("l", options()), "the first writer");
    reader_ = must(Reader::open("l", sleeping()), "the first reader");
    for (std::uint64_t i = 0; i < first_values; ++i) set_next();
    get();
    if (has_writer_among_actors()) writer_.reset();
    if (course.has("latest.recover")) leave_the_dead("l");
    if (course.has("latest.remove") || course.has("latest.collect")) leave_the_dead("old");
    if (course.has("latest.collect")) collector_.see("latest:old");
  }

  // --- what the actors do

  void create(Actor& actor) {
    auto created = Writer::create("l", options());
    // The other one was alive when it looked.
    actor.notes->timed_out = !created && created.error().code() == EBUSY && is_writer(other_of(actor));
    if (!actor.notes->timed_out) own_writer_ = must(std::move(created), "create");
  }
  void open(Actor&) { own_reader_ = must(Reader::open("l", sleeping()), "open"); }
  void set(Actor& actor) {
    actor.notes->begun = actor.notes->done + 1;
    must(own_writer_->set(Stamped::of(author_of(actor.number), actor.notes->begun)), "set");
    actor.notes->done = actor.notes->begun;
  }
  /// Some of them have to look for free slots.
  void set_round(Actor& actor) {
    for (std::uint32_t i = 0; i < readers_max + 2; ++i) set(actor);
  }
  void loan(Actor& actor) {
    actor.notes->begun = actor.notes->done + 1;
    auto loaned = must(own_writer_->loan(), "loan");
    *loaned = Stamped::of(author_of(actor.number), actor.notes->begun);
    std::move(loaned).set();
    actor.notes->done = actor.notes->begun;
  }
  void get_own(Actor&) {
    const auto newest = must(own_reader_->get(), "get");
    require(newest.is<Sample<Stamped>>(), "there is no value for it");
    own_ = newest.as<Sample<Stamped>>();
    judge_own();
  }
  void newer(Actor& actor) {
    own_.reset();  // it lies there until the next call only, whatever comes of that
    const auto newer =
        must(own_reader_->wait_for_newer(actor.patient ? Deadline::never() : Deadline::after(1ms)), "wait");
    actor.notes->timed_out = newer.is<TimedOut>();
    if (!newer.is<Sample<Stamped>>()) return;
    own_ = newer.as<Sample<Stamped>>();
    judge_own();
  }
  void close_writer(Actor&) { own_writer_.reset(); }
  void close_reader(Actor&) { own_reader_.reset(); }
  void remove(Actor&) { static_cast<void>(must(remove_latest("old"), "remove")); }
  void collect(Actor&) { collector_.remove(); }

  void prepare_writer(Actor& actor) {
    own_writer_ = must(Writer::create("l", options()), "create");
    set(actor);
  }
  void prepare_reader(Actor& actor) {
    open(actor);
    get_own(actor);
  }
  void afterwards_writer(Actor& actor) {
    if (!own_writer_) return;
    for (int i = 0; i < 3; ++i) set(actor);
  }
  /// What it holds was not written over, and it still gets what is newest.
  void afterwards_reader(Actor& actor) {
    if (own_) judge_own();
    get_own(actor);
  }

  // --- what the survivors do

  void meanwhile(Meanwhile what) override {
    if (what == Meanwhile::nothing) return;
    get();
    if (writer_) work(3 * readers_max);
    if (what == Meanwhile::reuse) {
      auto reader = must(Reader::open("l", sleeping()), "a reader beside one who stands");
      static_cast<void>(must(reader.get(), "get"));
      get();
    }
  }
  void rouse() override {
    get();
    // What the first has set before it died, the sleeper finds itself.
    if (latest_.author == author_of(0) && latest_.number > 1) return;
    if (!writer_) come_to_write();
    set_next();
  }
  void judge() override {
    get();
    judge_values();
    if (!writer_) come_to_write();
    work(3 * readers_max);
    judge_places();
    judge_removal();
    writer_.reset();
    reader_.reset();
    const auto removed =
        survivor("the value is removed", [] { return must(remove_latest("l"), "to remove the value"); });
    require(removed.is<Done>(), "the value was not there any more");
  }
  void judge_image() override {
    auto reader = must(Reader::open("l", sleeping()), "a reader after all have died");
    const auto before = must(reader.get(), "get");
    require(before.is<Sample<Stamped>>() && before.as<Sample<Stamped>>()->whole(), "no value, or a torn one");
    auto writer = must(Writer::create("l", options()), "a writer after all have died");
    for (std::uint64_t i = 1; i <= 3 * readers_max; ++i) {
      must(writer.set(Stamped::of(the_successor, i)), "set");
      const auto now = must(reader.get(), "get");
      require(*now.as<Sample<Stamped>>() == Stamped::of(the_successor, i), "another value than was set");
    }
  }

 private:
  static bool is_writer(const Operation* operation) {
    if (operation == nullptr) return false;
    return operation->role == "writer" || operation->name == "latest.create";
  }
  [[nodiscard]] bool has_writer_among_actors() const { return is_writer(course().first) || is_writer(course().second); }
  [[nodiscard]] const Operation* other_of(const Actor& actor) const {
    return actor.number == 0 ? course().second : course().first;
  }

  void judge_own() const {
    require((*own_)->whole(), "it read a torn value");
    // While there is but one writer, versions and numbers are the same.
    const bool counted = (*own_)->author == the_survivor && !has_writer_among_actors();
    require(!counted || own_reader_->version() == (*own_)->number, "the value that it holds was written over");
  }

  static void leave_the_dead(const char* name) {
    let_die([name] {
      if (std::string_view{name} == "old") {
        auto dead_writer = Writer::create(name, options());
        static_cast<void>(dead_writer->set(Stamped::of(99, 1)));
        new auto(std::move(*dead_writer));
      }
      auto dead_reader = Reader::open(name, sleeping());
      static_cast<void>(dead_reader->get());
      new auto(std::move(*dead_reader));
    });
  }

  void set_next() {
    survivor("a writer sets", [&] { must(writer_->set(Stamped::of(the_survivor, ++set_)), "set"); });
  }
  void come_to_write() {
    survivor("a successor comes to write", [&] { writer_ = must(Writer::create("l", options()), "a successor"); });
  }
  void get() {
    const auto newest = survivor("a reader gets", [&] { return must(reader_->get(), "get"); });
    require(newest.is<Sample<Stamped>>(), "the value has gone");
    const Stamped value = *newest.as<Sample<Stamped>>();
    require(value.whole(), "a torn value");
    const bool goes_on = value.author != latest_.author || value.number >= latest_.number;
    require(goes_on, "value " + value.text() + " came after " + latest_.text());
    require(value.author == the_survivor || value.author == latest_.author || value.author >= author_of(0),
            "an older value came again");
    latest_ = value;
    require(reader_->version() >= version_, "a version came after a later one");
    version_ = reader_->version();
  }
  /// Sets while a value is held: it must stay as it is.
  void work(std::uint32_t times) {
    auto held = must(reader_->get(), "get");
    const Sample<Stamped> sample = held.as<Sample<Stamped>>();
    const Stamped before = *sample;
    for (std::uint32_t i = 0; i < times; ++i) set_next();
    require(*sample == before, "a value was written over while it was held");
    get();
    require(latest_ == Stamped::of(the_survivor, set_), "another value than was set");
  }
  void judge_values() const {
    for (std::uint32_t actor = 0; actor < 2; ++actor) {
      if (latest_.author != author_of(actor)) continue;
      require(latest_.number >= notes(actor).done, "a value was set and is not there");
      require(latest_.number <= std::max(notes(actor).begun, notes(actor).done), "a value that was not set");
    }
    // Of a pair of writers the later one's value may stand; of one alone, its own.
    const int writers = (is_writer(course().first) ? 1 : 0) + (is_writer(course().second) ? 1 : 0);
    if (writers != 1 || course().second_sleeps) return;
    const std::uint32_t actor = is_writer(course().first) ? 0 : 1;
    require(notes(actor).done == 0 || latest_.author == author_of(actor), "a value was set and has gone");
  }
  /// The dead have left their places: as many readers come as there is room for.
  void judge_places() {
    std::vector<Reader> readers;
    while (readers.size() + 1 < readers_max)
      readers.push_back(
          survivor("a new reader comes", [] { return must(Reader::open("l", sleeping()), "a new reader"); }));
    for (Reader& reader : readers) {
      const auto newest = must(reader.get(), "get");
      require(newest.is<Sample<Stamped>>() && *newest.as<Sample<Stamped>>() == latest_,
              "a new reader gets another value");
    }
    work(3 * readers_max);
    const auto more = Reader::open("l", sleeping());
    require(!more && more.error().code() == EUSERS, "more readers than there is room for");
  }
  void judge_removal() {
    if (!course().has("latest.remove") && !course().has("latest.collect")) return;
    static_cast<void>(survivor("what was begun to be removed is removed",
                               [] { return must(remove_latest("old"), "to remove it once more"); }));
  }

  std::optional<Writer> writer_;
  std::optional<Reader> reader_;
  std::optional<Writer> own_writer_;
  std::optional<Reader> own_reader_;
  std::optional<Sample<Stamped>> own_;
  Collector collector_;
  std::uint64_t set_ = 0;
  std::uint64_t version_ = 0;
  Stamped latest_;
};

constexpr auto make = make_world<LatestWorld>;
constexpr std::array operations{
    Operation{.name = "latest.create",
              .make = make,
              .run = part<&LatestWorld::create>,
              .afterwards = part<&LatestWorld::afterwards_writer>,
              .images = true,
              .exclusive = true},
    Operation{.name = "latest.open",
              .make = make,
              .run = part<&LatestWorld::open>,
              .afterwards = part<&LatestWorld::afterwards_reader>},
    Operation{.name = "latest.set",
              .make = make,
              .prepare = part<&LatestWorld::prepare_writer>,
              .run = part<&LatestWorld::set>,
              .afterwards = part<&LatestWorld::afterwards_writer>,
              .images = true,
              .role = "writer"},
    Operation{.name = "latest.set-round",
              .make = make,
              .prepare = part<&LatestWorld::prepare_writer>,
              .run = part<&LatestWorld::set_round>,
              .afterwards = part<&LatestWorld::afterwards_writer>,
              .images = true,
              .role = "writer"},
    Operation{.name = "latest.loan",
              .make = make,
              .prepare = part<&LatestWorld::prepare_writer>,
              .run = part<&LatestWorld::loan>,
              .afterwards = part<&LatestWorld::afterwards_writer>,
              .role = "writer"},
    Operation{.name = "latest.get",
              .make = make,
              .prepare = part<&LatestWorld::open>,
              .run = part<&LatestWorld::get_own>,
              .afterwards = part<&LatestWorld::afterwards_reader>},
    Operation{.name = "latest.wait",
              .make = make,
              .prepare = part<&LatestWorld::prepare_reader>,
              .run = part<&LatestWorld::newer>,
              .afterwards = part<&LatestWorld::afterwards_reader>,
              .woken_by = "latest.set",
              .sleeps_in = futex_call},
    Operation{.name = "latest.close-writer",
              .make = make,
              .prepare = part<&LatestWorld::prepare_writer>,
              .run = part<&LatestWorld::close_writer>,
              .role = "writer"},
    Operation{.name = "latest.close-reader",
              .make = make,
              .prepare = part<&LatestWorld::prepare_reader>,
              .run = part<&LatestWorld::close_reader>},
    Operation{.name = "latest.recover",
              .make = make,
              .run = part<&LatestWorld::open>,
              .afterwards = part<&LatestWorld::afterwards_reader>},
    Operation{.name = "latest.remove", .make = make, .run = part<&LatestWorld::remove>, .exclusive = true},
    Operation{.name = "latest.collect", .make = make, .run = part<&LatestWorld::collect>, .exclusive = true},
};

}  // namespace

std::span<const Operation> latest_operations() { return operations; }

}  // namespace ginnel::crash
