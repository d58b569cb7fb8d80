#include <optional>
#include <string>
#include <utility>

#include "endpoints/leave_on_signal.hpp"
#include "endpoints/message_ends.hpp"
#include "ginnel/msg.hpp"

namespace ginnel::cli {
namespace {

/// Goes from a topic, and takes it along if nobody else is there: a topic without anybody holds nothing.
template <class Handle>
void leave_topic(std::optional<Handle>& handle, const std::string& topic) {
  handle.reset();
  (void)remove_topic(topic);
}

class TopicSender final : public MessageEnd {
 public:
  TopicSender(Publisher<std::byte[]> publisher, std::string topic)
      : publisher_{std::move(publisher)}, topic_{std::move(topic)} {}

  Result<Outcome<Done, TimedOut>> wait_for_reader(Deadline deadline) {
    return wait_and_leave_on_signal(
        deadline, [this](Deadline by) { return publisher_->wait_for_reader(by); },
        [this] { leave_topic(publisher_, topic_); });
  }

  Result<Outcome<Done, PeerGone, TimedOut>> send(std::span<const std::byte> message, Deadline deadline) override {
    const auto published = wait_and_leave_on_signal(
        deadline, [&](Deadline by) { return publisher_->publish(message, by); },
        [this] { leave_topic(publisher_, topic_); });
    if (!published) return std::unexpected{published.error()};
    if (published->is<TimedOut>()) return TimedOut{};
    return Done{};
  }
  Result<Outcome<Message, EndOfStream, PeerGone, TimedOut>> receive(Deadline) override { return EndOfStream{}; }
  std::size_t longest() const override { return publisher_->largest(); }

 private:
  std::optional<Publisher<std::byte[]>> publisher_;
  std::string topic_;
};

class TopicReceiver final : public MessageEnd {
 public:
  TopicReceiver(Subscriber<AnyBytes> subscriber, std::string topic)
      : subscriber_{std::move(subscriber)}, topic_{std::move(topic)} {}

  Result<Outcome<Done, PeerGone, TimedOut>> send(std::span<const std::byte>, Deadline) override { return PeerGone{}; }
  Result<Outcome<Message, EndOfStream, PeerGone, TimedOut>> receive(Deadline deadline) override {
    auto received = wait_and_leave_on_signal(
        deadline, [this](Deadline by) { return subscriber_->receive(by); },
        [this] { leave_topic(subscriber_, topic_); });
    if (!received) return std::unexpected{received.error()};
    if (received->is<TimedOut>()) return TimedOut{};
    if (received->is<WriterGone>()) return EndOfStream{};
    const std::span<const std::byte> bytes = *received->as<Sample<AnyBytes>>();
    return Message{.data = {bytes.begin(), bytes.end()}, .priority = {}, .type = {}, .deliveries = {}};
  }
  std::size_t longest() const override { return 0; }

 private:
  std::optional<Subscriber<AnyBytes>> subscriber_;
  std::string topic_;
};

OpenedMessages open_sender(const Address& address, const MessageDetails& details, Deadline deadline) {
  PublisherOptions options;
  options.capacity = details.capacity.value_or(options.capacity);
  auto publisher = Publisher<std::byte[]>::create(address.name, options);
  if (!publisher) return std::unexpected{publisher.error()};
  auto sender = std::make_unique<TopicSender>(std::move(*publisher), address.name);
  const auto read = sender->wait_for_reader(deadline);
  if (!read) return std::unexpected{read.error()};
  if (read->is<TimedOut>()) return TimedOut{};
  return std::unique_ptr<MessageEnd>{std::move(sender)};
}

OpenedMessages open_receiver(const Address& address) {
  auto subscriber = Subscriber<AnyBytes>::open(address.name);
  if (!subscriber) return std::unexpected{subscriber.error()};
  return std::unique_ptr<MessageEnd>{std::make_unique<TopicReceiver>(std::move(*subscriber), address.name)};
}

}  // namespace

OpenedMessages open_topic(const Address& address, const MessageDetails& details, Direction direction,
                          Deadline deadline) {
  return direction == Direction::send ? open_sender(address, details, deadline) : open_receiver(address);
}

}  // namespace ginnel::cli
