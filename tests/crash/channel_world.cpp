#include <poll.h>

#include <algorithm>
#include <array>
#include <optional>
#include <thread>
#include <vector>

#include "crash/companion.hpp"
#include "crash/messages.hpp"
#include "crash/tables.hpp"
#include "ginnel/msg/channel.hpp"

// Channels to a companion, which sends back what it gets. Where it is the one that lives, it keeps nothing of a peer that dies; where it is
// the one that is killed, a peer asleep is told.

namespace ginnel::crash {
namespace {

using namespace std::chrono_literals;
using Line = Channel<Stamped>;
using Door = ChannelListener<Stamped>;

constexpr std::uint64_t the_survivor = 1;
constexpr std::uint64_t to_all = 50;  ///< a number that is sent back to everybody
constexpr Bytes smallest_ring = Bytes::kib(64);

ChannelOptions sleeping() { return {.capacity = smallest_ring, .waiting = Waiting::sleeping}; }
Stamped echo_of(const Stamped& message) { return Stamped::of(message.author + 1000, message.number); }

class ChannelWorld : public World {
 public:
  explicit ChannelWorld(const Course& course) : World{course} {
    const Operation& any = course.first != nullptr ? *course.first : *course.second;
    if (any.role == "listener") {
      client_.emplace(nullptr, [this](CompanionNotes& told) { talk_until_it_ends(told); });
      client_->begin();
      return;
    }
    start_echo();
    line_ = connect();
    talk_as_survivor();
    settled_descriptors_ = settled(1);
  }

  // --- what peers do

  void connect_own(Actor&) { own_line_ = connect(); }
  void send(Actor& actor) {
    actor.notes->begun = actor.notes->done + 1;
    const auto sent = must(own_line_->send(Stamped::of(author_of(actor.number), actor.notes->begun)), "send");
    require(sent.is<Done>(), "it could not send");
    actor.notes->done = actor.notes->begun;
  }
  void loan(Actor& actor) {
    actor.notes->begun = actor.notes->done + 1;
    auto loaned = must(own_line_->loan(), "loan").as<ChannelLoan<Stamped>>();
    *loaned = Stamped::of(author_of(actor.number), actor.notes->begun);
    std::move(loaned).send();
    actor.notes->done = actor.notes->begun;
  }
  void send_with(Actor& actor) {
    actor.notes->begun = actor.notes->done + 1;
    const std::array descriptors{0, 1};
    const auto sent =
        must(own_line_->send_with(descriptors, Stamped::of(author_of(actor.number), actor.notes->begun)), "send");
    require(sent.is<Done>(), "it could not send");
    actor.notes->done = actor.notes->begun;
  }
  /// Also what was echoed before, and its cursor is told.
  void receive(Actor& actor) { receive_own(actor, Deadline::never()); }
  void wait(Actor& actor) { receive_own(actor, actor.patient ? Deadline::never() : Deadline::after(1ms)); }
  void close_line(Actor&) { own_line_.reset(); }

  void prepare_line(Actor& actor) {
    connect_own(actor);
    send(actor);
    receive(actor);
  }
  void prepare_echo(Actor& actor) {
    prepare_line(actor);
    send(actor);
  }
  void afterwards_line(Actor& actor) {
    if (!own_line_ || actor.patient) return;
    send(actor);
    while (last_echo_ < actor.notes->done) receive(actor);
  }

  // --- what listeners do

  void listen(Actor&) { own_door_ = must(Door::listen(path()), "listen"); }
  void accept(Actor&) {
    while (!own_line_) {
      auto accepted = must(own_door_->accept(), "accept");
      if (auto* line = accepted.get_if<Line>()) own_line_ = std::move(*line);
    }
  }
  void answer(Actor& actor) {
    actor.notes->begun = 1;
    require(must(own_line_->send(Stamped::of(author_of(actor.number), 1)), "send").is<Done>(), "it could not send");
    actor.notes->done = 1;
  }
  void close_door(Actor&) {
    own_line_.reset();
    own_door_.reset();
  }
  void prepare_accepted(Actor& actor) {
    listen(actor);
    accept(actor);
  }
  void afterwards_accept(Actor& actor) {
    if (!own_line_) accept(actor);
    answer(actor);
  }

  // --- what the survivors do

