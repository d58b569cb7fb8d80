#include <utility>

#include "endpoints/message_ends.hpp"
#include "ginnel/msg.hpp"

namespace ginnel::cli {
namespace {

class TopicSender final : public MessageEnd {
 public:
  explicit TopicSender(Publisher<std::byte[]> publisher) : publisher_{std::move(publisher)} {}

  Result<Outcome<Done, PeerGone, TimedOut>> send(std::span<const std::byte> message, Deadline deadline) override {
    const auto published = publisher_.publish(message, deadline);
    if (!published) return std::unexpected{published.error()};
    if (published->is<TimedOut>()) return TimedOut{};
    return Done{};
  }
  Result<Outcome<Message, EndOfStream, PeerGone, TimedOut>> receive(Deadline) override { return EndOfStream{}; }
  std::size_t longest() const override { return publisher_.largest(); }

 private:
  Publisher<std::byte[]> publisher_;
};

class TopicReceiver final : public MessageEnd {
 public:
  explicit TopicReceiver(Subscriber<AnyBytes> subscriber) : subscriber_{std::move(subscriber)} {}

  Result<Outcome<Done, PeerGone, TimedOut>> send(std::span<const std::byte>, Deadline) override { return PeerGone{}; }
  Result<Outcome<Message, EndOfStream, PeerGone, TimedOut>> receive(Deadline deadline) override {
    auto received = subscriber_.receive(deadline);
    if (!received) return std::unexpected{received.error()};
    if (received->is<TimedOut>()) return TimedOut{};
    if (received->is<WriterGone>()) return EndOfStream{};
    const std::span<const std::byte> bytes = *received->as<Sample<AnyBytes>>();
    return Message{.data = {bytes.begin(), bytes.end()}, .priority = {}, .type = {}, .deliveries = {}};
  }
  std::size_t longest() const override { return 0; }

 private:
  Subscriber<AnyBytes> subscriber_;
};

OpenedMessages open_sender(const Address& address, const MessageDetails& details, Deadline deadline) {
  PublisherOptions options;
  options.capacity = details.capacity.value_or(options.capacity);
  auto publisher = Publisher<std::byte[]>::create(address.name, options);
  if (!publisher) return std::unexpected{publisher.error()};
  const auto read = publisher->wait_for_reader(deadline);
  if (!read) return std::unexpected{read.error()};
  if (read->is<TimedOut>()) return TimedOut{};
  return std::unique_ptr<MessageEnd>{std::make_unique<TopicSender>(std::move(*publisher))};
}

OpenedMessages open_receiver(const Address& address) {
  auto subscriber = Subscriber<AnyBytes>::open(address.name);
  if (!subscriber) return std::unexpected{subscriber.error()};
  return std::unique_ptr<MessageEnd>{std::make_unique<TopicReceiver>(std::move(*subscriber))};
}

}  // namespace

OpenedMessages open_topic(const Address& address, const MessageDetails& details, Direction direction,
                          Deadline deadline) {
  return direction == Direction::send ? open_sender(address, details, deadline) : open_receiver(address);
}

}  // namespace ginnel::cli
