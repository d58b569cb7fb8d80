#include <cerrno>
#include <optional>
#include <utility>

#include "endpoints/message_ends.hpp"
#include "ginnel/msg/queue.hpp"

namespace ginnel::cli {
namespace {

class QueueSender final : public MessageEnd {
 public:
  QueueSender(Queue<std::byte[]> queue, unsigned priority) : queue_{std::move(queue)}, priority_{priority} {}

  Result<Outcome<Done, PeerGone, TimedOut>> send(std::span<const std::byte> message, Deadline deadline) override {
    const auto pushed = queue_.push(message, priority_, deadline);
    if (!pushed) return std::unexpected{pushed.error()};
    if (pushed->is<TimedOut>()) return TimedOut{};
    return Done{};
  }
  Result<Outcome<Message, EndOfStream, PeerGone, TimedOut>> receive(Deadline) override { return EndOfStream{}; }
  std::size_t longest() const override { return queue_.largest(); }

 private:
  Queue<std::byte[]> queue_;
  unsigned priority_;
};

class QueueReceiver final : public MessageEnd {
 public:
  explicit QueueReceiver(Queue<AnyBytes> queue, std::string address)
      : queue_{std::move(queue)}, address_{std::move(address)} {}

  Result<Outcome<Done, PeerGone, TimedOut>> send(std::span<const std::byte>, Deadline) override { return PeerGone{}; }
  Result<Outcome<Message, EndOfStream, PeerGone, TimedOut>> receive(Deadline deadline) override {
    auto got = queue_.pop(deadline);
    if (!got) return std::unexpected{got.error()};
    if (got->is<TimedOut>()) return TimedOut{};
    popped_.emplace(std::move(*got).as<Popped<AnyBytes>>());
    const std::span<const std::byte> bytes = **popped_;
    return Message{.data = {bytes.begin(), bytes.end()},
                   .priority = popped_->priority(),
                   .type = {},
                   .deliveries = popped_->deliveries()};
  }
  Result<void> delivered() override {
    if (popped_ && popped_->ack()) return {};
    return std::unexpected{Error{ESTALE, "acknowledge", address_, "the message is not ours any more"}};
  }
  std::size_t longest() const override { return 0; }

 private:
  Queue<AnyBytes> queue_;
  std::string address_;
  std::optional<Popped<AnyBytes>> popped_;
};

}  // namespace

OpenedMessages open_queue(const Address& address, Direction direction, const MessageDetails& details) {
  if (direction == Direction::send) {
    auto queue = Queue<std::byte[]>::attach(address.name);
    if (!queue) return std::unexpected{queue.error()};
    return std::unique_ptr<MessageEnd>{std::make_unique<QueueSender>(std::move(*queue), details.priority.value_or(0))};
  }
  auto queue = Queue<AnyBytes>::attach(address.name);
  if (!queue) return std::unexpected{queue.error()};
  return std::unique_ptr<MessageEnd>{std::make_unique<QueueReceiver>(std::move(*queue), address.to_string())};
}

}  // namespace ginnel::cli