  void meanwhile(Meanwhile what) override {
    if (what == Meanwhile::nothing || !line_) return;
    talk_as_survivor();
    if (what == Meanwhile::reuse) static_cast<void>(survivor("a new peer comes", [this] { return connect(); }));
  }
  /// Either something is sent to the sleeper, or its peer is killed.
  void rouse() override {
    if ((course().variant & 1U) != 0) {
      must_be_done(must(line_->send(Stamped::of(the_survivor, to_all)), "send"));
      return;
    }
    echo_->end();
  }
  void judge() override {
    if (client_) {
      judge_client();
      start_echo();
    } else if (course().second_sleeps) {
      line_.reset();
      echo_->judge();
      echo_->end();
      start_echo();
    }
    if (!line_) line_ = survivor("a peer comes to the next listener", [this] { return connect(); });
    talk_as_survivor();
    static_cast<void>(survivor("a new peer comes", [this] { return connect(); }));
    if (!client_ && !course().second_sleeps) {
      const std::uint32_t descriptors = survivor("a listener forgets the dead", [this] { return settled(1); });
      judge_received();
      require(descriptors == settled_descriptors_, "a listener keeps descriptors of the dead");
    }
    line_.reset();
    echo_->judge();
    echo_->end();
    // Whoever listens next takes the dead one's path, and leaves none.
    {
      const auto next = survivor("the next one listens", [this] { return must(Door::listen(path()), "listen"); });
    }
  }

 private:
  [[nodiscard]] std::string path() const { return home() + "/channel"; }
  [[nodiscard]] Line connect() const { return must(Line::connect(path(), sleeping()), "connect"); }
  static void must_be_done(const Line::Sent& sent) { require(sent.is<Done>(), "it could not be sent"); }

  void receive_own(Actor& actor, Deadline deadline) {
    const auto received = must(own_line_->receive(deadline), "receive");
    actor.notes->timed_out = received.is<TimedOut>();
    if (received.is<PeerGone>()) {
      require(actor.patient, "its peer has gone");
      return;
    }
    if (!received.is<Incoming<Stamped>>()) return;
    const Stamped message = *received.as<Incoming<Stamped>>();
    require(message.whole(), "a torn message came to it");
    if (message.number == to_all) return;
    require(message == echo_of(Stamped::of(author_of(actor.number), ++last_echo_)),
            "another message than its own came back");
  }
  void talk_as_survivor() {
    survivor("a peer talks", [this] {
      const Stamped message = Stamped::of(the_survivor, ++sent_ % to_all);
      must_be_done(must(line_->send(message), "send"));
      while (true) {
        const auto received = must(line_->receive(), "receive");
        require(received.is<Incoming<Stamped>>(), "its peer has gone");
        const Stamped came = *received.as<Incoming<Stamped>>();
        if (came.number == to_all) continue;
        require(came == echo_of(message), "another message than its own came back");
        return;
      }
    });
  }

  void start_echo() {
    std::optional<Door> door;
    echo_.emplace(
        [&](CompanionNotes&) {
          door = must(Door::listen(path(), {.capacity = smallest_ring, .waiting = Waiting::sleeping}), "listen");
        },
        [&](CompanionNotes& told) { echo(*door, told); });
    echo_->begin();
  }
  [[noreturn]] static void echo(Door& door, CompanionNotes& told) {
    std::vector<Line> lines;
    while (true) {
      auto accepted = must(door.accept(Deadline::immediately()), "accept");
      if (auto* line = accepted.get_if<Line>()) lines.push_back(std::move(*line));
      for (std::size_t i = lines.size(); i-- > 0;)
        if (!send_back(lines[i], lines, told)) lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(i));
      told.peers = static_cast<std::uint32_t>(lines.size());
      told.descriptors = count_own_descriptors();
      ++told.rounds;
      std::vector<pollfd> events{{.fd = door.pollable(), .events = POLLIN, .revents = 0}};
      for (Line& line : lines)
        events.push_back({.fd = must(line.pollable(), "pollable"), .events = POLLIN, .revents = 0});
      static_cast<void>(::poll(events.data(), events.size(), 20));
    }
  }
  /// All that has come. False: the peer has gone.
  static bool send_back(Line& line, std::vector<Line>& lines, CompanionNotes& told) {
    while (true) {
      const auto received = must(line.receive(Deadline::immediately()), "receive");
      if (received.is<PeerGone>()) return false;
      if (!received.is<Incoming<Stamped>>()) return true;
      const Stamped message = *received.as<Incoming<Stamped>>();
      require(message.whole(), "a torn message");
      told.note_received(message.author, message.number);
      if (message.number == to_all) {
        for (Line& each : lines) static_cast<void>(must(each.send(echo_of(message), Deadline::immediately()), "send"));
        continue;
      }
      static_cast<void>(must(line.send(echo_of(message), Deadline::immediately()), "send"));
    }
  }
  [[nodiscard]] std::uint32_t settled(std::uint32_t peers) const {
    CompanionNotes& told = echo_->notes();
    std::uint64_t round = told.rounds;
    while (told.peers != peers || told.rounds < round + 2) {
      echo_->judge();
      if (told.peers != peers) round = told.rounds;
      std::this_thread::yield();
    }
    return told.descriptors;
  }
  void judge_received() const {
    const CompanionNotes& told = echo_->notes();
    for (std::uint32_t actor = 0; actor < 2; ++actor)
      for (std::uint64_t number = 1; number <= std::max(notes(actor).begun, notes(actor).done); ++number) {
        const std::uint32_t times = told.times_received(author_of(actor), number);
        require(times <= 1, "a message came twice");
        require(times == 1 || number > notes(actor).done, "a message was sent and did not come");
      }
  }

