#include "ginnel/msg/detail/service_core.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <deque>
#include <span>
#include <utility>

#include "format.hpp"
#include "ginnel/sys/epoll.hpp"
#include "ginnel/sys/futex.hpp"
#include "ginnel/sys/process_barrier.hpp"
#include "spin_budget.hpp"

namespace ginnel::detail {
namespace {

using namespace std::chrono_literals;
using Clock = Deadline::Clock;

constexpr std::uint64_t door_key = 0;
constexpr std::size_t events_at_once = 16;
/// However busy it is, a server looks at its descriptors once in so many calls, and a polling one as often as this.
constexpr unsigned calls_between_events = 64;
constexpr auto time_between_events = 1ms;
constexpr int rounds_between_clocks = 64;
/// So many clients may be slept for on the words of their next requests, and for so long; meanwhile nothing is seen of the descriptors.
constexpr std::size_t words_at_once = 8;
constexpr auto sleep_on_words_at_most = 2ms;
/// While this process has no descriptor free.
constexpr auto door_stays_shut = 100ms;
constexpr auto sleep_without_barriers = 1ms;

}  // namespace

void ServedClient::send_instead(std::uint64_t word, std::size_t head_bytes) noexcept {
  if (!end->same_process()) return;
  const auto prepared = prepare_answer(word, head_bytes, 0, Deadline::immediately());
  if (prepared && prepared->is<std::byte*>()) end->commit(static_cast<std::uint32_t>(head_bytes));
}

struct ServiceCore::Inside {
  ForkMark mark;
  ChannelDoor door;
  Epoll set;
  Waiting waiting;
  std::size_t answer_head;
  std::vector<std::shared_ptr<ServedClient>> clients{};  ///< in the order of their keys
  std::size_t turn = 0;                                  ///< who is looked at first next time
  std::uint64_t next_key = door_key + 1;
  std::deque<TurnedAway> turned_away{};
  unsigned calls = 0;
  bool barriers_work = true;
  bool calls_come = false;  ///< one has since the last sleep without
  Clock::time_point saw_events{};
  Clock::time_point shut_since{};
  bool door_is_shut = false;
  SpinBudget spin_for{};

