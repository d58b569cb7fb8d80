#include "hostile/honest.hpp"

#include <chrono>

namespace ginnel::hostile {
namespace {

using namespace std::chrono_literals;
constexpr auto patience = 10s;
constexpr const char* honest_path = "honest";

std::uint64_t sum_over(const Sealed& message) noexcept {
  std::uint64_t sum = message.number;
  for (const std::uint64_t word : message.words) sum = (sum ^ word) * 0x100000001b3U;
  return sum;
}

}  // namespace

Sealed Sealed::of(std::uint64_t number) noexcept {
  Sealed message{.number = number, .words = {}, .sum = 0};
  Random random{number};
  for (std::uint64_t& word : message.words) word = random.next();
  message.sum = sum_over(message);
  return message;
}

bool Sealed::is_whole() const noexcept { return sum == sum_over(*this); }

HonestLink::HonestLink(const Scene& scene) : scene_{scene} {
  auto listener = must(ChannelListener<Sealed>::listen(scene.path(honest_path)));
  auto accepted = must(listener.accept(Deadline::after(patience)));
  if (!accepted.is<Channel<Sealed>>()) throw std::runtime_error{"the honest peer was not let in"};
  channel_ = std::move(accepted.as<Channel<Sealed>>());
}

void HonestLink::exchange() {
  const Deadline deadline = Deadline::after(patience);
  auto& ledger = scene_.ledger;
  const auto sent = timely(ledger, "send to the honest peer", deadline,
                           [&] { return channel_->send(Sealed::of(number_), deadline); });
  if (!sent || !sent->is<Done>()) return ledger.contradict("nothing can be sent to the honest peer");
  const auto got =
      timely(ledger, "receive from the honest peer", deadline, [&] { return channel_->receive(deadline); });
  if (!got || !got->is<Incoming<Sealed>>()) return ledger.contradict("nothing comes from the honest peer");
  const Sealed message = *got->as<Incoming<Sealed>>();
  if (!message.is_whole() || message.number != number_ + 1)
    return ledger.contradict("a message of the honest peer is not what it sent");
  number_ += 2;
  ++ledger.exchanges;
}

void send_back(const Scene& scene) {
  while (true) {
    auto channel = Channel<Sealed>::connect(scene.path(honest_path));
    if (!channel) continue;  // nobody listens yet
    while (true) {
      const auto got = channel->receive();
      if (!got || !got->is<Incoming<Sealed>>()) break;  // the victim has ended
      const Sealed message = *got->as<Incoming<Sealed>>();
      if (!message.is_whole()) scene.ledger.contradict("the honest peer is sent what nobody has made");
      if (!channel->send(Sealed::of(message.number + 1))) break;
    }
  }
}

}  // namespace ginnel::hostile
