#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>

#include "cleanup.hpp"
#include "endpoints/hold_signals.hpp"
#include "endpoints/message_ends.hpp"
#include "endpoints/patience.hpp"
#include "ginnel/msg/channel.hpp"

namespace ginnel::cli {
namespace {

using namespace std::chrono_literals;
using OpenedChannel = Result<Outcome<Channel<AnyBytes>, TimedOut>>;

/// A message of the command's has up to a quarter of it: 1 MiB, as of a socket.
constexpr Bytes capacity_to_send = Bytes::mib(4);
constexpr Bytes capacity_to_receive_only = Bytes::kib(64);
/// A listener that is there answers at once: that is no wait for somebody to come, which --nonblock forbids.
constexpr auto answer_to_hello = 1s;
/// A thread that receives looks so often whether the one that sends has finished.
constexpr auto look_for_the_end_every = 50ms;

class ChannelMessages final : public MessageEnd {
 public:
  explicit ChannelMessages(Channel<AnyBytes> channel) : channel_{std::move(channel)} {}

  Result<Outcome<Done, PeerGone, TimedOut>> send(std::span<const std::byte> message, Deadline deadline) override {
    return channel_.send(message, deadline);
  }

  Result<Outcome<Message, EndOfStream, PeerGone, TimedOut>> receive(Deadline deadline) override {
    while (true) {
      const bool finished = finished_.load();
      auto received = channel_.receive(finished ? Deadline::immediately()
                                                : deadline.sooner(Deadline::after(look_for_the_end_every)));
      if (!received) return std::unexpected{received.error()};
      if (const auto* incoming = received->get_if<Incoming<AnyBytes>>())
        return Message{.data = **incoming, .priority = {}, .type = {}, .deliveries = {}};
      if (received->is<PeerGone>() || finished) return EndOfStream{};
      if (deadline.passed()) return TimedOut{};
    }
  }

  std::size_t longest() const override { return channel_.largest(); }
  bool two_way() const noexcept override { return true; }
  /// A channel ends both ways at once: what the peer has sent until now is received, and no more.
  void finish_sending() noexcept override { finished_.store(true); }

 private:
  Channel<AnyBytes> channel_;
  std::atomic<bool> finished_{false};
};

OpenedChannel accept_channel(const Address& address, const ListenOptions& options, Bytes capacity, Deadline deadline) {
  std::optional<PathToRemove> path;
  std::optional<HoldEndingSignals> hold{std::in_place};
  auto listener = ChannelListener<AnyBytes>::listen(
      address.name,
      {.allow = options.allow_uids, .allow_groups = options.allow_gids, .mode = options.mode, .capacity = capacity});
  if (!listener) return std::unexpected{listener.error()};
  if (!address.name.starts_with('@')) path.emplace(address.name);
  hold.reset();

  while (true) {
    auto accepted = listener->accept(deadline);
    if (!accepted) return std::unexpected{accepted.error()};
    if (auto* channel = accepted->get_if<Channel<AnyBytes>>()) return std::move(*channel);
    if (accepted->is<TimedOut>()) return TimedOut{};
    const TurnedAway& away = accepted->as<TurnedAway>();
    std::fprintf(stderr, "ginnel: refused process %d: %s\n", static_cast<int>(away.peer.pid),
                 away.why.message().c_str());
  }
}

OpenedChannel connect_channel(const Address& address, Bytes capacity, Deadline deadline) {
  return connect_patiently(address, deadline, [&](Deadline by) {
    return Channel<AnyBytes>::connect(address.name, by.is_immediate() ? Deadline::after(answer_to_hello) : by,
                                      {.capacity = capacity});
  });
}

}  // namespace

OpenedMessages open_channel(const Address& address, const MessageDetails& details, Direction direction,
                            const ListenOptions* listen, Deadline deadline) {
  const Bytes capacity =
      details.capacity.value_or(direction == Direction::receive ? capacity_to_receive_only : capacity_to_send);
  auto channel = listen != nullptr ? accept_channel(address, *listen, capacity, deadline)
                                   : connect_channel(address, capacity, deadline);
  if (!channel) return std::unexpected{channel.error()};
  if (channel->is<TimedOut>()) return TimedOut{};
  return std::unique_ptr<MessageEnd>{std::make_unique<ChannelMessages>(std::move(*channel).as<Channel<AnyBytes>>())};
}

}  // namespace ginnel::cli
