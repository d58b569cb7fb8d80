#include "ginnel/msg/detail/channel_door.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <list>

#include "channel_link.hpp"
#include "ginnel/sys/epoll.hpp"

namespace ginnel::detail {
namespace {

using namespace std::chrono_literals;
using Clock = Deadline::Clock;

/// A peer says what it wants right after it connected.
constexpr auto patience = 1s;
constexpr std::size_t silent_peers_max = 64;
constexpr std::uint64_t listener_key = 0;

using Accepted = Outcome<std::unique_ptr<ChannelEnd>, TurnedAway, TimedOut>;

struct SilentPeer {
  std::uint64_t key = 0;
  UniqueFd socket;
  Credentials who;
  Clock::time_point since;
};

ListenOptions options_of_socket(const ChannelListenOptions& options) {
  const bool lists_decide = !options.allow.empty() || !options.allow_groups.empty();
  return {.mode = options.mode.value_or(lists_decide ? 0666 : 0600),
          .owner = options.owner,
          .group = options.group,
          .backlog = options.backlog,
          .allow_uids = options.allow,
          .allow_gids = options.allow_groups};
}

}  // namespace

struct ChannelDoor::Inside {
  ForkMark mark;
  Process self;
  UnixListener listener;
  ChannelTerms terms;
  Waiting waiting;
  Epoll set;
  std::list<SilentPeer> silent{};
  std::uint64_t next_key = listener_key + 1;

  [[nodiscard]] Result<std::optional<Accepted>> look(Deadline deadline);
  [[nodiscard]] Result<std::optional<Accepted>> open_to_next();
  [[nodiscard]] std::optional<Accepted> answer(std::uint64_t key);
  [[nodiscard]] std::optional<Accepted> lose_patience();
  [[nodiscard]] TurnedAway turn_away(std::list<SilentPeer>::iterator peer, Error why);
  [[nodiscard]] Deadline patience_ends() const noexcept {
    return silent.empty() ? Deadline::never() : Deadline::at(silent.front().since + patience);
  }
};

ChannelDoor::ChannelDoor(std::unique_ptr<Inside> inside) noexcept : inside_{std::move(inside)} {}
ChannelDoor::ChannelDoor(ChannelDoor&& other) noexcept = default;
ChannelDoor& ChannelDoor::operator=(ChannelDoor&& other) noexcept = default;
ChannelDoor::~ChannelDoor() = default;

int ChannelDoor::pollable() const noexcept { return inside_->set.pollable(); }

Result<ChannelDoor> ChannelDoor::listen(const std::string& path, const MessageType& sends, const MessageType& receives,
                                        const ChannelListenOptions& options, std::size_t head_bytes) {
  auto mark = ForkMark::create();
  if (!mark) return std::unexpected{mark.error()};
  auto self = Process::self();
  if (!self) return std::unexpected{self.error()};
  auto set = Epoll::create();
  if (!set) return std::unexpected{set.error()};
  auto listener = UnixListener::listen(UnixType::seqpacket, UnixAddress{path}, options_of_socket(options));
  if (!listener) return std::unexpected{listener.error()};
  if (auto added = set->add(listener->pollable(), listener_key); !added) return std::unexpected{added.error()};
  ChannelTerms terms{.sends = sends,
                     .receives = receives,
                     .capacity = options.capacity.value_or(capacity_of_channel),
                     .address = "channel:" + path,
                     .head_bytes = head_bytes};
  return ChannelDoor{std::make_unique<Inside>(Inside{.mark = std::move(*mark),
                                                     .self = std::move(*self),
                                                     .listener = std::move(*listener),
                                                     .terms = std::move(terms),
                                                     .waiting = options.waiting,
                                                     .set = std::move(*set)})};
}

TurnedAway ChannelDoor::Inside::turn_away(std::list<SilentPeer>::iterator peer, Error why) {
  TurnedAway away{.peer = peer->who, .why = std::move(why)};
  set.remove(peer->socket.get());
  silent.erase(peer);
  return away;
}

std::optional<Accepted> ChannelDoor::Inside::lose_patience() {
  const bool crowded = silent.size() >= silent_peers_max;
  if (!crowded && !patience_ends().passed()) return std::nullopt;
  return turn_away(silent.begin(), {ETIMEDOUT, "accept", terms.address,
                                    crowded ? "too many others have connected and say nothing either"
                                            : "it has connected and does not say what it wants"});
}

Result<std::optional<Accepted>> ChannelDoor::Inside::open_to_next() {
  auto accepted = listener.accept(Deadline::immediately());
  if (!accepted) return std::unexpected{std::move(accepted.error()).with_object(terms.address)};
  if (accepted->is<TimedOut>()) return std::nullopt;
  if (const auto* refused = accepted->get_if<Refused>())
    return TurnedAway{.peer = refused->peer,
                      .why = Error{EACCES, "accept", terms.address,
                                   "user " + std::to_string(refused->peer.uid) + " is not on the list"}};
  UniqueFd& socket = accepted->as<UniqueFd>();
  const auto who = peer_credentials(socket.get());
  if (!who) return std::unexpected{who.error()};
  const std::uint64_t key = next_key++;
  if (auto added = set.add(socket.get(), key); !added) return std::unexpected{added.error()};
  silent.push_back({.key = key, .socket = std::move(socket), .who = *who, .since = Clock::now()});
  return std::nullopt;
}

std::optional<Accepted> ChannelDoor::Inside::answer(std::uint64_t key) {
  const auto peer = std::ranges::find(silent, key, &SilentPeer::key);
  if (peer == silent.end()) return std::nullopt;
  auto link = answer_hello(peer->socket, peer->who, self, terms);
  if (!link) return turn_away(peer, std::move(link.error()));
  if (link->is<TimedOut>()) return std::nullopt;
  ChannelLink& agreed = link->as<ChannelLink>();
  set.remove(agreed.socket.get());
  const Credentials who = peer->who;
  silent.erase(peer);
  auto end = ChannelEnd::make(std::move(agreed), waiting);
  if (!end) return TurnedAway{.peer = who, .why = std::move(end.error())};
  return std::move(*end);
}

/// One step: null when there is nothing to tell yet.
Result<std::optional<Accepted>> ChannelDoor::Inside::look(Deadline deadline) {
  if (auto away = lose_patience()) return away;
  std::array<std::uint64_t, 1> keys{};
  const auto ready = set.wait(keys, deadline.sooner(patience_ends()));
  if (!ready) return std::unexpected{ready.error()};
  if (ready->is<TimedOut>()) {
    if (deadline.passed()) return TimedOut{};
    return std::nullopt;
  }
  if (keys[0] == listener_key) return open_to_next();
  return answer(keys[0]);
}

Result<Accepted> ChannelDoor::accept(Deadline deadline) {
  if (!inside_->mark.same_process())
    return std::unexpected{Error{ECHILD, "accept", inside_->terms.address,
                                 "this listener is the parent's; a child of fork(2) makes its own"}};
  while (true) {
    auto looked = inside_->look(deadline);
    if (!looked) return std::unexpected{looked.error()};
    if (*looked) return std::move(**looked);
  }
}

}  // namespace ginnel::detail
