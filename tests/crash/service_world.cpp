#include <algorithm>
#include <array>
#include <optional>
#include <thread>

#include "crash/companion.hpp"
#include "crash/messages.hpp"
#include "crash/tables.hpp"
#include "ginnel/msg/service.hpp"

// A service. Where clients are killed, its server is a companion that goes on serving, and keeps nothing of the dead. Where servers are
// killed, its client is one: the call ends, and tells truly whether the request may have been done.

namespace ginnel::crash {
namespace {

using namespace std::chrono_literals;
using Server = Service<Stamped, Stamped>;
using Caller = Client<Stamped, Stamped>;

constexpr std::uint64_t the_survivor = 1;
enum CallEnded : std::uint32_t { open, answered, not_started, maybe_executed };

Stamped answer_to(const Stamped& request) { return Stamped::of(request.author + 1000, request.number); }

class ServiceWorld : public World {
 public:
  explicit ServiceWorld(const Course& course) : World{course} {
    const Operation& any = course.first != nullptr ? *course.first : *course.second;
    if (any.role == "server") {
      client_.emplace(nullptr, [this](CompanionNotes& told) { call_until_it_ends(told); });
      client_->begin();
      return;
    }
    start_server();
    caller_ = connect();
    must_be_answered(*caller_, Stamped::of(the_survivor, ++called_));
    settled_descriptors_ = settled(1);
  }

  // --- what clients do

  void connect_own(Actor&) { own_caller_ = connect(); }
  void call(Actor& actor) {
    actor.notes->begun = actor.notes->done + 1;
    must_be_answered(*own_caller_, Stamped::of(author_of(actor.number), actor.notes->begun));
    actor.notes->done = actor.notes->begun;
  }
  void call_with(Actor& actor) {
    actor.notes->begun = actor.notes->done + 1;
    const std::array descriptors{0, 1};
    const Stamped request = Stamped::of(author_of(actor.number), actor.notes->begun);
    const auto called = must(own_caller_->call_with(descriptors, request), "call");
    require(called.is<Incoming<Stamped>>(), "a call was not answered");
    actor.notes->done = actor.notes->begun;
  }
  void close_caller(Actor&) { own_caller_.reset(); }
  void prepare_call(Actor& actor) {
    connect_own(actor);
    call(actor);
  }
  void afterwards_caller(Actor& actor) {
    if (own_caller_) call(actor);
  }

  // --- what servers do

  void listen(Actor&) { own_server_ = must(Server::listen(path()), "listen"); }
  void take(Actor& actor) {
    while (!taken_) {
      auto next = must(own_server_->next(), "next");
      if (auto* request = next.get_if<Request<Stamped, Stamped>>()) taken_.emplace(std::move(*request));
    }
    actor.notes->begun = 1;
  }
  void answer(Actor& actor) {
    require(must(taken_->answer(answer_to(**taken_)), "answer").is<Done>(), "an answer found nobody");
    actor.notes->done = 1;
  }
  void drop(Actor& actor) {
    taken_.reset();
    actor.notes->done = 2;
  }
  void close_server(Actor&) {
    taken_.reset();
    own_server_.reset();
  }
  void prepare_taken(Actor& actor) {
    listen(actor);
    take(actor);
  }
  void afterwards_server(Actor& actor) {
    if (!own_server_) return;
    take(actor);
    if (actor.notes->done == 0) answer(actor);
  }

  // --- what the survivors do

  void meanwhile(Meanwhile what) override {
    if (what == Meanwhile::nothing || !caller_) return;
    call_as_survivor();
    if (what != Meanwhile::reuse) return;
    auto other = survivor("a new client comes", [this] { return connect(); });
    must_be_answered(other, Stamped::of(the_survivor, ++called_));
  }
  void judge() override {
    if (client_) {
      judge_call();
      start_server();
      caller_ = survivor("a client comes to the next server", [this] { return connect(); });
    }
    call_as_survivor();
    {
      auto other = survivor("a new client comes", [this] { return connect(); });
      must_be_answered(other, Stamped::of(the_survivor, ++called_));
    }
    if (!client_) {
      judge_executed();
      require(survivor("a server forgets the dead", [this] { return settled(1); }) == settled_descriptors_,
              "a server keeps descriptors of the dead");
    }
    caller_.reset();
    server_->judge();
    server_->end();
    // Whoever listens next takes the dead one's path, and leaves none.
    {
      const auto next = survivor("the next server listens", [this] { return must(Server::listen(path()), "listen"); });
    }
  }

 private:
  [[nodiscard]] std::string path() const { return home() + "/service"; }
  [[nodiscard]] Caller connect() const {
    return must(Caller::connect(path(), {.waiting = Waiting::sleeping}), "connect");
  }
  static void must_be_answered(Caller& caller, const Stamped& request) {
    const auto called = must(caller.call(request), "call");
    require(called.is<Incoming<Stamped>>(), "a call was not answered");
    require(*called.as<Incoming<Stamped>>() == answer_to(request), "a call got another's answer");
  }
  void call_as_survivor() {
    survivor("a client calls", [this] { must_be_answered(*caller_, Stamped::of(the_survivor, ++called_)); });
  }