  /// The peer beside listeners that are killed: once there is one to connect to, it waits for what comes, and for the end.
  void talk_until_it_ends(CompanionNotes& told) {
    std::optional<Line> line;
    while (!line) {
      auto connected = Line::connect(path(), sleeping());
      if (connected)
        line = std::move(*connected);
      else if (notes(0).over || notes(1).over)
        return;
      else
        std::this_thread::yield();
    }
    while (true) {
      const auto received = must(line->receive(), "receive");
      if (received.is<PeerGone>()) return;
      require((*received.as<Incoming<Stamped>>()).whole(), "a torn message");
      told.outcome.fetch_add(1);
    }
  }
  void judge_client() {
    Notes& told = notes(course().first != nullptr ? 0 : 1);
    told.over = true;  // who still looks for a listener can stop
    survivor("a peer is told of the end", [this] { client_->wait_for_end(); });
    const std::uint32_t came = client_->notes().outcome;
    require(came >= told.done, "a message was sent and did not come");
    require(came <= told.begun, "a message came that was not sent");
  }

  std::optional<Companion> echo_;
  std::optional<Companion> client_;
  std::optional<Line> line_;
  std::optional<Line> own_line_;
  std::optional<Door> own_door_;
  std::uint64_t sent_ = 0;
  std::uint64_t last_echo_ = 0;
  std::uint32_t settled_descriptors_ = 0;
};

constexpr auto make = make_world<ChannelWorld>;
constexpr auto after_line = part<&ChannelWorld::afterwards_line>;
constexpr auto after_accept = part<&ChannelWorld::afterwards_accept>;
constexpr std::array operations{
    Operation{
        .name = "channel.connect", .make = make, .run = part<&ChannelWorld::connect_own>, .afterwards = after_line},
    Operation{.name = "channel.send",
              .make = make,
              .prepare = part<&ChannelWorld::prepare_line>,
              .run = part<&ChannelWorld::send>,
              .afterwards = after_line},
    Operation{.name = "channel.loan",
              .make = make,
              .prepare = part<&ChannelWorld::prepare_line>,
              .run = part<&ChannelWorld::loan>,
              .afterwards = after_line},
    Operation{.name = "channel.send-with",
              .make = make,
              .prepare = part<&ChannelWorld::prepare_line>,
              .run = part<&ChannelWorld::send_with>,
              .afterwards = after_line},
    Operation{.name = "channel.receive",
              .make = make,
              .prepare = part<&ChannelWorld::prepare_echo>,
              .run = part<&ChannelWorld::receive>,
              .afterwards = after_line},
    Operation{.name = "channel.wait",
              .make = make,
              .prepare = part<&ChannelWorld::prepare_line>,
              .run = part<&ChannelWorld::wait>,
              .afterwards = after_line,
              .woken_by = "channel.send",
              .sleeps_in = futex_call},
    Operation{.name = "channel.close",
              .make = make,
              .prepare = part<&ChannelWorld::prepare_line>,
              .run = part<&ChannelWorld::close_line>},
    Operation{.name = "channel.listen",
              .make = make,
              .run = part<&ChannelWorld::listen>,
              .afterwards = after_accept,
              .alone = true,
              .role = "listener"},
    Operation{.name = "channel.accept",
              .make = make,
              .prepare = part<&ChannelWorld::listen>,
              .run = part<&ChannelWorld::accept>,
              .afterwards = after_accept,
              .alone = true,
              .role = "listener"},
    Operation{.name = "channel.answer",
              .make = make,
              .prepare = part<&ChannelWorld::prepare_accepted>,
              .run = part<&ChannelWorld::answer>,
              .alone = true,
              .role = "listener"},
    Operation{.name = "channel.close-door",
              .make = make,
              .prepare = part<&ChannelWorld::prepare_accepted>,
              .run = part<&ChannelWorld::close_door>,
              .alone = true,
              .role = "listener"},
};

}  // namespace

std::span<const Operation> channel_operations() { return operations; }

}  // namespace ginnel::crash
