#include <array>
#include <chrono>
#include <optional>
#include <type_traits>
#include <vector>

#include "ginnel/msg/channel.hpp"
#include "hostile/assault.hpp"
#include "hostile/honest.hpp"
#include "hostile/offences.hpp"
#include "hostile/readable.hpp"
#include "support/scratch.hpp"

// Who listens for peers on a channel, sends to them and receives from them, whatever they do.

namespace ginnel::hostile {
namespace {

using namespace std::chrono_literals;

constexpr const char* hostile_path = "hostile";
constexpr Bytes smallest_ring = Bytes::kib(64);
constexpr int operations_of_link = 250;
constexpr int operations_between_exchanges = 32;

template <class T>
class ChannelVictim {
  static constexpr bool is_sequence = std::is_unbounded_array_v<T>;

 public:
  ChannelVictim(const Scene& scene, Random random) : scene_{scene}, random_{random}, honest_{scene} {}

  void suffer() {
    const auto before = test::open_descriptors();
    const std::array waitings{Waiting::adaptive, Waiting::sleeping, Waiting::polling};
    while (!scene_.is_over()) {
      // A new one each time, since how a channel waits is said here.
      auto listener = must(ChannelListener<T>::listen(
          scene_.path(hostile_path), {.capacity = smallest_ring, .waiting = random_.one_of(waitings)}));
      for (int links = 0; links < 8 && !scene_.is_over(); ++links) accept_from(listener);
    }
    if (test::open_descriptors() != before) scene_.ledger.contradict("descriptors are left open");
  }

 private:
  void accept_from(ChannelListener<T>& listener) {
    const Deadline deadline = Deadline::after(100ms);
    auto accepted = must(timely(scene_.ledger, "accept", deadline, [&] { return listener.accept(deadline); }));
    if (const auto* away = accepted.template get_if<TurnedAway>())
      return expect_offence(scene_, away->why, {ECONNRESET, ETIMEDOUT}, scene_.path(hostile_path));
    if (auto* channel = accepted.template get_if<Channel<T>>()) endure(*channel);
  }

  void endure(Channel<T>& channel) {
    // It goes on for a while after the end: a channel that is broken stays so.
    int left = operations_of_link;
    if (random_.one_in(4)) static_cast<void>(must(channel.pollable()));
    for (bool good = true; left > 0 && good && !scene_.is_over(); --left) {
      good = random_.one_in(3) ? send(channel) : receive(channel);
      if (left % operations_between_exchanges == 0) honest_.exchange();
    }
    honest_.exchange();
  }

  /// False where the link has come to its end.
  bool receive(Channel<T>& channel) {
    const Deadline deadline = any_deadline(random_);
    ++scene_.ledger.operations;
    const auto got = timely(scene_.ledger, "receive", deadline, [&] { return channel.receive(deadline); });
    if (!got) {
      if (!is_broken(got.error())) return true;
      const auto again = channel.receive(Deadline::immediately());
      if (again || again.error().code() != EBADMSG)
        scene_.ledger.contradict("a channel that was broken off while receiving is received from");
      return false;
    }
    if (const auto* message = got->template get_if<Incoming<T>>()) use(*message);
    return !got->template is<PeerGone>();
  }

  void use(const Incoming<T>& message) {
    ++scene_.ledger.messages;
    std::span<const std::byte> bytes;
    if constexpr (is_sequence)
      bytes = message.in_place();
    else
      bytes = std::as_bytes(std::span{&message.in_place(), 1});
    if (readable_.holds(bytes))
      sum_ += sum_of(bytes);
    else
      scene_.ledger.contradict("a message of " + std::to_string(bytes.size()) + " bytes lies beyond the peer's memory");
  }

  bool send(Channel<T>& channel) {
    const Deadline deadline = any_deadline(random_);
    ++scene_.ledger.operations;
    const auto sent = timely(scene_.ledger, "send", deadline, [&] { return send_any(channel, deadline); });
    if (!sent) {
      if (!is_broken(sent.error())) return true;
      const auto again = send_any(channel, Deadline::immediately());
      if (again || again.error().code() != EBADMSG)
        scene_.ledger.contradict("a channel that was broken off while sending is sent to");
      return false;
    }
    return !sent->template is<PeerGone>();
  }
  Result<Outcome<Done, PeerGone, TimedOut>> send_any(Channel<T>& channel, Deadline deadline) {
    if constexpr (is_sequence) {
      const std::vector<std::byte> message(random_.below(channel.largest() + 1));
      return channel.send(message, deadline);
    } else {
      return channel.send(T{}, deadline);
    }
  }

  /// Whether the channel is of no more use.
  bool is_broken(const Error& error) {
    expect_offence(scene_, error, {EBADMSG, EMFILE}, scene_.path(hostile_path));
    return error.code() == EBADMSG;
  }

  const Scene& scene_;
  Random random_;
  HonestLink honest_;
  Readable readable_{};
  std::uint64_t sum_ = 0;
};

template <class T>
void suffer(const Scene& scene, Random random) {
  ChannelVictim<T>{scene, random}.suffer();
}

template <class T>
void attack(const Scene& scene, Random random) {
  const detail::ChannelTerms terms{
      .sends = message_type<T>(), .receives = message_type<T>(), .capacity = smallest_ring, .address = "the victim"};
  std::vector<std::uint32_t> lengths{sizeof(std::uint64_t)};
  if (std::is_unbounded_array_v<T>) lengths = {0, 1, 8, 63, 1000, 16'000};
  while (true) {
    auto link = detail::connect_channel(UnixAddress{scene.path(hostile_path)}, terms, Deadline::after(1s));
    if (link && link->template is<detail::ChannelLink>())
      Assault{scene, std::move(link->template as<detail::ChannelLink>()), lengths, random}.run();
  }
}

constexpr std::array victims{
    Victim{.name = "channel", .suffer = suffer<std::uint64_t>, .attack = attack<std::uint64_t>, .befriend = send_back},
    Victim{.name = "channel-of-sequences",
           .suffer = suffer<std::byte[]>,
           .attack = attack<std::byte[]>,
           .befriend = send_back},
};

}  // namespace

std::span<const Victim> channel_victims() { return victims; }

}  // namespace ginnel::hostile