  [[nodiscard]] bool look_round(TakenRequest& into);
  [[nodiscard]] bool take_from(std::size_t index, TakenRequest& into);
  [[nodiscard]] bool spin(TakenRequest& into, Deadline deadline);
  [[nodiscard]] Result<bool> sleep_on_words(TakenRequest& into, Deadline deadline);
  void ask_for_knocks();
  [[nodiscard]] Result<bool> handle_events(Deadline deadline);
  [[nodiscard]] Result<void> open_door();
  void hear(std::uint64_t key);
  void remove(std::size_t index);
  void remove(std::size_t index, Error why);
};

ServiceCore::ServiceCore(std::unique_ptr<Inside> inside) noexcept : inside_{std::move(inside)} {}
ServiceCore::~ServiceCore() = default;

std::size_t ServiceCore::clients() const noexcept { return inside_->clients.size(); }
int ServiceCore::pollable() const noexcept { return inside_->set.pollable(); }

Result<std::unique_ptr<ServiceCore>> ServiceCore::listen(const std::string& path, const MessageType& requests,
                                                         const MessageType& answers,
                                                         const ChannelListenOptions& options) {
  auto mark = ForkMark::create();
  if (!mark) return std::unexpected{mark.error()};
  auto set = Epoll::create();
  if (!set) return std::unexpected{set.error()};
  ChannelListenOptions of_door = options;
  of_door.capacity = options.capacity.value_or(capacity_of_service);
  const std::size_t answer_head = answer_head_bytes(answers.alignment);
  auto door = ChannelDoor::listen(path, answers, requests, of_door, answer_head);
  if (!door) return std::unexpected{door.error()};
  if (auto added = set->add(door->pollable(), door_key); !added) return std::unexpected{added.error()};
  return std::unique_ptr<ServiceCore>{new ServiceCore{std::make_unique<Inside>(Inside{.mark = std::move(*mark),
                                                                                      .door = std::move(*door),
                                                                                      .set = std::move(*set),
                                                                                      .waiting = options.waiting,
                                                                                      .answer_head = answer_head})}};
}

void ServiceCore::Inside::remove(std::size_t index) {
  const ChannelEnd& end = *clients[index]->end;
  set.remove(end.socket());
  set.remove(end.peer_process());
  clients.erase(clients.begin() + static_cast<std::ptrdiff_t>(index));
}

void ServiceCore::Inside::remove(std::size_t index, Error why) {
  turned_away.push_back({.peer = clients[index]->end->peer(), .why = std::move(why)});
  remove(index);
}

TurnedAway ServiceCore::let_go(const std::shared_ptr<ServedClient>& client, Error why) {
  auto& clients = inside_->clients;
  const auto found = std::ranges::find(clients, client);
  TurnedAway away{.peer = client->end->peer(), .why = std::move(why)};
  if (found != clients.end()) inside_->remove(static_cast<std::size_t>(found - clients.begin()));
  return away;
}

/// The client is told that its request was taken before anybody sees it: if we die later, it may have been done; if we died before,
/// it has not been begun.
bool ServiceCore::Inside::take_from(std::size_t index, TakenRequest& into) {
  ServedClient& client = *clients[index];
  const Record* record = client.end->next();
  if (record == nullptr) {
    auto found = client.end->find();
    if (!found) {
      if (found.error().code() != EMFILE) {
        remove(index, std::move(found.error()));
        return false;
      }
      // Its descriptors could not be taken, and it was passed over.
      client.send_instead(client.taken++ | AnswerHead::not_started, answer_head);
      turned_away.push_back({.peer = client.end->peer(), .why = std::move(found.error())});
      return false;
    }
    if (!*found) return false;
    record = &client.end->record();
  }
  into = {.client = clients[index], .record = *record, .number = client.taken};
  calls_come = true;
  client.end->tell_taken(++client.taken);
  return true;
}

bool ServiceCore::Inside::look_round(TakenRequest& into) {
  for (std::size_t looks = 0; looks < clients.size(); ++looks) {
    if (turn >= clients.size()) turn = 0;
    const std::size_t index = turn++;
    if (take_from(index, into)) return true;
  }
  return false;
}

bool ServiceCore::Inside::spin(TakenRequest& into, Deadline deadline) {
  const bool polling = waiting == Waiting::polling;
  const auto start = Clock::now();
  while (true) {
    for (int round = 0; round < rounds_between_clocks; ++round) {
      if (look_round(into)) return true;
      if (!turned_away.empty()) return false;
      relax();
    }
    const auto spun = Clock::now() - start;
    if (deadline.passed() || spun >= (polling ? time_between_events : spin_for.now())) return false;
  }
}

/// Where calls come one after the other, of few clients: a futex wakes sooner than a socket. False: it is time for the descriptors.
Result<bool> ServiceCore::Inside::sleep_on_words(TakenRequest& into, Deadline deadline) {
  if (!std::exchange(calls_come, false) || clients.empty() || clients.size() > words_at_once) return false;
  const auto now = Clock::now();
  if (now - saw_events >= sleep_on_words_at_most) {
    if (auto handled = handle_events(Deadline::immediately()); !handled) return handled;
    if (clients.empty() || clients.size() > words_at_once) return false;
  }
  std::array<FutexWaiter, words_at_once> words{};
  bool barrier_needed = false;
  for (std::size_t i = 0; i < clients.size(); ++i)
    words[i] = {.word = &clients[i]->end->announce_sleep(barrier_needed), .expected = 0};
  const std::size_t count = clients.size();
  if (barrier_needed) barriers_work = process_barrier().has_value();
  if (look_round(into)) return true;
  if (!turned_away.empty() || !barriers_work) return false;
  const auto asleep = Clock::now();
  const Deadline end = deadline.sooner(Deadline::after(sleep_on_words_at_most));
  if (count == 1) {
    if (auto slept = futex_wait(*words[0].word, 0, end); !slept) return std::unexpected{std::move(slept.error())};
  } else if (auto slept = futex_wait_any(std::span{words}.first(count), end); !slept) {
    return std::unexpected{std::move(slept.error())};
  }
  spin_for.learn_from(Clock::now() - asleep);
  return look_round(into);
}

/// Of those that have knocked since they were asked, or never were.
void ServiceCore::Inside::ask_for_knocks() {
  bool barrier_needed = false;
  for (const auto& client : clients) {
    if (client->armed) continue;
    client->armed = true;
    barrier_needed = client->end->ask_for_knock() || barrier_needed;
  }
  if (barrier_needed) barriers_work = process_barrier().has_value();
}

Result<void> ServiceCore::Inside::open_door() {
  auto accepted = door.accept(Deadline::immediately());
  if (!accepted) {
    set.remove(door.pollable());
    door_is_shut = true;
    shut_since = Clock::now();
    return std::unexpected{std::move(accepted.error())};
  }
  if (auto* away = accepted->get_if<TurnedAway>()) turned_away.push_back(std::move(*away));
  auto* const end = accepted->get_if<std::unique_ptr<ChannelEnd>>();
  if (end == nullptr) return {};
  auto client = std::make_shared<ServedClient>(
      ServedClient{.key = next_key++, .end = std::move(*end), .taken = 0, .armed = false});
  for (const int fd : {client->end->socket(), client->end->peer_process()})
    if (auto added = set.add(fd, client->key); !added) return added;
  clients.push_back(std::move(client));
  return {};
}

/// A client has knocked, has sent descriptors ahead, or has gone.
void ServiceCore::Inside::hear(std::uint64_t key) {
  const auto found = std::ranges::lower_bound(clients, key, {}, [](const auto& client) { return client->key; });
  if (found == clients.end() || (*found)->key != key) return;
  const auto index = static_cast<std::size_t>(found - clients.begin());
  ServedClient& client = **found;
  client.armed = false;
  auto notes = client.end->read_socket(1);
  if (!notes) return remove(index, std::move(notes.error()));
  if (*notes == 0 && client.end->peer_is_gone()) remove(index);
}

/// False: nothing has happened until the deadline.
Result<bool> ServiceCore::Inside::handle_events(Deadline deadline) {
  const Deadline door_opens = door_is_shut ? Deadline::at(shut_since + door_stays_shut) : Deadline::never();
  if (door_is_shut && door_opens.passed()) {
    door_is_shut = false;
    if (auto added = set.add(door.pollable(), door_key); !added) return std::unexpected{added.error()};
  }
  saw_events = Clock::now();
  const Deadline looks_again = barriers_work ? Deadline::never() : Deadline::after(sleep_without_barriers);
  std::array<std::uint64_t, events_at_once> keys{};
  const auto ready = set.wait(keys, deadline.sooner(door_opens).sooner(looks_again));
  if (!ready) return std::unexpected{ready.error()};
  if (ready->is<TimedOut>()) return !deadline.passed();
  for (std::size_t i = 0; i < ready->as<EpollReady>().count; ++i) {
    if (keys[i] != door_key)
      hear(keys[i]);
    else if (auto opened = open_door(); !opened)
      return std::unexpected{std::move(opened.error())};
  }
  return true;
}

Result<ServiceCore::Next> ServiceCore::next(Deadline deadline) {
  Inside& inside = *inside_;
  if (!inside.mark.same_process())
    return std::unexpected{
        Error{ECHILD, "serve", {}, "this service is the parent's; a child of fork(2) makes its own"}};
  if (++inside.calls % calls_between_events == 0)
    if (auto handled = inside.handle_events(Deadline::immediately()); !handled)
      return std::unexpected{std::move(handled.error())};
  TakenRequest taken;
  // Clients that knock without end are not to keep us: what has come until the deadline is looked at once more, and no more of it read.
  bool late = false;
  while (true) {
    if (!inside.turned_away.empty()) {
      TurnedAway away = std::move(inside.turned_away.front());
      inside.turned_away.pop_front();
      return away;
    }
    if (inside.look_round(taken)) return taken;
    if (!inside.turned_away.empty()) continue;
    if (!deadline.is_immediate() && inside.waiting != Waiting::sleeping && inside.spin(taken, deadline)) return taken;
    if (!inside.turned_away.empty()) continue;
    const bool polling = inside.waiting == Waiting::polling && !deadline.is_immediate();
    if (!polling && !deadline.is_immediate()) {
      auto found = inside.sleep_on_words(taken, deadline);
      if (!found) return std::unexpected{std::move(found.error())};
      if (*found) return taken;
      if (!inside.turned_away.empty()) continue;
    }
    if (!polling) {
      inside.ask_for_knocks();
      if (inside.look_round(taken)) return taken;
      if (!inside.turned_away.empty()) continue;
    }
    if (late) return TimedOut{};
    const auto asleep = Clock::now();
    auto happened = inside.handle_events(polling ? Deadline::immediately() : deadline);
    if (!happened) return std::unexpected{std::move(happened.error())};
    if (!polling) inside.spin_for.learn_from(Clock::now() - asleep);
    if (polling ? deadline.passed() : !*happened) return TimedOut{};
    late = deadline.passed();
  }
}

}  // namespace ginnel::detail