  void start_server() {
    std::optional<Server> server;
    server_.emplace(
        [&](CompanionNotes&) { server = must(Server::listen(path(), {.waiting = Waiting::sleeping}), "listen"); },
        [&](CompanionNotes& told) { serve(*server, told); });
    server_->begin();
  }
  [[noreturn]] static void serve(Server& server, CompanionNotes& told) {
    while (true) {
      {
        auto next = must(server.next(Deadline::after(20ms)), "next");
        if (auto* request = next.get_if<Request<Stamped, Stamped>>()) {
          require((**request).whole(), "a torn request");
          told.note_received((**request).author, (**request).number);
          static_cast<void>(must(request->answer(answer_to(**request)), "answer"));
        }
      }
      told.peers = static_cast<std::uint32_t>(server.clients());
      told.descriptors = count_own_descriptors();
      ++told.rounds;
    }
  }
  /// How many descriptors the server has when it has so many clients and nothing else to do.
  [[nodiscard]] std::uint32_t settled(std::uint32_t clients) const {
    CompanionNotes& told = server_->notes();
    std::uint64_t round = told.rounds;
    while (told.peers != clients || told.rounds < round + 2) {
      server_->judge();
      if (told.peers != clients) round = told.rounds;
      std::this_thread::yield();
    }
    return told.descriptors;
  }
  void judge_executed() const {
    const CompanionNotes& told = server_->notes();
    for (std::uint32_t actor = 0; actor < 2; ++actor)
      for (std::uint64_t number = 1; number <= std::max(notes(actor).begun, notes(actor).done); ++number) {
        const std::uint32_t times = told.times_received(author_of(actor), number);
        require(times <= 1, "a request was executed twice");
        require(times == 1 || number > notes(actor).done, "an answered request was never executed");
      }
  }

  /// The client beside servers that are killed: once there is one to connect to, it calls.
  void call_until_it_ends(CompanionNotes& told) {
    std::optional<Caller> caller;
    while (!caller) {
      auto connected = Caller::connect(path(), {.waiting = Waiting::sleeping});
      if (connected)
        caller = std::move(*connected);
      else if (notes(0).over || notes(1).over)
        return;
      else
        std::this_thread::yield();
    }
    const auto called = must(caller->call(Stamped::of(the_survivor, 1)), "call");
    if (called.is<Incoming<Stamped>>()) {
      require(*called.as<Incoming<Stamped>>() == answer_to(Stamped::of(the_survivor, 1)), "another's answer");
      told.outcome = answered;
    }
    if (called.is<NotStarted>()) told.outcome = not_started;
    if (called.is<MaybeExecuted>()) told.outcome = maybe_executed;
  }
  void judge_call() {
    const std::uint32_t actor = course().first != nullptr ? 0 : 1;
    Notes& told = notes(actor);
    told.over = true;  // who still looks for a server can stop
    survivor("a call ends with its server", [this] { client_->wait_for_end(); });
    const std::uint32_t outcome = client_->notes().outcome;
    require(told.done != 1 || outcome == answered, "an answer was given and did not come");
    require(told.begun == 0 || outcome != not_started, "a request was taken, and its client told that it was not");
    require(told.done != 2 || outcome == maybe_executed, "a dropped request was not told as one");
  }

  std::optional<Companion> server_;
  std::optional<Companion> client_;
  std::optional<Caller> caller_;
  std::optional<Caller> own_caller_;
  std::optional<Server> own_server_;
  std::optional<Request<Stamped, Stamped>> taken_;
  std::uint64_t called_ = 0;
  std::uint32_t settled_descriptors_ = 0;
};

constexpr auto make = make_world<ServiceWorld>;
constexpr auto after_call = part<&ServiceWorld::afterwards_caller>;
constexpr auto after_server = part<&ServiceWorld::afterwards_server>;
constexpr std::array operations{
    Operation{
        .name = "service.connect", .make = make, .run = part<&ServiceWorld::connect_own>, .afterwards = after_call},
    Operation{.name = "service.call",
              .make = make,
              .prepare = part<&ServiceWorld::prepare_call>,
              .run = part<&ServiceWorld::call>,
              .afterwards = after_call},
    Operation{.name = "service.call-with",
              .make = make,
              .prepare = part<&ServiceWorld::prepare_call>,
              .run = part<&ServiceWorld::call_with>,
              .afterwards = after_call},
    Operation{.name = "service.close-client",
              .make = make,
              .prepare = part<&ServiceWorld::prepare_call>,
              .run = part<&ServiceWorld::close_caller>},
    Operation{.name = "service.listen",
              .make = make,
              .run = part<&ServiceWorld::listen>,
              .afterwards = after_server,
              .alone = true,
              .role = "server"},
    Operation{.name = "service.next",
              .make = make,
              .prepare = part<&ServiceWorld::listen>,
              .run = part<&ServiceWorld::take>,
              .afterwards = after_server,
              .alone = true,
              .role = "server"},
    Operation{.name = "service.answer",
              .make = make,
              .prepare = part<&ServiceWorld::prepare_taken>,
              .run = part<&ServiceWorld::answer>,
              .alone = true,
              .role = "server"},
    Operation{.name = "service.drop",
              .make = make,
              .prepare = part<&ServiceWorld::prepare_taken>,
              .run = part<&ServiceWorld::drop>,
              .alone = true,
              .role = "server"},
    Operation{.name = "service.close-server",
              .make = make,
              .prepare = part<&ServiceWorld::prepare_taken>,
              .run = part<&ServiceWorld::close_server>,
              .alone = true,
              .role = "server"},
};

}  // namespace

std::span<const Operation> service_operations() { return operations; }

}  // namespace ginnel::crash
